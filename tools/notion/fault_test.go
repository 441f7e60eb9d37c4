package notion

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"toolvault/schemas"
	"toolvault/tools/fault"
	fake "toolvault/tools/sandbox/notion"
	"toolvault/tools/toolstest"
)

// What Notion refuses becomes a kind, and a sentence that says what to do.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   fault.Kind
		says   string
		unsent bool
	}{
		{401, `{"object":"error","code":"unauthorized","message":"API token is invalid."}`, fault.CredentialInvalid, "put in a new one", true},
		{403, `{"object":"error","code":"restricted_resource","message":"no"}`, fault.NotPermitted, `lacks the capability "Update content"`, true},
		{404, `{"object":"error","code":"object_not_found","message":"Could not find page"}`, fault.NotFound, "not shared with this connection", false},
		{400, `{"object":"error","code":"validation_error","message":"body.x should be y"}`, fault.InvalidArguments, "It said: «body.x should be y»", false},
		{400, `{"object":"error","code":"validation_error","message":"would delete child pages: X. Set allow_deleting_content"}`, fault.InvalidArguments, "allow_deleting_children", false},
		{409, `{"object":"error","code":"conflict_error","message":"x"}`, fault.Conflict, "at the same time", false},
		{413, ``, fault.InvalidArguments, "500 KB", false},
		{429, `{"object":"error","code":"rate_limited","message":"x","additional_data":{"rate_limit_reason":"workspace_limit"}}`, fault.RateLimited, "whole workspace", true},
		{429, `{"object":"error","code":"rate_limited","message":"x"}`, fault.RateLimited, "of this connection", true},
		{500, `{"object":"error","code":"internal_server_error"}`, fault.UpstreamError, "may have been done", false},
		{529, `{"object":"error","code":"service_overload"}`, fault.UpstreamUnavailable, "did nothing", true},
		{503, `<html>`, fault.UpstreamUnavailable, "may have been done", false},
		{200, `{}`, fault.UpstreamError, "Look whether it was done", false},
	} {
		requests := 0
		w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			requests++
			rw.Header().Set("Retry-After", "3")
			rw.WriteHeader(c.status)
			_, _ = io.WriteString(rw, c.body)
		}))
		_, err := w.call("notion_append_page", `{"page": "`+someID+`", "markdown": "x"}`)
		f := toolstest.FaultOf(t, err)
		if f.Kind != c.kind || !strings.Contains(f.Message, c.says) || f.NotSent != c.unsent {
			t.Errorf("%d %s: not sent %v, %v", c.status, c.body, f.NotSent, f)
		}
		if (c.status == 429 || c.status == 529) && f.RetryAfter != 3*time.Second {
			t.Errorf("%d: again after %v", c.status, f.RetryAfter)
		}
		// A write is made again only where the service says that it did nothing.
		want := 1
		if c.status == 429 || c.status == 529 {
			want = 3
		}
		if requests != want {
			t.Errorf("%d: %d requests, want %d", c.status, requests, want)
		}
		toolstest.Harmless(t, f, 1500)
	}
}

// Each tool needs the capability that the page of the docs says, and names it where the
// connection lacks it.
func TestCapabilitiesAreNamed(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]struct {
		lacks string
		says  capability
	}{
		"notion_search": {fake.ReadContent, readContent}, "notion_read_page": {fake.ReadContent, readContent}, "notion_list_children": {fake.ReadContent, readContent},
		"notion_get_data_source": {fake.ReadContent, readContent}, "notion_query_data_source": {fake.ReadContent, readContent},
		"notion_create_page": {fake.InsertContent, insertContent}, "notion_append_page": {fake.UpdateContent, updateContent},
		"notion_edit_page": {fake.UpdateContent, updateContent}, "notion_replace_page": {fake.UpdateContent, updateContent},
		"notion_update_page": {fake.UpdateContent, updateContent}, "notion_trash_page": {fake.UpdateContent, updateContent}, "notion_move_page": {fake.UpdateContent, updateContent},
		"notion_list_comments": {fake.ReadComments, readComments}, "notion_add_comment": {fake.InsertComments, addComments}, "notion_list_users": {fake.ReadUsers, readUsers},
	}
	for _, f := range files {
		if f.Service != name || f.Name == "notion_whoami" { // which needs none
			continue
		}
		w, d := sandboxed(t)
		var rest []string
		for _, one := range fake.All() {
			if one != needs[f.Name].lacks {
				rest = append(rest, one)
			}
		}
		w.key = fake.Token(d, rest...)
		_, err := w.call(f.Name, string(f.Example))
		if e := fault.From(err); e == nil || e.Kind != fault.NotPermitted || !strings.Contains(e.Message, fmt.Sprintf("%q", needs[f.Name].says)) {
			t.Errorf("%s without %s: %v", f.Name, needs[f.Name].lacks, err)
		}
		w.key = fake.Token(d, needs[f.Name].lacks, fake.ReadContent) // and no more
		if _, err := w.call(f.Name, string(f.Example)); err != nil {
			t.Errorf("%s with %s: %v", f.Name, needs[f.Name].lacks, err)
		}
	}
}

// A connection that may only write is told the ids of what it writes, and that is
// enough.
func TestWriteOnly(t *testing.T) {
	w, d := sandboxed(t)
	home := must[Found](w, "notion_search", `{"query": "Archive"}`).Results[0].ID
	w.key = fake.Token(d, fake.InsertContent, fake.UpdateContent, fake.InsertComments)
	p := must[Changed](w, "notion_create_page", `{"parent": "`+home+`", "title": "Dropped", "markdown": "x"}`)
	must[Wrote](w, "notion_append_page", `{"page": "`+p.ID+`", "markdown": "y"}`)
	if c := must[Comment](w, "notion_add_comment", `{"page": "`+p.ID+`", "markdown": "z"}`); c.ID == "" || strings.Contains(c.Text(), "«»") {
		t.Errorf("%+v", c)
	}
	if p = must[Changed](w, "notion_trash_page", `{"page": "`+p.ID+`"}`); p.ID == "" {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(d.Snapshot()["page "+p.ID], "Dropped") {
		t.Error("it is not there")
	}
}

// What is not shared with the connection is as if it were not there, and is found by
// no way.
func TestWhatIsNotShared(t *testing.T) {
	w, d := sandboxed(t)
	for key := range d.Snapshot() {
		id, ok := strings.CutPrefix(key, "page ")
		if !ok || !strings.Contains(d.Snapshot()[key], "Salaries") {
			continue
		}
		for tool, args := range map[string]string{
			"notion_read_page": `{"page": "` + id + `"}`, "notion_list_children": `{"page": "` + id + `"}`, "notion_list_comments": `{"page": "` + id + `"}`,
			"notion_append_page": `{"page": "` + id + `", "markdown": "x"}`, "notion_trash_page": `{"page": "` + id + `"}`, "notion_create_page": `{"parent": "` + id + `", "title": "x"}`,
		} {
			_, err := w.call(tool, args)
			if f := fault.From(err); f == nil || f.Kind != fault.NotFound || !strings.Contains(f.Message, "not shared") {
				t.Errorf("%s: %v", tool, err)
			}
		}
	}
	if r := must[Found](w, "notion_search", `{"query": "Salaries"}`); len(r.Results) != 0 || !strings.Contains(r.Note, "shared") {
		t.Errorf("%+v", r)
	}
}

// Who was not granted to read finds nothing by its title, and nobody by name: the
// answer would tell what there is.
func TestNamesNeedTheRightToRead(t *testing.T) {
	w, d := sandboxed(t)
	for _, c := range []struct{ tool, args, granted, needs string }{
		{"notion_append_page", `{"page": "Escalations", "markdown": "x"}`, "content.insert", "notion:content.read"},
		{"notion_trash_page", `{"page": "Escalatoins"}`, "content.trash", "notion:content.read"},
		{"notion_create_page", `{"parent": "Archive", "title": "x"}`, "content.insert", "notion:content.read"},
		{"notion_add_comment", `{"page": "Escalations", "markdown": "x"}`, "comment.insert", "notion:content.read"},
		{"notion_update_page", `{"page": "2bf860c1-82ac-41a1-8c17-56f855386b73", "properties": {"Owner": "Marta"}}`, "content.update", "notion:user.read"},
		{"notion_query_data_source", `{"data_source": "Customers", "filters": [{"property": "Owner", "op": "contains", "value": "Marta"}]}`, "content.read", "notion:user.read"},
	} {
		before := fmt.Sprint(d.Snapshot())
		client := w.client()
		client.Permit(func(scope string) bool { return scope == c.granted })
		_, err := toolstest.Call(t, w.svc, client, c.tool, c.args)
		f := fault.From(err)
		if f == nil || f.Kind != fault.NotPermitted || len(f.Needed) != 1 || f.Needed[0] != c.needs || strings.Contains(f.Message, "Escalations") || strings.Contains(f.Message, "Klein") {
			t.Errorf("%s: %v", c.tool, err)
		}
		if fmt.Sprint(d.Snapshot()) != before {
			t.Errorf("%s changed something", c.tool)
		}
	}
}

// A title that is new may not be found for a while: the answer says so.
func TestSearchLags(t *testing.T) {
	w, d := sandboxed(t)
	fake.SearchLag(d, time.Minute)
	p := must[Changed](w, "notion_create_page", `{"parent": "Archive", "title": "Brand new"}`)
	if r := must[Found](w, "notion_search", `{"query": "Brand new"}`); len(r.Results) != 0 || !strings.Contains(r.Note, "may not be found for a while") {
		t.Errorf("%+v", r)
	}
	must[Read](w, "notion_read_page", `{"page": "`+p.ID+`"}`)
}

func TestListsInPages(t *testing.T) {
	w, _ := sandboxed(t)
	for _, tool := range []struct{ name, args string }{
		{"notion_search", `"query": ""`}, {"notion_list_users", `"search": ""`}, {"notion_list_users", `"search": "northwind"`}, {"notion_list_comments", `"page": "` + runbook + `"`},
		{"notion_list_children", `"page": "Support runbooks", "pages_only": false`},
	} {
		whole, err := w.call(tool.name, `{`+tool.args+`}`)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for cursor, n := "", 0; n == 0 || cursor != ""; n++ {
			out, err := w.call(tool.name, `{`+tool.args+`, "limit": 1, "cursor": "`+cursor+`"}`)
			if err != nil {
				t.Fatal(err)
			}
			line, more, _ := strings.Cut(out.(interface{ Text() string }).Text(), "\nMore with cursor ")
			text, cursor = text+line+"\n", more
		}
		if want := whole.(interface{ Text() string }).Text() + "\n"; text != want {
			t.Errorf("%s:\n%s\nwant\n%s", tool.name, text, want)
		}
	}
}
