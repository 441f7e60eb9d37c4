package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// values are the fields of a write as Salesforce wants them: of the right type, times
// as such, records by their ids, the values of picklists as they are kept. null clears a
// field.
func (s *service) values(ctx context.Context, c *upstream.Client, o *object, argument string, in map[string]json.RawMessage, creating bool) (map[string]any, error) {
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		f, err := o.field(argument, name)
		if err != nil {
			return nil, err
		}
		if creating && !f.create || !creating && !f.update && !f.create {
			return nil, fault.Wrong("%s: %s cannot be set: Salesforce does it by itself, or this user may not.", argument, name)
		}
		if out[name], err = s.value(ctx, c, argument+"."+name, f, in[name]); err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fault.Wrong("%s: there is nothing to write.", argument)
	}
	return out, nil
}

// value is one value of a write.
func (s *service) value(ctx context.Context, c *upstream.Client, argument string, f *field, raw json.RawMessage) (any, error) {
	raw = bytes.TrimSpace(raw)
	if f.kind == "multipicklist" && len(raw) > 0 && raw[0] == '[' {
		all, err := scalars(raw)
		if err != nil {
			return nil, fault.Wrong("%s: a value %v.", argument, err)
		}
		var parts []string
		for _, v := range all {
			one, err := f.picked(argument, v.text)
			if err != nil {
				return nil, err
			}
			parts = append(parts, one)
		}
		return strings.Join(parts, ";"), nil
	}
	v, err := scalarOf(raw)
	if err != nil {
		return nil, fault.Wrong("%s: the value %v.", argument, err)
	}
	if v.null || v.text == "" && !textual(f.kind) {
		return nil, nil
	}
	switch f.kind {
	case "boolean":
		if v.text != "true" && v.text != "false" {
			return nil, fault.Wrong("%s: %s is true or false.", argument, f.name)
		}
		return v.text == "true", nil
	case "int", "long", "double", "currency", "percent":
		if !numberForm.MatchString(v.text) {
			return nil, fault.Wrong("%s: %s is a number, as in 12.5.", argument, f.name)
		}
		return json.Number(v.text), nil
	case "date":
		if dayForm.MatchString(v.text) {
			return v.text, nil
		}
		t, err := s.instant(ctx, c, argument, v.text, true)
		return t.Format("2006-01-02"), err
	case "datetime":
		t, err := s.instant(ctx, c, argument, v.text, true)
		return t.UTC().Format(time.RFC3339), err
	case "reference":
		if v.text == "" {
			return nil, nil
		}
		return s.refer(ctx, c, argument, f, v.text)
	case "picklist":
		return f.picked(argument, v.text)
	}
	if f.length > 0 && len([]rune(v.text)) > f.length {
		return nil, fault.Wrong("%s: %s takes %d characters at most, and this has %d.", argument, f.name, f.length, len([]rune(v.text)))
	}
	return v.text, nil
}

// picked is the value of a picklist that a word means. Where only those of the list are
// taken, any other is an error that names them.
func (f *field) picked(argument, word string) (string, error) {
	v := f.pickOf(word)
	if !f.restricted || v == "" || slices.ContainsFunc(f.picks, func(p pick) bool { return p.value == v }) {
		return v, nil
	}
	var all []string
	for _, p := range f.picks[:min(len(f.picks), maxShownPicks)] {
		all = append(all, upstream.Clean(p.value, 60))
	}
	return "", fault.Wrong("%s: %q is no value of %s. There are: %s.", argument, upstream.Clean(word, 60), f.name, upstream.Quote(strings.Join(all, "; ")))
}

// reference is a value that stands for the id of what an earlier write has made.
var reference = pattern.New(`^@\{([A-Za-z]\w{0,39})\.id\}$`)
