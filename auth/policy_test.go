package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"toolvault/auth"
)

const postSchema = `{"type":"object","additionalProperties":false,"required":["channel"],"properties":{
	"channel":{"type":"string"},"text":{"type":"string"},"thread_ts":{"type":["string","null"]},
	"limit":{"type":"integer"},"score":{"type":"number"},"dry_run":{"type":"boolean"},
	"users":{"type":"array","items":{"type":"string"}},"blocks":{"type":"array","items":{"type":"object"}},
	"meta":{"type":"object"},"any":{}}}`

var shapes = []auth.ToolShape{
	{Name: "slack_post_message", Service: "slack", Input: json.RawMessage(postSchema)},
	{Name: "slack_list_channels", Service: "slack", Input: json.RawMessage(`{"type":"object","properties":{"limit":{"type":"string"},"cursor":{"type":"string"}}}`)},
	{Name: "pinecone_upsert", Service: "pinecone", Input: json.RawMessage(`{"$ref":"#/$defs/in","$defs":{"in":{"type":"object","properties":{"namespace":{"type":"string"},"x-trace":{"type":"string"}}}}}`)},
	{Name: "metabase_query", Service: "metabase", Input: json.RawMessage(`{"type":"object","properties":{"id":{"type":"integer"}},"additionalProperties":true}`)},
	{Name: "hubspot_search", Service: "hubspot", Input: json.RawMessage(`{"type":"object","allOf":[{"properties":{"query":{"type":"string"}}}],"oneOf":[{"properties":{"kind":{"type":"string"}}},{"properties":{"kind":{"type":"integer"}}}]}`)},
}

func compile(t testing.TB, rules ...auth.Rule) *auth.Policy {
	t.Helper()
	p, err := auth.CompilePolicy(rules, shapes)
	if err != nil {
		t.Fatalf("CompilePolicy: %v", err)
	}
	return p
}

func arguments(t testing.TB, text string) map[string]any {
	t.Helper()
	var args map[string]any
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	if err := dec.Decode(&args); err != nil {
		t.Fatal(err)
	}
	return args
}

func post(t testing.TB, args string) auth.Input {
	return auth.Input{
		Agent: "bot", User: "ann", Task: "weekly", Tool: "slack_post_message", Service: "slack",
		Args: arguments(t, args), Now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
	}
}

func allow(tools, expr string) auth.Rule { return auth.Rule{Tools: tools, Allow: expr} }
func deny(tools, expr string) auth.Rule  { return auth.Rule{Tools: tools, Deny: expr} }

func TestDecide(t *testing.T) {
	const p = "slack_post_message"
	channel := allow(p, `args.channel in ["#support-updates"]`)
	for name, c := range map[string]struct {
		rules []auth.Rule
		args  string
		want  bool
		says  string // part of Rule and Reason, joined
	}{
		"no rules":                      {nil, `{}`, true, ""},
		"no rule matches":               {[]auth.Rule{deny("pinecone_*", "true")}, `{}`, true, ""},
		"an allow holds":                {[]auth.Rule{channel}, `{"channel":"#support-updates"}`, true, "rule 1: allow args.channel in"},
		"an allow does not hold":        {[]auth.Rule{channel}, `{"channel":"#general"}`, false, `only if args.channel in ["#support-updates"].`},
		"one of two allows holds":       {[]auth.Rule{channel, allow("*", `agent == "bot"`)}, `{"channel":"#general"}`, true, "rule 2"},
		"deny beats allow":              {[]auth.Rule{channel, deny("slack_*", `user == "ann"`)}, `{"channel":"#support-updates"}`, false, "rule 2: deny"},
		"deny beats a later allow":      {[]auth.Rule{deny("slack_*", `user == "ann"`), channel}, `{"channel":"#support-updates"}`, false, "rule 1: deny"},
		"a deny that does not hold":     {[]auth.Rule{deny("*", `task != "weekly"`)}, `{}`, true, ""},
		"a deny that fails":             {[]auth.Rule{deny(p, `args.thread_ts == "1"`)}, `{"channel":"x"}`, false, `the call has no argument "thread_ts"`},
		"an allow that fails":           {[]auth.Rule{allow(p, `args.limit / 0 == 1`)}, `{"limit":1}`, false, "division by zero"},
		"a failing allow beside a true": {[]auth.Rule{allow(p, `args.text == ""`), allow(p, "true")}, `{}`, false, `no argument "text"`},
		"has guards":                    {[]auth.Rule{deny(p, `has(args.thread_ts) && args.thread_ts == "1"`)}, `{}`, true, ""},
		"in guards":                     {[]auth.Rule{deny(p, `"thread_ts" in args && args["thread_ts"] == "1"`)}, `{"thread_ts":"1"}`, false, "rule 1"},
		"null":                          {[]auth.Rule{allow(p, `args.thread_ts == null`)}, `{"thread_ts":null}`, true, ""},
		"nullable and set":              {[]auth.Rule{allow(p, `args.thread_ts == "5"`)}, `{"thread_ts":"5"}`, true, ""},
		"not a bool at run time":        {[]auth.Rule{allow(p, `args.any`)}, `{"any":"yes"}`, false, "not true or false"},
		"a bool at run time":            {[]auth.Rule{allow(p, `args.any`)}, `{"any":true}`, true, ""},
		"nested map":                    {[]auth.Rule{allow(p, `args.meta.a.b == "c"`)}, `{"meta":{"a":{"b":"c"}}}`, true, ""},
		"nested map without the key":    {[]auth.Rule{allow(p, `args.meta.a.b == "c"`)}, `{"meta":{"a":{}}}`, false, `"b"`},
		"list of maps":                  {[]auth.Rule{deny(p, `args.blocks.exists(b, b.type == "image" && b.size > 100)`)}, `{"blocks":[{"type":"text","size":1},{"type":"image","size":101}]}`, false, "rule 1"},
		"list of strings":               {[]auth.Rule{allow(p, `args.users.all(u, u.endsWith("@example.com"))`)}, `{"users":["a@example.com","b@example.org"]}`, false, ""},
		"list by index":                 {[]auth.Rule{allow(p, `args.users[1] == "b"`)}, `{"users":["a","b"]}`, true, ""},
		"integer":                       {[]auth.Rule{allow(p, `args.limit == 5 && args.limit % 2 == 1`)}, `{"limit":5}`, true, ""},
		"integer written as 5.0":        {[]auth.Rule{allow(p, `args.limit == 5 && args.limit % 2 == 1`)}, `{"limit":5.0}`, true, ""},
		"number written as 5":           {[]auth.Rule{allow(p, `args.score / 2.0 == 2.5`)}, `{"score":5}`, true, ""},
		"number against an integer":     {[]auth.Rule{allow(p, `args.score > 4`)}, `{"score":4.5}`, true, ""},
		"nested numbers":                {[]auth.Rule{allow(p, `args.meta.n == 5 && args.meta.f > 1.4`)}, `{"meta":{"n":5,"f":1.5}}`, true, ""},
		"a number beyond int64":         {[]auth.Rule{allow(p, `args.limit < 10`)}, `{"limit":9223372036854775808}`, false, "only if"},
		"a number beyond double":        {[]auth.Rule{deny(p, `args.limit < 10`)}, `{"limit":1e999}`, false, "cannot be represented"},
		"a keyword as a name":           {[]auth.Rule{deny("pinecone_*", `args.namespace == "prod"`)}, `{}`, true, ""},
		"matches":                       {[]auth.Rule{allow(p, `args.channel.matches("^#support-")`)}, `{"channel":"#support-x"}`, true, ""},
		"more than one may cost":        {[]auth.Rule{allow(p, `args.users.all(a, args.users.all(b, a + b != "zz"))`)}, `{"users":[` + strings.Repeat(`"x",`, 2000) + `"y"]}`, false, "takes too long"},
	} {
		t.Run(name, func(t *testing.T) {
			d := compile(t, c.rules...).Decide(t.Context(), post(t, c.args))
			if d.Allowed != c.want || !strings.Contains(d.Rule+"\n"+d.Reason, c.says) {
				t.Errorf("got %+v, want allowed=%v and %q", d, c.want, c.says)
			}
			if !d.Allowed && (d.Reason == "" || strings.Contains(d.Reason, "\n")) {
				t.Errorf("a refusal needs one sentence, got %q", d.Reason)
			}
		})
	}
}

func TestDecideTakesNativeNumbers(t *testing.T) {
	p := compile(t, allow("slack_post_message", "args.limit == 5 && args.limit + 1 == 6"))
	for _, n := range []any{5, int64(5), 5.0, json.Number("5"), json.Number("5.0"), json.Number("5e0")} {
		in := post(t, `{}`)
		in.Args = map[string]any{"limit": n}
		if d := p.Decide(t.Context(), in); !d.Allowed {
			t.Errorf("%T %v: %+v", n, n, d)
		}
	}
}

func TestLocalTime(t *testing.T) {
	for _, c := range []struct {
		expr string
		now  string
		want bool
	}{
		{`now.getHours("Europe/Berlin") < 6`, "2026-07-01T03:59:00Z", false}, // 05:59 in summer
		{`now.getHours("Europe/Berlin") < 6`, "2026-07-01T04:00:00Z", true},
		{`now.getHours("Europe/Berlin") < 6`, "2026-12-01T04:59:00Z", false}, // 05:59 in winter
		{`now.getHours("Europe/Berlin") < 6`, "2026-12-01T05:00:00Z", true},
		{`now.getHours("+02:00") == 5`, "2026-12-01T03:00:00Z", false},
		{`now.getHours("-03:30") == 0`, "2026-12-01T03:45:00Z", false},
		{`now.getHours() == 3`, "2026-12-01T03:45:00Z", false},
		{`now.getDayOfWeek("Asia/Tokyo") == 0`, "2026-11-28T15:00:00Z", false}, // Sunday there
		{`now.getDayOfMonth("Asia/Tokyo") == 28`, "2026-11-28T15:00:00Z", false},
		{`now.getDate("Asia/Tokyo") == 29`, "2026-11-28T15:00:00Z", false},
		{`now.getMonth("UTC") == 10 && now.getFullYear("UTC") == 2026 && now.getDayOfYear("UTC") == 331`, "2026-11-28T15:00:00Z", false},
		{`now.getMinutes("Asia/Kolkata") == 30 && now.getSeconds("UTC") == 1 && now.getMilliseconds("UTC") == 250`, "2026-11-28T15:00:01.25Z", false},
		{`now > timestamp("2026-11-28T00:00:00Z") && now - duration("1h") < timestamp("2026-11-28T15:00:00Z")`, "2026-11-28T15:00:00Z", false},
		{`now.getHours(agent) == 1`, "2026-11-28T15:00:00Z", false}, // fails: "bot" is no zone
	} {
		in := post(t, `{}`)
		in.Now, _ = time.Parse(time.RFC3339, c.now)
		if d := compile(t, deny("*", c.expr)).Decide(t.Context(), in); d.Allowed != c.want {
			t.Errorf("deny %s at %s: %+v", c.expr, c.now, d)
		}
	}
}

func TestRuleErrors(t *testing.T) {
	for name, c := range map[string]struct {
		rule         auth.Rule
		field        string
		line, column int
		says         string
	}{
		"syntax":                   {allow("*", `agent == `), "allow", 1, 10, "cannot be read"},
		"syntax on line 2":         {deny("*", "agent == \"x\" ||\n  user = \"y\""), "deny", 2, 8, "cannot be read"},
		"unknown variable":         {allow("*", `true && agnet == "x"`), "allow", 1, 9, `did you mean "agent"?`},
		"unknown function":         {allow("*", `agent.startWith("x")`), "allow", 1, 16, `there is no "startWith"`},
		"unknown argument":         {allow("slack_post_message", `args.chanel == "x"`), "allow", 1, 5, `slack_post_message has no argument "chanel"; did you mean "channel"?`},
		"unknown argument by key":  {allow("slack_*", `true || args["chanel"] == "x"`), "allow", 1, 14, `no tool that matches "slack_*" has an argument "chanel"; did you mean "channel"?`},
		"unknown argument in has":  {deny("slack_*", `has(args.chanel)`), "deny", 1, 5, `did you mean "channel"?`},
		"unknown argument in in":   {deny("slack_*", `"chanel" in args`), "deny", 1, 1, `did you mean "channel"?`},
		"no near argument":         {deny("pinecone_upsert", `args.zzzzzz == 1`), "deny", 1, 5, "there are account, namespace, x-trace"},
		"unknown argument, line 3": {deny("slack_*", "user == \"a\"\n\n&& args.chanel == \"b\""), "deny", 3, 8, "chanel"},
		"an argument's type":       {allow("slack_post_message", `args.channel == 5`), "allow", 1, 14, `"==" cannot be applied to`},
		"an argument's type, key":  {allow("slack_post_message", `args["limit"] == "5"`), "allow", 1, 15, `"=="`},
		"double and int":           {allow("slack_post_message", `args.score == 5`), "allow", 1, 12, "write the number with a decimal point"},
		"no bool":                  {allow("slack_post_message", `args.channel`), "allow", 1, 1, "gives a string, not true or false"},
		"no expression":            {auth.Rule{Tools: "*"}, "allow", 0, 0, "no expression"},
		"blank expression":         {deny("*", " \n"), "deny", 0, 0, "no expression"},
		"both":                     {auth.Rule{Tools: "*", Allow: "true", Deny: "true"}, "deny", 0, 0, "either allow or deny"},
		"no tools":                 {allow("", "true"), "tools", 0, 0, "does not say for which tools"},
		"no such tool":             {allow("slack_post_mesage", "true"), "tools", 0, 0, `no tool is called "slack_post_mesage"; did you mean "slack_post_message"?`},
		"no such pattern":          {allow("slak_*", "true"), "tools", 0, 0, `no tool matches "slak_*"; did you mean "slack_*"?`},
		"a pattern of other signs": {allow("slack post", "true"), "tools", 0, 0, "is not a tool's name"},
		"time zone":                {deny("*", `now.getHours("Europe/Berln") < 6`), "deny", 1, 14, `no time zone "Europe/Berln"`},
		"offset":                   {deny("*", `now.getHours("+25:00") < 6`), "deny", 1, 14, `no time zone "+25:00"`},
		"zone as a path":           {deny("*", `now.getHours("../../etc/passwd") < 6`), "deny", 1, 14, "no time zone"},
		"regular expression":       {deny("slack_post_message", `args.channel.matches("[")`), "deny", 1, 22, "regular expression"},
		"timestamp":                {deny("*", `now > timestamp("yesterday")`), "deny", 1, 17, "timestamp"},
		"shadowed":                 {deny("slack_*", `[1].exists(args, args == 1)`), "deny", 1, 11, `"args" is the name of a variable already`},
		"too deep":                 {allow("*", strings.Repeat("(", 300)+"true"+strings.Repeat(")", 300)), "allow", 0, 0, ""},
		"too long":                 {allow("*", strings.Repeat("true||", 1000)+"true"), "allow", 0, 0, "4096 characters"},
		"not UTF-8":                {allow("*", "agent == \"\xff\""), "allow", 0, 0, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.CompilePolicy([]auth.Rule{allow("*", "true"), c.rule}, shapes)
			var e *auth.RuleError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *RuleError", err)
			}
			if e.Index != 1 || e.Field != c.field || !strings.Contains(e.Message, c.says) {
				t.Errorf("got %+v", e)
			}
			if c.line != 0 && (e.Line != c.line || e.Column != c.column) {
				t.Errorf("got %d:%d, want %d:%d (%s)", e.Line, e.Column, c.line, c.column, e.Message)
			}
			if strings.ContainsAny(e.Message, "\n\r") || len(e.Message) > 500 {
				t.Errorf("not one sentence: %q", e.Message)
			}
		})
	}
}

func TestWhatSchemasAllow(t *testing.T) {
	for _, c := range []struct{ tools, expr string }{
		{"slack_*", `args.cursor == ""`},                    // one of the tools has it
		{"slack_*", `args.limit == 5 || args.limit == "5"`}, // the two disagree: anything goes
		{"metabase_query", `args.whatever == 1 && args.id == 5`},
		{"hubspot_search", `args.query == "x" && (args.kind == 1 || args.kind == "1")`},
		{"pinecone_upsert", `args["x-trace"] == "x" && args.namespace == "y"`},
		{"slack_post_message", `args.size() > 0 && args.exists(k, k == "channel")`},
		{"*_post_*", `args.users.size() < 3 && args.dry_run`},
	} {
		if _, err := auth.CompilePolicy([]auth.Rule{allow(c.tools, c.expr)}, shapes); err != nil {
			t.Errorf("%s: %s: %v", c.tools, c.expr, err)
		}
	}
	_, err := auth.CompilePolicy([]auth.Rule{allow("*", "true")}, []auth.ToolShape{{Name: "x", Input: json.RawMessage(`[`)}})
	if err == nil || !strings.Contains(err.Error(), "schema of x") {
		t.Errorf("a schema that is none: %v", err)
	}
}

func TestHides(t *testing.T) {
	for _, c := range []struct {
		rules []auth.Rule
		want  bool
	}{
		{nil, false},
		{[]auth.Rule{deny("slack_*", "true")}, true},
		{[]auth.Rule{deny("pinecone_*", "true")}, false},
		{[]auth.Rule{deny("*", `service == "slack"`)}, true},
		{[]auth.Rule{deny("*", `service == "slack" && agent == "bot"`)}, false},
		{[]auth.Rule{deny("*", `1 == 1 || args.limit == 5`)}, true},
		{[]auth.Rule{deny("*", `tool != "slack_post_message"`)}, false},
		{[]auth.Rule{deny("slack_*", `has(args.channel)`)}, false},
		{[]auth.Rule{deny("*", `now.getHours("UTC") < 24`)}, false},
		{[]auth.Rule{allow("slack_*", "false")}, true},
		{[]auth.Rule{allow("slack_*", `service == "crm" && args.channel == "x"`)}, true},
		{[]auth.Rule{allow("slack_*", "false"), allow("*", `user == "ann"`)}, false},
		{[]auth.Rule{allow("slack_*", `args.channel == "x"`)}, false},
		{[]auth.Rule{deny("slack_*", "false")}, false},
	} {
		if got := compile(t, c.rules...).Hides("slack_post_message"); got != c.want {
			t.Errorf("%+v: hidden is %v", c.rules, got)
		}
	}
}

func TestAToolThatCameLaterIsStillRuled(t *testing.T) {
	p := compile(t, deny("slack_*", "true"))
	in := post(t, `{}`)
	in.Tool = "slack_new_tool"
	if d := p.Decide(t.Context(), in); d.Allowed {
		t.Errorf("a tool that did not exist at compile time passed: %+v", d)
	}
}

func TestDecideEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := compile(t, allow("*", `args.users.all(u, u != "nobody")`))
	in := post(t, `{"users":[`+strings.Repeat(`"x",`, 1000)+`"y"]}`)
	if d := p.Decide(ctx, in); d.Allowed {
		t.Errorf("decided after the end of its context: %+v", d)
	}
}

func TestPatterns(t *testing.T) {
	tools := func(names ...string) (all []auth.ToolShape) {
		for _, n := range names {
			all = append(all, auth.ToolShape{Name: n, Input: json.RawMessage(`{}`)})
		}
		return all
	}
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a_b", true}, {"a_b", "a_b", true}, {"a_b", "a_bc", false}, {"a_*", "a_", true}, {"a_*", "b_a_", false},
		{"*_b", "a_b", true}, {"*_b", "a_bc", false}, {"a*b*c", "a1b2c", true}, {"a*b*c", "acb", false},
		{"**", "x", true}, {"a*a", "a", false}, {"a*a", "aa", true}, {"*a*", "xax", true}, {"*a*", "xx", false},
		{"*ab", "aab", true}, {"a*bc*c", "abcc", true}, {"a*bc*c", "abc", false},
	} {
		_, err := auth.CompilePolicy([]auth.Rule{deny(c.pattern, "true")}, tools(c.name))
		if (err == nil) != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, err)
		}
	}
}

func TestTooManyRules(t *testing.T) {
	rules := make([]auth.Rule, 201)
	for i := range rules {
		rules[i] = deny("*", "false")
	}
	if _, err := auth.CompilePolicy(rules, shapes); err == nil {
		t.Error("201 rules were accepted")
	}
}

func FuzzCompilePolicy(f *testing.F) {
	for _, s := range []string{
		`args.channel in ["#support-updates"]`, `now.getHours("Europe/Berlin") < 6`, `args["chanel"] == 1`,
		`has(args.x) && args.users.exists(u, u == user)`, `[args].exists(a, a.x == 1)`, "\"\\u", `args.score * 2.0 > 1e308`,
		`args.users.map(u, u.size()).filter(n, n > 1).size() == 1`, `timestamp("2026-01-01T00:00:00Z") < now`, `{"a": args}["a"].x`,
		`dyn(args).limit == 1`, `type(args) == map`, `.args.channel == "x"`, `args.any.matches(args.text)`, `1/0 == 1`,
	} {
		f.Add("slack_*", s)
	}
	in := post(f, `{"channel":"#a","text":"b","limit":1,"score":1.5,"users":["a"],"blocks":[{"a":1}],"meta":{"a":[1]},"any":null}`)
	f.Fuzz(func(t *testing.T, tools, expr string) {
		for _, rule := range []auth.Rule{allow(tools, expr), deny(tools, expr)} {
			p, err := auth.CompilePolicy([]auth.Rule{rule}, shapes)
			if err != nil {
				var e *auth.RuleError
				if !errors.As(err, &e) || e.Message == "" || strings.Contains(e.Message, "\n") {
					t.Fatalf("%q: %#v", expr, err)
				}
				if lines := strings.Split(expr, "\n"); e.Line > len(lines) || e.Line > 0 && e.Column < 1 {
					t.Fatalf("%q: position %d:%d", expr, e.Line, e.Column)
				}
				continue
			}
			d := p.Decide(context.Background(), in)
			if !d.Allowed && d.Reason == "" {
				t.Fatalf("%q: refused without a reason", expr)
			}
			if p.Hides(in.Tool) && d.Allowed {
				t.Fatalf("%q: hidden and allowed: %+v", expr, d)
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	for name, r := range map[string]auth.Rule{
		"channel": allow("slack_post_message", `args.channel in ["#support-updates"]`),
		"hours":   deny("*", `now.getHours("Europe/Berlin") < 6`),
	} {
		b.Run(name, func(b *testing.B) {
			p := compile(b, r)
			in := post(b, `{"channel":"#support-updates","text":"hello"}`)
			b.ReportAllocs()
			for b.Loop() {
				if !p.Decide(b.Context(), in).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkCompilePolicy(b *testing.B) {
	rules := []auth.Rule{allow("slack_post_message", `args.channel in ["#support-updates"]`), deny("*", `now.getHours("Europe/Berlin") < 6`)}
	for b.Loop() {
		if _, err := auth.CompilePolicy(rules, shapes); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleCompilePolicy() {
	_, err := auth.CompilePolicy([]auth.Rule{{Tools: "slack_post_message", Allow: `args.chanel == "#general"`}}, shapes)
	fmt.Println(err)
	// Output: rule 1, allow: slack_post_message has no argument "chanel"; did you mean "channel"?
}
