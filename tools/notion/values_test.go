package notion

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/toolstest"
)

// row is the values of the row of a title.
func row(w *world, title string) string {
	w.t.Helper()
	r := must[Rows](w, "notion_query_data_source", `{"data_source": "Customers", "filters": [{"property": "Name", "op": "equals", "value": `+quoted(title)+`}]}`)
	if len(r.Rows) != 1 {
		w.t.Fatalf("%d rows are called %s", len(r.Rows), title)
	}
	return quoted(r.Rows[0].Values)
}

// Plain values of every type arrive as what they mean.
func TestPlainValues(t *testing.T) {
	w, _ := sandboxed(t)
	issue := must[Found](w, "notion_search", `{"query": "Export to CSV"}`).Results[0]
	for _, c := range []struct{ value, want string }{
		{`"Status": "churned"`, `"Status":"Churned"`},
		{`"Plan": "Team"`, `"Plan":"Team"`},
		{`"Plan": null`, ``},
		{`"Tags": ["Export", "onboarding"]`, `"Tags":["export","onboarding"]`},
		{`"Tags": "renewal"`, `"Tags":["renewal"]`},
		{`"Tags": []`, ``},
		{`"MRR": 12.5`, `"MRR":12.5`},
		{`"mrr": "980"`, `"MRR":980`},
		{`"Renewal": "2027-02-01"`, `"Renewal":"2027-02-01"`},
		{`"Renewal": "tomorrow"`, `"Renewal":"2026-11-25"`},
		{`"Renewal": "tomorrow 9:00"`, `"Renewal":"2026-11-25T09:00:00Z"`},
		{`"Renewal": "2027-02-01/2027-02-03"`, `"Renewal":"2027-02-01/2027-02-03"`},
		{`"Renewal": {"start": "2027-02-01T10:00", "time_zone": "Europe/Berlin"}`, `"Renewal":"2027-02-01T10:00:00 Europe/Berlin"`},
		{`"Owner": ["marta.klein@northwind.example", "Jonas Brekke"]`, `"Owner":["Marta Klein","Jonas Brekke"]`},
		{`"Contact": "Dana «W.»"`, `"Contact":"Dana «W.»"`},
		{`"Email": "d@acme.example"`, `"Email":"d@acme.example"`},
		{`"Website": "https://acme.example/x"`, `"Website":"https://acme.example/x"`},
		{`"Website": ""`, ``},
		{`"Phone": "+31 10"`, `"Phone":"+31 10"`},
		{`"Key account": "yes"`, `"Key account":true`},
		{`"Issues": ["` + issue.URL + `"]`, `"Issues":["` + issue.ID + `"]`},
		{`"Files": "https://files.example/a.pdf"`, `"Files":["a.pdf https://files.example/a.pdf"]`},
	} {
		must[Changed](w, "notion_update_page", `{"page": "Acme", "properties": {`+c.value+`}}`)
		name, _, _ := strings.Cut(c.want, ":")
		if got := row(w, "Acme"); c.want == "" && strings.Contains(strings.ToLower(got), strings.ToLower(strings.Split(c.value, ":")[0])) || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s %s", c.value, name, got)
		}
	}
	// The whole as a text, as some clients send it; a new row, and a text in pieces.
	must[Changed](w, "notion_create_page", `{"parent": "Customers", "title": "New one", "properties": "{\"Status\": \"Healthy\", \"Contact\": \"`+strings.Repeat("é", 4500)+`\"}", "markdown": "# Notes\n\nNone."}`)
	if got := row(w, "New one"); !strings.Contains(got, `"Status":"Healthy"`) || strings.Count(got, "é") < 1999 {
		t.Errorf("%.200s", got)
	}
	if got := read(w, "New one"); got != "# Notes\n\nNone." {
		t.Error(got)
	}
}

func TestValuesTeach(t *testing.T) {
	w, d := sandboxed(t)
	before := fmt.Sprint(d.Snapshot())
	for value, says := range map[string]string{
		`"Statos": "Healthy"`:       "Did you mean «Status»?",
		`"Status": "Helthy"`:        "Did you mean «Healthy»?",
		`"Plan": "Gold"`:            "There are «Starter», «Team», «Enterprise»",
		`"Tags": ["export", "vip"]`: "no option",
		`"MRR": "much"`:             "takes a number",
		`"MRR": "NaN"`:              "takes a number",
		`"Renewal": "someday"`:      "is no time",
		`"Renewal": {"start": "2027-02-01", "time_zone": "Mars/Base"}`: "no time zone",
		`"Owner": "Nobody Here"`:                            "no person",
		`"Issues": "the export one"`:                        "is no page",
		`"Issues": "https://evil.example/x"`:                "not the address",
		`"Files": "file:///etc/passwd"`:                     "https addresses",
		`"Yearly": 3`:                                       "cannot be set",
		`"Added": "2026-01-01"`:                             "cannot be set",
		`"Contact": {"a": 1}`:                               "takes a text",
		`"Key account": "perhaps"`:                          "true or false",
		`"Contact": "` + strings.Repeat("x", 201_000) + `"`: "",
	} {
		_, err := w.call("notion_update_page", `{"page": "Acme", "properties": {`+value+`}}`)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v", value, err)
		}
	}
	for args, says := range map[string]string{
		`{"page": "Acme"}`: "Nothing to change",
		`{"page": "Escalations", "properties": {"Status": "Healthy"}}`: "is not a row",
	} {
		_, err := w.call("notion_update_page", args)
		if f := toolstest.FaultOf(t, err); !strings.Contains(f.Message, says) {
			t.Error(f)
		}
	}
	for args, says := range map[string]string{
		`{"parent": "Archive"}`: "needs a title",
		`{"parent": "Archive", "title": "x", "properties": {"Status": "Healthy"}}`: "the parent here is a page",
		`{"parent": "Nowhere at all", "title": "x"}`:                               "no page",
		`{"parent": "00000000-0000-4000-8000-000000000000", "title": "x"}`:         "not shared with this connection",
	} {
		_, err := w.call("notion_create_page", args)
		if f := toolstest.FaultOf(t, err); !strings.Contains(f.Message, says) {
			t.Error(f)
		}
	}
	if fmt.Sprint(d.Snapshot()) != before {
		t.Error("something was changed")
	}
}

func TestPages(t *testing.T) {
	w, _ := sandboxed(t)
	p := must[Changed](w, "notion_create_page", `{"parent": "Support runbooks", "title": "Handover", "icon": "🗓️"}`)
	p = must[Changed](w, "notion_update_page", `{"page": "`+p.ID+`", "title": "Handover of the week", "locked": true}`)
	if p.Title != "Handover of the week" || !p.Locked {
		t.Errorf("%+v", p)
	}
	p = must[Changed](w, "notion_update_page", `{"page": "`+p.URL+`", "locked": false}`)
	p = must[Changed](w, "notion_move_page", `{"page": "`+p.ID+`", "parent": "Archive"}`)
	if list := must[Children](w, "notion_list_children", `{"page": "Archive"}`); len(list.Blocks) != 2 || list.Blocks[1].ID != p.ID {
		t.Errorf("%+v", list)
	}
	if must[Changed](w, "notion_trash_page", `{"page": "`+p.ID+`"}`); len(must[Children](w, "notion_list_children", `{"page": "Archive"}`).Blocks) != 1 {
		t.Error("it is still there")
	}
	if p = must[Changed](w, "notion_trash_page", `{"page": "`+p.ID+`", "restore": true}`); p.Trash {
		t.Error("it is in the trash")
	}
	_, err := w.call("notion_move_page", `{"page": "`+p.ID+`", "parent": "`+p.ID+`"}`)
	if f := toolstest.FaultOf(t, err); f.Kind != "invalid_arguments" {
		t.Error(f)
	}
	all := must[Children](w, "notion_list_children", `{"page": "`+runbook+`", "pages_only": false, "limit": 4}`)
	if len(all.Blocks) != 4 || all.Next == "" || all.Blocks[0].Type != "heading_1" || all.Blocks[0].Text != "What happens" {
		t.Errorf("%+v", all)
	}
}

func TestComments(t *testing.T) {
	w, _ := sandboxed(t)
	list := must[Comments](w, "notion_list_comments", `{"page": "`+runbook+`"}`)
	answer := must[Comment](w, "notion_add_comment", `{"discussion": "`+list.Comments[0].Discussion+`", "markdown": "It is **60** now."}`)
	if answer.Discussion != list.Comments[0].Discussion || answer.Body != "It is 60 now." {
		t.Errorf("%+v", answer)
	}
	if n := len(must[Comments](w, "notion_list_comments", `{"page": "`+runbook+`"}`).Comments); n != 3 {
		t.Errorf("%d comments", n)
	}
	for _, args := range []string{`{"markdown": "x"}`, `{"markdown": "x", "page": "Archive", "discussion": "` + someID + `"}`, `{"markdown": "x", "discussion": "` + strings.Repeat("x", 32) + `"}`} {
		if _, err := w.call("notion_add_comment", args); toolstest.FaultOf(t, err).Kind != "invalid_arguments" {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   strings.Builder
}

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }
func (r *recorder) Write(b []byte) (int, error) {
	r.status = max(r.status, 200)
	return r.body.Write(b)
}
