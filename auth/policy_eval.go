package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// holds evaluates the rule. Anything but true and false is an error.
func (r *compiledRule) holds(ctx context.Context, vars *variables) (bool, error) {
	vars.rule = r
	out, _, err := r.program.ContextEval(ctx, vars)
	if err != nil {
		return false, explain(err)
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("it gave a value of type %s, not true or false", out.Type().TypeName())
	}
	return bool(b), nil
}

// explain says in an admin's words why an evaluation failed.
func explain(err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "no such attribute(s): args."); ok {
		return fmt.Errorf("the call has no argument %q", name)
	}
	if name, ok := strings.CutPrefix(text, "no such key: "); ok {
		return fmt.Errorf("there is no value %q", name)
	}
	if strings.Contains(text, "cost limit exceeded") {
		return errors.New("it takes too long")
	}
	return err
}

// variables gives a rule its variables: an Activation of CEL. The argument
// "channel" is both args["channel"] and a variable of its own, "args.channel",
// which is what the checker knew the type of.
type variables struct {
	in   *Input
	rule *compiledRule
}

func (v *variables) Parent() cel.Activation { return nil }

func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "agent":
		return types.String(v.in.Agent), true
	case "user":
		return types.String(v.in.User), true
	case "task":
		return types.String(v.in.Task), true
	case "tool":
		return types.String(v.in.Tool), true
	case "service":
		return types.String(v.in.Service), true
	case "now":
		return types.Timestamp{Time: v.in.Now}, true
	case "args":
		return types.NewStringInterfaceMap(jsonAdapter{}, v.in.Args), true
	}
	if name, ok := strings.CutPrefix(name, "args."); ok {
		arg, ok := v.in.Args[name]
		if !ok {
			return nil, false
		}
		return v.rule.args[name].convert(arg), true
	}
	return nil, false
}

// jsonAdapter makes CEL values of decoded JSON, only when a rule looks at them.
type jsonAdapter struct{}

func (a jsonAdapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case string:
		return types.String(v)
	case json.Number:
		return number(v)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(value)
}

// number is an int where the text is one, else a double.
func number(n json.Number) ref.Val {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return types.Int(i)
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		return types.NewErr("the number %s cannot be represented", clip(string(n), 40))
	}
	return types.Double(f)
}

// convert gives a number the type that its schema declares: in JSON 5 and 5.0 are
// the same, in CEL they are not.
func (t argType) convert(arg any) ref.Val {
	v := jsonAdapter{}.NativeToValue(arg)
	switch t.kind {
	case kindDouble:
		if i, ok := v.(types.Int); ok {
			return types.Double(i)
		}
	case kindInt:
		if f, ok := v.(types.Double); ok && float64(f) == math.Trunc(float64(f)) && math.Abs(float64(f)) < 1<<63 {
			return types.Int(f)
		}
	}
	return v
}
