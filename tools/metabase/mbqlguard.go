package metabase

import (
	"bytes"
	"encoding/json"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	maxMBQL      = 64 << 10 // bytes
	maxMBQLDepth = 60
)

// innerKeys are what an MBQL query in the old shape may have; outerKeys what one
// in the shape of MBQL 5 may have. All else is refused, not dropped: the caller
// learns of it.
var (
	innerKeys = []string{"source-table", "source-query", "joins", "expressions", "fields", "filter", "aggregation", "aggregation-idents", "breakout", "order-by", "limit", "page"}
	outerKeys = []string{"lib/type", "database", "stages", "parameters", "type", "query"}
)

// guardMBQL reads a query that is not SQL and makes sure of it: nothing in it, at
// any depth, in any spelling that Metabase takes for the same key, and in no text
// that is JSON itself, brings SQL along. It returns the query decoded anew, so
// that what was judged is what is sent.
func guardMBQL(raw json.RawMessage) (map[string]any, error) {
	if len(raw) > maxMBQL {
		return nil, fault.Wrong("mbql is longer than %d bytes.", maxMBQL)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var q map[string]any
	if err := dec.Decode(&q); err != nil || q == nil {
		return nil, fault.Wrong("mbql has to be an object, such as {\"source-table\": 2, \"aggregation\": [[\"count\"]]}.")
	}
	if err := noSQL(q, 0); err != nil {
		return nil, err
	}
	return q, nil
}

// noSQL refuses SQL in a value.
func noSQL(v any, depth int) error {
	if depth > maxMBQLDepth {
		return fault.Wrong("mbql is nested too deep.")
	}
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			k := spelled(key)
			if strings.Contains(k, "NATIVE") {
				return hasSQL(key)
			}
			if text, ok := inner.(string); ok && (k == "TYPE" || k == "LIB/TYPE") {
				if t := spelled(text); strings.Contains(t, "NATIVE") || strings.Contains(t, "INTERNAL") {
					return hasSQL(key + ": " + text)
				}
			}
			if err := noSQL(inner, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := noSQL(inner, depth+1); err != nil {
				return err
			}
		}
	case string:
		text := strings.TrimSpace(v)
		if len(text) < 2 || !strings.ContainsAny(text[:1], `{["`) {
			return nil
		}
		var inner any
		if json.Unmarshal([]byte(text), &inner) == nil {
			return noSQL(inner, depth+1)
		}
		// Not quite JSON: another reader may be more generous than ours.
		if strings.Contains(text, `"`) && strings.Contains(spelled(text), "NATIVE") {
			return hasSQL("in a text")
		}
	}
	return nil
}

// spelled is a key as the most generous reader would take it: whatever the case,
// _ for -, a colon before it (a Clojure keyword), and characters that nobody sees.
func spelled(key string) string {
	key = strings.Map(func(r rune) rune {
		switch {
		case r == '_':
			return '-'
		case r == ':' || r == ' ' || upstream.Invisible(r):
			return -1
		}
		return r
	}, key)
	return fold(key)
}

func hasSQL(where string) error {
	f := fault.New(fault.NotPermitted, "The query brings SQL along (%s), which this tool does not run. Use metabase_run_sql, which needs the scope sql.run.", upstream.Clean(where, 80))
	f.NotSent, f.Needed = true, []string{"sql.run"}
	return f
}
