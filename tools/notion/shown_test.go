package notion

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Values of every type, in the vendor's shapes (developers.notion.com/reference/page-property-values),
// as a model sees them.
func TestShownValues(t *testing.T) {
	for value, want := range map[string]string{
		`{"type":"title","title":[{"plain_text":"A"},{"plain_text":"b"}]}`:                                     `"Ab"`,
		`{"type":"rich_text","rich_text":[]}`:                                                                  `null`,
		`{"type":"number","number":null}`:                                                                      `null`,
		`{"type":"number","number":12345678901234567890}`:                                                      `12345678901234567890`,
		`{"type":"select","select":null}`:                                                                      `null`,
		`{"type":"date","date":{"start":"2026-11-24","end":"2026-11-25","time_zone":null}}`:                    `"2026-11-24/2026-11-25"`,
		`{"type":"checkbox","checkbox":false}`:                                                                 `false`,
		`{"type":"people","people":[{"object":"user","id":"u1"},{"object":"user","id":"u2","name":"Ana"}]}`:    `["u1","Ana"]`,
		`{"type":"files","files":[{"name":"a.pdf","type":"file","file":{"url":"https://s3.example/secret"}}]}`: `["a.pdf"]`,
		`{"type":"unique_id","unique_id":{"prefix":null,"number":7}}`:                                          `7`,
		`{"type":"unique_id","unique_id":{"prefix":"TCK","number":7}}`:                                         `"TCK-7"`,
		`{"type":"formula","formula":{"type":"string","string":"x"}}`:                                          `"x"`,
		`{"type":"formula","formula":{"type":"boolean","boolean":true}}`:                                       `true`,
		`{"type":"formula","formula":{"type":"date","date":null}}`:                                             `null`,
		`{"type":"rollup","rollup":{"type":"number","number":3.5,"function":"sum"}}`:                           `3.5`,
		`{"type":"rollup","rollup":{"type":"array","array":[{"type":"title","title":[{"plain_text":"A"}]},{"type":"multi_select","multi_select":[{"name":"x"},{"name":"y"}]},{"type":"number","number":2}],"function":"show_original"}}`: `["A","x","y","2"]`,
		`{"type":"created_by","created_by":{"object":"user","id":"u1","name":"Ana"}}`:                `"Ana"`,
		`{"type":"last_edited_time","last_edited_time":"2026-11-24T09:00:00.000Z"}`:                  `"2026-11-24T09:00:00.000Z"`,
		`{"type":"verification","verification":{"state":"verified","verified_by":null,"date":null}}`: `"verified"`,
		`{"type":"button","button":{}}`:                              `null`,
		`{"type":"a type that is new","a type that is new":{"x":1}}`: `null`,
	} {
		var v valueModel
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			t.Errorf("%s: %v", value, err)
		} else if got := quoted(v.shown(0)); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
	nested := `{"type":"title","title":[]}`
	for range 50 {
		nested = `{"type":"rollup","rollup":{"type":"array","array":[` + nested + `]}}`
	}
	var v valueModel
	if err := json.Unmarshal([]byte(nested), &v); err != nil || v.shown(0) != nil {
		t.Errorf("%v", err)
	}
	many := valueModel{Type: "relation", HasMore: true}
	for range 150 {
		many.Relation = append(many.Relation, named{ID: "r"})
	}
	values, short := shownValues(map[string]valueModel{"Issues": many})
	if got := values["Issues"].([]string); len(got) != maxCells+1 || got[maxCells] != "and 50 more" || !strings.Contains(short, "«Issues»") {
		t.Errorf("%d, %v", len(got), short)
	}
	wide := map[string]valueModel{}
	for i := range 300 {
		wide[fmt.Sprint("Column ", i)] = valueModel{Type: "rich_text", RichText: []textModel{{strings.Repeat("é", 5000)}}}
	}
	values, short = shownValues(wide)
	if n := len(quoted(values)); n > 20_000 || !strings.Contains(short, "left out") {
		t.Errorf("%d bytes, %s", n, short)
	}
}

// The limits never let through what is more than the smallest plan has in a minute.
func TestLimits(t *testing.T) {
	w, _ := sandboxed(t)
	for _, l := range limits(w.client(), nil) {
		if n := l.Burst + int(time.Minute/l.Every); n > 180 {
			t.Errorf("%d requests in a minute", n)
		}
	}
}
