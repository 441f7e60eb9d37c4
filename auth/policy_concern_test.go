package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolvault/auth"
)

// closed are tools as real ones are: no argument beyond those declared.
var closed = []auth.ToolShape{
	{Name: "slack_post", Service: "slack", Input: json.RawMessage(`{"additionalProperties":false,"required":["channel","text"],"properties":{"channel":{"type":"string"},"text":{"type":"string"},"thread":{"type":"string"},"limit":{"type":"integer","default":20}}}`)},
	{Name: "slack_list", Service: "slack", Input: json.RawMessage(`{"additionalProperties":false,"properties":{"cursor":{"type":"string"},"limit":{"type":"string","default":"20"}}}`)},
	{Name: "slack_users", Service: "slack", Input: json.RawMessage(`{"additionalProperties":false,"properties":{"query":{"type":"string"}}}`)},
	{Name: "crm_search", Service: "crm", Input: json.RawMessage(`{"additionalProperties":false,"required":["kind"],"properties":{"kind":{"type":"string"},"x-team":{"type":"string"}}}`)},
	{Name: "db_open", Service: "db", Input: json.RawMessage(`{"additionalProperties":{"type":"string"},"properties":{}}`)},
}

// full has a good value for every argument of a tool.
var full = map[string]string{
	"slack_post": `{"channel":"#support","text":"x","thread":"1","limit":20}`, "slack_list": `{"cursor":"c","limit":"20"}`,
	"slack_users": `{"query":"q"}`, "crm_search": `{"kind":"deals","x-team":"t"}`, "db_open": `{"channel":"#support"}`,
}

// verdicts tells of each tool, in the order of closed, whether a call with all
// arguments is allowed: "+", or not: "-".
func verdicts(t *testing.T, p *auth.Policy) string {
	t.Helper()
	var all strings.Builder
	for _, tool := range closed {
		in := post(t, full[tool.Name])
		in.Tool, in.Service = tool.Name, tool.Service
		d := p.Decide(t.Context(), in)
		if p.Hides(tool.Name) && d.Allowed {
			t.Errorf("%s is hidden and allowed", tool.Name)
		}
		all.WriteString(map[bool]string{true: "+", false: "-"}[d.Allowed])
	}
	return all.String()
}

func TestARuleConcernsOnlyToolsThatHaveWhatItReads(t *testing.T) {
	for _, c := range []struct {
		rule auth.Rule
		want string // slack_post, slack_list, slack_users, crm_search, db_open
	}{
		{deny("*", `args.channel == "#general"`), "+++++"},
		{deny("*", `args.channel == "#support"`), "-+++-"},
		{deny("*", `args["channel"] == "#support"`), "-+++-"},
		{deny("*", `["#support"].exists(c, c == args.channel)`), "-+++-"},
		{deny("*", `has(args.channel) && args.channel == "#support"`), "-+++-"},
		{allow("slack_*", `args.channel in ["#support"]`), "+++++"},
		{allow("slack_*", `args.channel in ["#other"]`), "-++++"},
		{allow("slack_*", `task == "other" && args.channel in ["#support"]`), "-++++"},
		{allow("*", `args["x-team"] == "other"`), "+++--"}, // of db_open nobody knows what it takes

		// Where the expression itself says what is without the argument, it holds.
		{allow("slack_*", `has(args.channel) && args.channel == "#support"`), "+--++"},
		{allow("slack_*", `args.channel == "#support" && has(args.channel)`), "+--++"},
		{allow("slack_*", `"channel" in args && args.channel == "#support"`), "+--++"},
		{allow("slack_*", `!has(args.channel) || args.channel == "#other"`), "-++++"},
		{allow("slack_*", `has(args.channel) ? args.channel == "#other" : tool == "slack_list"`), "-+-++"},
		{deny("*", `!(has(args.channel) && args.channel == "#support")`), "+---+"},
		{deny("*", `!has(args.channel)`), "+---+"},

		// Each part of an "or" counts for itself.
		{deny("*", `args.channel == "#support" || args.kind == "deals"`), "-++--"},
		{deny("*", `args.channel == "#support" || tool == "slack_users"`), "-+-+-"},
		{deny("*", `tool == "slack_users" || args.channel == "#general"`), "++-++"},
		{allow("slack_*", `tool == "slack_list" || args.channel == "#support"`), "++-++"},
		{allow("slack_*", `args.channel == "#other" || tool == "slack_list"`), "-+-++"},
		{deny("*", `user == "ann" && (tool == "slack_users" || args.channel == "#general")`), "++-++"},
		{deny("*", `tool == "slack_post" ? args.channel != "#support" : true`), "+----"},
		{deny("*", `(tool == "slack_users" || args.channel == "#general") ? true : false`), "++-++"},

		// What cannot be taken apart stays whole, and denies where it fails.
		{deny("*", `["slack_list", "#support"].exists(x, tool == x || args.channel == x)`), "-----"},
		{allow("slack_*", `["slack_list", "#support"].exists(x, tool == x || args.channel == x)`), "++-++"},
		{deny("*", `["#support"].filter(c, c == args.channel).size() > 0`), "-+++-"},
		{deny("*", `["#other"].all(c, c != args.channel)`), "-+++-"},

		// "Nothing but posts to #support."
		{deny("*", `!(tool == "slack_post" && args.channel == "#support")`), "+----"},
		{deny("*", `tool != "slack_post" || args.channel != "#support"`), "+----"},
		{deny("*", `!(args.channel == "#support")`), "+++++"},
		{allow("*", `!(tool == "slack_list" || args.channel == "#other")`), "+++++"},
	} {
		p, err := auth.CompilePolicy([]auth.Rule{c.rule}, closed)
		if err != nil {
			t.Errorf("%+v: %v", c.rule, err)
			continue
		}
		if got := verdicts(t, p); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.rule, got, c.want)
		}
	}
}

// TestWhatIsTrueWithoutTheArgumentIsTrue holds rules for a tool without the
// argument against what CEL itself makes of them, which a tool shows that came
// later and is held against the whole: what has a value there keeps it.
func TestWhatIsTrueWithoutTheArgumentIsTrue(t *testing.T) {
	atoms := []string{
		`user == "ann"`, `user == "bob"`, `args.channel == "x"`, `args.channel != "x"`, `args["thread"] == ""`,
		`has(args.channel)`, `has(args.thread)`, `"channel" in args`, `["x"].exists(c, c == args.channel)`,
	}
	var expr func(t *rapid.T, depth int) string
	expr = func(t *rapid.T, depth int) string {
		form := rapid.IntRange(0, 7).Draw(t, "form")
		if depth == 0 || form < 2 {
			return rapid.SampledFrom(atoms).Draw(t, "atom")
		}
		a, b := expr(t, depth-1), expr(t, depth-1)
		switch form {
		case 2, 3:
			return "(" + a + " && " + b + ")"
		case 4:
			return "!" + "(" + a + ")"
		case 5:
			return "(" + a + " ? " + b + " : " + expr(t, depth-1) + ")"
		case 6:
			return `["p", "q"].exists(v, v == "q" && (` + a + " || " + b + "))"
		}
		return "(" + a + " || " + b + ")"
	}
	letOff := 0
	rapid.Check(t, func(t *rapid.T) {
		text := expr(t, 3)
		decide := func(rule auth.Rule, tool string) (allowed, failed bool) {
			p, err := auth.CompilePolicy([]auth.Rule{rule}, closed)
			if err != nil && strings.Contains(err.Error(), "nesting") {
				t.Skip(text)
			}
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			d := p.Decide(context.Background(), auth.Input{User: "ann", Tool: tool, Service: "slack", Args: map[string]any{}})
			if p.Hides(tool) && d.Allowed {
				t.Fatalf("%s: hidden and allowed", text)
			}
			return d.Allowed, strings.Contains(d.Reason, "could not be evaluated")
		}
		late, lateFails := decide(deny("slack_*", text), "slack_late")
		known, knownFails := decide(deny("slack_*", text), "slack_list")
		if !lateFails && late != known {
			t.Fatalf("deny %s is %v, and %v for the tool (failed: %v)", text, !late, !known, knownFails)
		}
		if !lateFails && !late { // true
			if allowed, _ := decide(allow("slack_*", text), "slack_list"); !allowed {
				t.Fatalf("allow %s is true, and refuses the tool", text)
			}
		}
		if lateFails && known {
			letOff++
		}
	})
	if letOff == 0 {
		t.Error("no rule was let off a tool that lacks what it reads")
	}
}

// TestALateToolIsHeldAgainstTheWholeRule: of a tool that was not there when the
// rules were compiled nobody knows the arguments, so it is not let off.
func TestALateToolIsHeldAgainstTheWholeRule(t *testing.T) {
	p, err := auth.CompilePolicy([]auth.Rule{deny("slack_*", `args.channel == "#general"`)}, closed)
	if err != nil {
		t.Fatal(err)
	}
	in := post(t, `{}`)
	in.Tool = "slack_new"
	if d := p.Decide(t.Context(), in); d.Allowed {
		t.Errorf("%+v", d)
	}
}

// TestATowerOfConditions must not take time that doubles with each floor.
func TestATowerOfConditions(t *testing.T) {
	for _, leaf := range []string{`args.channel == "x"`, `has(args.channel)`} {
		expr := leaf
		for range 40 {
			expr = "(" + expr + " ? true : tool == \"slack_list\")"
		}
		start := time.Now()
		_, err := auth.CompilePolicy([]auth.Rule{deny("*", expr)}, closed)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: %v (%v)", leaf, d, err)
		}
		t.Logf("%v: %v", time.Since(start), err)
	}
}

func TestARuleThatConcernsNoToolIsAnError(t *testing.T) {
	for _, c := range []struct {
		rule         auth.Rule
		line, column int
		says         string
	}{
		{deny("*", "args.kind == \"x\" &&\n  args.query == \"y\""), 2, 7, `has all the arguments that the expression reads (kind, query)`},
		{allow("slack_*", `args.chanel == "x"`), 1, 5, `did you mean "channel"?`},
		{allow("slack_users", `args.channel == "x"`), 1, 5, `slack_users has no argument "channel"`},
		{deny("*", `args.channel == 5`), 1, 14, `"=="`},
		{deny("*", `args.kind == 5 || args.channel == "x"`), 1, 11, `"=="`},
	} {
		shapes := closed[:4] // without the one that takes anything
		_, err := auth.CompilePolicy([]auth.Rule{c.rule}, shapes)
		var e *auth.RuleError
		if !errors.As(err, &e) {
			t.Errorf("%+v: %v", c.rule, err)
			continue
		}
		if e.Line != c.line || e.Column != c.column || !strings.Contains(e.Message, c.says) {
			t.Errorf("%+v: %d:%d %s", c.rule, e.Line, e.Column, e.Message)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		rule auth.Rule
		want []string // what the warnings say, one each
	}{
		{allow("slack_post", `args.channel == "x" && args.limit < 50`), nil}, // required, and with a default
		{deny("slack_post", `args.thread == "1"`), []string{`slack_post may leave out thread, and then the rule fails and denies the call: begin it with has(args.thread) && to let such calls through`}},
		{allow("slack_*", `args.thread == "1" || args.cursor == "c"`), []string{
			`slack_list may leave out cursor`, `begin it with !has(args.thread) || to let such calls through, or with has(args.thread) && to refuse them`}},
		{deny("slack_post", `has(args.thread) && args.thread == "1"`), nil},
		{allow("slack_post", `!has(args.thread) || args.thread == "1"`), nil},
		{deny("*", `args.channel == "#general"`), []string{`db_open may leave out channel`}}, // slack_post must have it
		{deny("crm_*", `args["x-team"] == "a"`), []string{`begin it with "x-team" in args && to`}},
	} {
		p, err := auth.CompilePolicy([]auth.Rule{allow("*", "true"), c.rule}, closed)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Warnings()
		for i, want := range c.want {
			if len(got) != len(c.want) || !strings.HasPrefix(got[i], "rule 2: ") || !strings.Contains(got[i], want) {
				t.Errorf("%+v: got %q, want %q", c.rule, got, c.want)
			}
		}
		if len(c.want) == 0 && len(got) > 0 {
			t.Errorf("%+v: got %q", c.rule, got)
		}
		if len(got) > 0 {
			got[0] = "changed"
			if slices.Contains(p.Warnings(), "changed") {
				t.Error("the caller's copy is the policy's")
			}
		}
	}
	if w := (*auth.Policy)(nil).Warnings(); w != nil {
		t.Errorf("no policy: %q", w)
	}
}
