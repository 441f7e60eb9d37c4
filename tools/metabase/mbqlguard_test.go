package metabase

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

// SQL gets into a query by no spelling, at no depth, and in no text.
func TestNoSQLInsideMBQL(t *testing.T) {
	for _, q := range []string{
		`{"native":{"query":"drop table t"}}`,
		`{"Native":{"query":"x"}}`,
		`{"NATIVE":"x"}`,
		`{"nat\u0131ve":"x"}`,
		`{"na\u200btive":"x"}`,
		`{":native":"x"}`,
		`{"native_query":"x"}`,
		`{"source-query":{"native":"select 1"}}`,
		`{"source_query":{"native":"select 1"}}`,
		`{"source-query":{"source-query":{"Native":"select 1"}}}`,
		`{"joins":[{"source-query":{"native":"select 1"}}]}`,
		`{"database":1,"type":"native","query":{"source-table":1}}`,
		`{"database":1,"TYPE":"Native","query":{"source-table":1}}`,
		`{"database":1,"type":":native","query":{"source-table":1}}`,
		`{"database":1,"type":"internal","query":{"source-table":1}}`,
		`{"database":1,"stages":[{"lib/type":"mbql.stage/native","native":"x"}]}`,
		`{"database":1,"stages":[{"lib/type":"mbql.stage/NATIVE"}]}`,
		`{"database":1,"stages":[{"lib_type":"x","joins":[{"stages":[{"lib/type":"mbql.stage/native"}]}]}]}`,
		`{"source-table":"{\"native\":{\"query\":\"x\"}}"}`,
		`{"filter":["=",["field",1,null]," [ {\"NATIVE\": 1 } ]"]}`,
		`{"filter":["=",["field",1,null],"\"{\\\"native\\\":1}\""]}`,
	} {
		for _, tool := range []string{"metabase_run_query", "metabase_create_question"} {
			w := against(t, nil) // nothing may be sent
			args := `{"database":1,"mbql":` + q + `}`
			if tool == "metabase_create_question" {
				args = `{"name":"x","query":` + args + `}`
			}
			w.refused(fault.NotPermitted, "brings SQL along", tool, args)
		}
	}
	for _, q := range []string{
		`{"source-table":1,"filter":["=",["field",1,null],"native"]}`,
		`{"source-table":1,"fields":[["field","native",{"base-type":"type/Text"}]]}`,
		`{"source-table":1,"filter":["=",["field",1,null],"{not json"]}`,
	} {
		if _, err := guardMBQL(json.RawMessage(q)); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
	deep := strings.Repeat(`{"source-query":`, 80) + `1` + strings.Repeat(`}`, 80)
	if _, err := guardMBQL(json.RawMessage(deep)); err == nil {
		t.Error("too deep is let through")
	}
}

var sqlKey = regexp.MustCompile(`(?i)"[^"]*native[^"]*"\s*:`)

// Whatever passes has no key with native in it as it is sent, nor in a text that
// is JSON. The check shares nothing with the guard: it looks at the bytes.
func FuzzGuardMBQL(f *testing.F) {
	for _, s := range []string{`{"source-table":1}`, `{"native":1}`, `{"a":"{\"native\":1}"}`, `{"a":[{"b":"\"{\\\"Native\\\":1}\""}]}`, `[]`, `{"type":"native"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := guardMBQL(json.RawMessage(s))
		if err != nil {
			var f *fault.Error
			if !errors.As(err, &f) || !f.NotSent {
				t.Errorf("%v", err)
			}
			return
		}
		if bringsSQL(q) {
			t.Errorf("%s passes", s)
		}
	})
}

// bringsSQL looks for the key in a value, and in texts that look like JSON.
func bringsSQL(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if strings.Contains(strings.ToLower(key), "native") || bringsSQL(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, bringsSQL)
	case string:
		var inner any
		if json.Unmarshal([]byte(v), &inner) == nil {
			return bringsSQL(inner)
		}
		return strings.IndexAny(strings.TrimSpace(v), `{["`) == 0 && sqlKey.MatchString(v)
	}
	return false
}
