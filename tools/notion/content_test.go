package notion

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	fake "toolvault/tools/sandbox/notion"
	"toolvault/tools/toolstest"
)

const (
	runbook = "Runbook: CSV exports that time out"
	archive = "Archive"
)

// numbered is a Markdown of n paragraphs.
func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("Line %04d.", i))
	}
	return strings.Join(all, "\n\n")
}

// quoted is a value as JSON.
func quoted(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func read(w *world, page string) string {
	w.t.Helper()
	text, offset := "", 0
	for {
		r := must[Read](w, "notion_read_page", fmt.Sprintf(`{"page": %q, "max_chars": 40000, "offset": %d}`, page, offset))
		text += r.Markdown
		if offset = r.Next; offset == 0 {
			return text
		}
	}
}

// More than the 1,000 blocks that a request may have, and more than 500 KB, arrive
// whole and in order, at either end of a page and on a new one. The double refuses what
// is over either bound.
func TestLongTextsAreSplit(t *testing.T) {
	long := numbered(2500)
	wide := strings.Repeat(strings.Repeat("<&> ", 500)+"\n\n", 60)
	for name, c := range map[string]struct {
		tool, args string
		page, want string
		requests   int
	}{
		"at the end":          {"notion_append_page", `{"page": "Escalations", "markdown": ` + quoted(long) + `}`, "Escalations", "Priya Sharma, then Jonas Brekke.\n\n" + long, 4},
		"at the start":        {"notion_append_page", `{"page": "Escalations", "at": "start", "markdown": ` + quoted(long) + `}`, "Escalations", long + "\n\n# Who to call", 4},
		"in place of all":     {"notion_replace_page", `{"page": "Escalations", "markdown": ` + quoted(long) + `}`, "Escalations", long, 4},
		"on a new page":       {"notion_create_page", `{"parent": "Archive", "title": "Long", "markdown": ` + quoted(long) + `}`, "Long", long, 4},
		"by bytes, not lines": {"notion_append_page", `{"page": "Escalations", "markdown": ` + quoted(wide) + `}`, "Escalations", strings.TrimSpace(wide[:2000]), 2},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := sandboxed(t)
			out, err := w.call(c.tool, c.args)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(w, c.page); !strings.Contains(got, c.want) {
				t.Errorf("the page has %d characters, and not the text in order:\n%.300s", len(got), got)
			}
			if wrote, ok := out.(Wrote); ok && wrote.Requests != c.requests {
				t.Errorf("%d requests, want %d", wrote.Requests, c.requests)
			}
		})
	}
}

// failing lets n requests of a method through and refuses the rest of them.
func failing(next http.Handler, method string, n, status int) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == method {
			if n--; n < 0 {
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(status)
				_, _ = io.WriteString(rw, `{}`)
				return
			}
		}
		next.ServeHTTP(rw, r)
	})
}

// Where a later part fails, the answer says what is there, where to go on, and does not
// invite to do all of it again.
func TestAPartThatFails(t *testing.T) {
	long := numbered(2500)
	for name, c := range map[string]struct{ tool, args, says string }{
		"append":  {"notion_append_page", `{"page": "Escalations", "markdown": ` + quoted(long) + `}`, "Of 4 parts, 2 are on the page"},
		"start":   {"notion_append_page", `{"page": "Escalations", "at": "start", "markdown": ` + quoted(long) + `}`, "with at start"},
		"replace": {"notion_replace_page", `{"page": "Escalations", "markdown": ` + quoted(long) + `}`, "Of 4 parts, 2 are on the page"},
		"create":  {"notion_create_page", `{"parent": "Archive", "title": "Long", "markdown": ` + quoted(long) + `}`, "Of 4 parts, 3 are on the page"}, // the first by POST
	} {
		t.Run(name, func(t *testing.T) {
			status := http.StatusBadGateway
			if name == "append" { // that nothing was done is true of this part only
				status = http.StatusTooManyRequests
			}
			d := fake.New(clock)
			w := against(t, failing(official(t, d), http.MethodPatch, 2, status))
			w.key = d.Secret
			before := d.Snapshot()
			_, err := w.call(c.tool, c.args)
			f := toolstest.FaultOf(t, err)
			if !strings.Contains(f.Message, c.says) || f.NotSent || f.Retryable {
				t.Errorf("not sent %v, again %v: %s", f.NotSent, f.Retryable, f.Message)
			}
			at := strings.Index(f.Message, "byte ")
			if at < 0 {
				t.Fatalf("it does not say where to go on: %s", f.Message)
			}
			if maps.Equal(before, d.Snapshot()) {
				t.Error("nothing was written")
			}
			var n int
			if _, err := fmt.Sscanf(f.Message[at:], "byte %d", &n); err != nil || n <= 0 || n >= len(long) || !strings.HasPrefix(strings.TrimSpace(long[n:]), "Line") {
				t.Errorf("byte %d is no border of blocks: %s", n, f.Message)
			}
		})
	}
	t.Run("the first", func(t *testing.T) {
		d := fake.New(clock)
		w := against(t, failing(d, http.MethodPatch, 0, http.StatusBadGateway))
		w.key = d.Secret
		_, err := w.call("notion_append_page", `{"page": "Escalations", "markdown": "x"}`)
		if f := toolstest.FaultOf(t, err); strings.Contains(f.Message, "parts") || f.NotSent {
			t.Error(f.Message)
		}
	})
}

func TestReadInStretches(t *testing.T) {
	w, d := sandboxed(t)
	must[Wrote](w, "notion_replace_page", `{"page": "Escalations", "markdown": `+quoted(numbered(600))+`}`)
	r := must[Read](w, "notion_read_page", `{"page": "Escalations", "max_chars": 1000}`)
	if r.Next == 0 || r.Next > 1000 || !strings.HasSuffix(r.Markdown, "\n") || !strings.Contains(r.Text(), "go on with offset") {
		t.Errorf("%d of %d, %q", r.Next, r.Total, r.Markdown[max(0, len(r.Markdown)-20):])
	}
	if read(w, "Escalations") != numbered(600) {
		t.Error("the stretches do not make the text")
	}
	must[Wrote](w, "notion_replace_page", `{"page": "Escalations", "markdown": `+quoted(strings.Repeat(strings.Repeat("漢", 500)+"\n\n", 60))+`}`)
	if r := must[Read](w, "notion_read_page", `{"page": "Escalations", "max_chars": 40000}`); len(r.Markdown) > maxWindow+4 || r.Next == 0 {
		t.Errorf("%d bytes", len(r.Markdown))
	}
	must[Wrote](w, "notion_replace_page", `{"page": "Escalations", "markdown": `+quoted(numbered(600))+`}`)
	if past := must[Read](w, "notion_read_page", `{"page": "Escalations", "offset": 1000000}`); past.Markdown != "" || past.Next != 0 {
		t.Errorf("%+v", past)
	}

	// More blocks than one answer shows: the others are read by their ids.
	fake.Shown(d, 5)
	r = must[Read](w, "notion_read_page", `{"page": "Escalations"}`)
	if len(r.Unknown) != maxUnknown || !strings.Contains(r.Note, "include_properties false") {
		t.Fatalf("%d unknown, %s", len(r.Unknown), r.Note)
	}
	block := must[Read](w, "notion_read_page", fmt.Sprintf(`{"page": %q, "include_properties": false}`, r.Unknown[0]))
	if block.Markdown != "Line 0005." {
		t.Errorf("%q", block.Markdown)
	}
	_, err := w.call("notion_read_page", fmt.Sprintf(`{"page": %q}`, r.Unknown[0]))
	if f := toolstest.FaultOf(t, err); f.Kind != "not_found" || !strings.Contains(f.Message, "include_properties false") {
		t.Error(f)
	}
}

// What is read can be written back, and stays what it is.
func TestMarkdownBothWays(t *testing.T) {
	w, _ := sandboxed(t)
	text := read(w, runbook)
	page := must[Changed](w, "notion_create_page", `{"parent": "Archive", "title": "Copy", "markdown": `+quoted(text)+`}`)
	if got := read(w, page.ID); got != strings.ReplaceAll(text, "6250e8565fcc409881ef8d880abc46b2", strings.ReplaceAll(page.ID, "-", "")) {
		t.Errorf("got %q\nwant %q", got, text)
	}
}

func TestEdits(t *testing.T) {
	w, d := sandboxed(t)
	edit := func(edits string) error {
		_, err := w.call("notion_edit_page", `{"page": "`+runbook+`", "edits": `+edits+`}`)
		return err
	}
	before := d.Snapshot()
	for edits, says := range map[string]string{
		`[{"old": "forty seconds", "new": "x"}]`:                                    "not on the page in exactly this form",
		`[{"old": "the", "new": "x"}]`:                                              "more than once",
		`[{"old": "30 seconds", "new": "x"}, {"old": "forty seconds", "new": "x"}]`: "not on the page",
		`[{"old": "x", "new": "x"}]`:                                                "the same",
		`"[{\"old\": \"\", \"new\": \"x\"}]"`:                                       "needs old",
		`"[{\"old\": \"x\", \"new\": \"y\", \"every\": true}]"`:                     "could not be read",
		`[]`: "1 to 20 edits",
		`[{"old": "30 seconds", "new": ` + quoted(strings.Repeat("a\n\n", 900)) + `}]`: "more than 800 lines",
	} {
		if f := toolstest.FaultOf(t, edit(edits)); f.Kind != "invalid_arguments" || !strings.Contains(f.Message, says) {
			t.Errorf("%s: %v", edits, f)
		}
	}
	if !maps.Equal(before, d.Snapshot()) {
		t.Fatal("an edit that failed changed something")
	}
	for _, edits := range []string{
		`[{"old": "30 seconds", "new": "60 seconds"}, {"old": "- [ ] Restart", "new": "- [x] Restart"}]`,
		`"[{\"old\": \"export-worker\", \"new\": \"exporter\", \"all\": true}]"`, // as some clients send it
	} {
		if err := edit(edits); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(w, runbook); !strings.Contains(got, "60 seconds") || !strings.Contains(got, "- [x] Restart") || strings.Contains(got, "export-worker") {
		t.Error(got)
	}
}

// A rewrite does not delete what stands in a page, unless it may.
func TestSubPagesStay(t *testing.T) {
	w, d := sandboxed(t)
	_, err := w.call("notion_replace_page", `{"page": "Archive", "markdown": "Empty."}`)
	if f := toolstest.FaultOf(t, err); f.Kind != "invalid_arguments" || !strings.Contains(f.Message, "allow_deleting_children") {
		t.Error(f)
	}
	kept := read(w, archive) + "\n\nWith a line more."
	must[Wrote](w, "notion_replace_page", `{"page": "Archive", "markdown": `+quoted(kept)+`}`)
	old := must[Found](w, "notion_search", `{"query": "Old export notes"}`).Results[0]
	if old.Trash {
		t.Error("it is gone")
	}
	must[Wrote](w, "notion_replace_page", `{"page": "Archive", "markdown": "Empty.", "allow_deleting_children": true}`)
	if r := must[Read](w, "notion_read_page", `{"page": "`+old.ID+`"}`); !r.Trash {
		t.Error("it is not in the trash")
	}
	if _, there := d.Snapshot()["page "+old.ID]; !there {
		t.Error("it is gone for good")
	}
}
