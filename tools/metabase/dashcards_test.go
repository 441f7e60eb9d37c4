package metabase

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

// Cards and tabs that no op names come out of an edit as they went in, with keys
// that this program does not know.
func TestEditLeavesTheOthersAlone(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	before := double.Snapshot()
	e := must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":"Operations","ops":[
		{"op":"add","question":"Open tickets","tab":"Trends","width":24},
		{"op":"add_text","text":"# Numbers","tab":"Today"},
		{"op":"resize","card":521,"width":12}]}`)
	if !e.Applied || len(e.Changes) != 3 || len(e.Cards) != 4 {
		t.Errorf("got %+v", e)
	}
	after := double.Snapshot()
	for k, v := range before {
		switch {
		case k == "dashcard 521":
			if !strings.Contains(after[k], `"size_x":12`) {
				t.Errorf("%s is %s", k, after[k])
			}
		case after[k] != v:
			t.Errorf("%s was %s and is %s", k, v, after[k])
		}
	}
	if !strings.Contains(after["dashcard 522"], "inline_parameters") || len(after) != len(before)+2 {
		t.Errorf("%d things before, %d after: %s", len(before), len(after), after["dashcard 522"])
	}
	d := must[Dashboard](w, "metabase_get_dashboard", `{"id":45,"tab":"Trends","response_format":"detailed"}`)
	if len(d.Cards) != 2 || *d.Cards[1].Row != 8 || fmt.Sprint(d.Cards[0].Filters) != "[status]" {
		t.Errorf("the tab: %+v", d.Cards)
	}
	if d = must[Dashboard](w, "metabase_get_dashboard", `{"id":45,"tab":61}`); len(d.Cards) != 2 || d.Cards[1].Text != "Numbers" {
		t.Errorf("the other: %+v", d.Cards)
	}
}

// A number beyond 2^53 and a key nobody knows go back as they came; what Metabase
// only shows of the questions does not.
func TestWhatIsSentBackIsWhatCame(t *testing.T) {
	const cards = `[{"id":1,"card_id":7,"row":0,"col":0,"size_x":4,"size_y":4,"future":{"n":9007199254740993,"x":[1.50,null]},"card":{"name":"big"},"series":[{"id":3,"name":"s"}]},{"id":2,"row":9,"col":0,"size_x":1,"size_y":1}]`
	var sent struct {
		Cards []json.RawMessage `json:"dashcards"`
		Tabs  json.RawMessage   `json:"tabs"`
	}
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPut {
			_ = json.NewDecoder(r.Body).Decode(&sent)
		}
		_, _ = fmt.Fprintf(rw, `{"id":5,"name":"d","dashcards":%s,"tabs":[]}`, cards)
	}))
	must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":5,"ops":[{"op":"move","card":2,"row":12}]}`)
	if want := `{"card_id":7,"col":0,"future":{"n":9007199254740993,"x":[1.50,null]},"id":1,"row":0,"series":[{"id":3,"name":"s"}],"size_x":4,"size_y":4}`; len(sent.Cards) != 2 || string(sent.Cards[0]) != want {
		t.Errorf("sent %s", sent.Cards)
	}
	if sent.Tabs != nil {
		t.Errorf("tabs were sent: %s", sent.Tabs)
	}
}

// An instance that loses a card is not believed.
func TestLostCardsAreNoticed(t *testing.T) {
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		cards := `[{"id":1,"row":0,"col":0,"size_x":4,"size_y":4},{"id":2,"row":9,"col":0,"size_x":1,"size_y":1}]`
		if r.Method == http.MethodPut {
			cards = `[]`
		}
		_, _ = fmt.Fprintf(rw, `{"id":5,"name":"d","dashcards":%s}`, cards)
	}))
	w.refused(fault.UpstreamError, "card 1 is gone", "metabase_edit_dashboard_cards", `{"id":5,"ops":[{"op":"move","card":2,"row":12}]}`)
}

// A dashboard without its list of cards cannot be edited: an empty list would
// delete them all.
func TestNoCardsInTheAnswerIsNoEmptyList(t *testing.T) {
	puts := 0
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			puts++
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(`{"id":5,"name":"d","cards":[{"id":1}]}`))
	}))
	w.refused(fault.UpstreamError, "cannot be read", "metabase_edit_dashboard_cards", `{"id":5,"ops":[{"op":"add_text","text":"x"}]}`)
	if puts != 0 {
		t.Error("it was written")
	}
}

func TestEditsThatAreRefusedChangeNothing(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	before := double.Snapshot()
	for _, c := range []struct{ ops, says string }{
		{`[{"op":"remove","card":501},{"op":"move","card":9}]`, "ops[1] (move): There is no card"},
		{`[{"op":"move","card":501,"col":20}]`, "beyond the 24 columns"},
		{`[{"op":"move","card":501,"col":6}]`, "cover card 502"},
		{`[{"op":"add","question":101,"row":0,"col":0}]`, "first free row below all is 7"},
		{`[{"op":"add_text","text":" "}]`, "needs a text"},
		{`[{"op":"add","question":101,"tab":"Trends"}]`, "has no tabs"},
		{`[{"op":"map_filter","card":503,"filter":"status","target":"x"}]`, "is a text"},
		{`[{"op":"map_filter","card":501,"filter":"colour","target":"x"}]`, "it has: created, status"},
		{`[{"op":"map_filter","card":501,"filter":"status","target":"colour"}]`, "it has: status"},
		{`[{"op":"unmap_filter","card":502,"filter":"status"}]`, "does not act"},
		{`[{"op":"move","card":501}]`, "is there already"},
	} {
		_, err := w.call("metabase_edit_dashboard_cards", `{"id":42,"ops":`+c.ops+`}`)
		if f := toolstest.FaultOf(t, err); !strings.Contains(f.Message, c.says) || !f.NotSent {
			t.Errorf("%s: %+v", c.ops, f)
		}
	}
	w.refused(fault.Conflict, "Somebody has changed", "metabase_edit_dashboard_cards", `{"id":42,"ops":[{"op":"remove","card":501}],"expected_updated_at":"2026-01-01T00:00:00Z"}`)
	dry := must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":42,"dry_run":true,"ops":[{"op":"remove","card":"Open tickets"},{"op":"add","question":107},{"op":"add_tab","text":"More"}]}`)
	if dry.Applied || len(dry.Cards) != 3 || dry.Cards[2].Name != "Workload by customer" || dry.Cards[0].Tab != "Tab 1" {
		t.Errorf("the plan: %+v", dry)
	}
	if !maps.Equal(before, double.Snapshot()) {
		t.Error("something changed")
	}
	d := must[Dashboard](w, "metabase_get_dashboard", `{"id":42}`)
	must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":42,"ops":[{"op":"remove","card":501}],"expected_updated_at":"`+d.UpdatedAt+`"}`)
}

func TestTabsAndFilters(t *testing.T) {
	w := sandboxed(t)
	e := must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":42,"ops":[{"op":"add_tab","text":"More"},{"op":"move","card":503,"tab":"More"},{"op":"add","question":107,"tab":"More"},{"op":"add","question":109,"tab":"More"}]}`)
	tabs := map[string]int{}
	for _, c := range e.Cards {
		tabs[c.Tab]++
	}
	if tabs["Tab 1"] != 2 || tabs["More"] != 3 {
		t.Errorf("tabs: %+v", e.Cards)
	}
	e = must[EditedCards](w, "metabase_edit_dashboard_cards", `{"id":42,"ops":[{"op":"map_filter","card":"Workload by customer","filter":"Status","target":"status"},{"op":"unmap_filter","card":501,"filter":"status"}]}`)
	if fmt.Sprint(e.Cards[0].Filters, e.Cards[3].Filters) != "[] [status]" {
		t.Errorf("filters: %+v", e.Cards)
	}
	got := must[Rows](w, "metabase_run_dashboard_card", `{"dashboard":42,"card":"Workload by customer","filters":{"status":"open"}}`)
	if got.Count != 3 || got.Note != "" {
		t.Errorf("it acts as %+v", got)
	}
}
