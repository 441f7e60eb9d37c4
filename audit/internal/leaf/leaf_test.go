package leaf

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMembersAreThoseOfTheObject(t *testing.T) {
	object := []byte(`{"index":12,"time":"2026-11-24T09:00:00.5Z","agent":"a \"b\" \\","chain":["x","y]"],"ms":{"total":1.5,"note":"}"},"write":true,"none":null}`)
	want := [][2]string{
		{"index", "12"}, {"time", `"2026-11-24T09:00:00.5Z"`}, {"agent", `"a \"b\" \\"`}, {"chain", `["x","y]"]`},
		{"ms", `{"total":1.5,"note":"}"}`}, {"write", "true"}, {"none", "null"},
	}
	m := Of(object)
	for _, w := range want {
		if !m.Next() || string(m.Name) != w[0] || string(m.Value) != w[1] {
			t.Fatalf("%s %s, want %s", m.Name, m.Value, w)
		}
	}
	if m.Next() {
		t.Errorf("one more: %s", m.Name)
	}
	if got := string(Text([]byte(`"a \"b\" \\"`))); got != `a "b" \` {
		t.Error(got)
	}
}

func TestTimesAreThoseOfThePackageTime(t *testing.T) {
	for _, s := range []string{
		"2026-11-24T09:00:00Z", "2026-11-24T09:00:00.123456789Z", "2024-02-29T23:59:59.1Z", "2026-02-30T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-11-24T09:00:00+01:00", "2026-11-24T24:00:00Z", "no time", "", "2026-11-24T09:00:00.Z", "2026-11-24x09:00:00Z",
	} {
		want, _ := time.Parse(time.RFC3339Nano, s)
		raw, _ := json.Marshal(s)
		if got := Time(raw); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// FuzzMembers holds the reader against encoding/json: what that takes for an
// object has the same members here, and nothing makes it fail.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":{"b":[1,"]"]},"c":"\\\""}`, `{"a"`, `{"a":"`, `[`, ``, `{"a":1,}`, `{"\u0061":"\u0062"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Of(b)
		got := map[string]string{}
		for m.Next() {
			var name string
			quoted := append(append([]byte{'"'}, m.Name...), '"')
			if json.Unmarshal(quoted, &name) == nil {
				got[name] = string(m.Value)
			}
			Text(m.Value)
			Time(m.Value)
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(b, &want) != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %v, want %v", b, got, want)
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Fatalf("%q: %s is %s, want %s", b, name, got[name], value)
			}
		}
	})
}
