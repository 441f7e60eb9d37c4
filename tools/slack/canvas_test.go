package slack

import (
	"strings"
	"testing"
	"unicode"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func TestCanvasesBecomeMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"<h1 id='temp:C:abcdef'>A &amp; B</h1>":                                               "[temp:C:abcdef] # A & B",
		"<p id=x1y>a <b>b</b> <i>c</i> <s>d</s> <code>e</code> <a href='https://f'>g</a></p>": "[x1y] a **b** _c_ ~~d~~ `e` [g](https://f)",
		"<ul id='l-1'><li>a</li><li>b<ol><li>c</li><li>d</li></ol></li></ul>":                 "[l-1] - a\n- b\n  1. c\n  2. d",
		"<div><ul><li id='i-1' class='checked'>a</li><li class='unchecked'>b</li></ul></div>": "[i-1] - [x] a\n- [ ] b",
		"<pre id='pre'>if a {\n  b\n}</pre>":                                                  "[pre] ```\nif a {\n  b\n}\n```",
		"<table id='tab'><tr><th>a</th><th>b</th></tr><tr><td>c</td><td>d</td></tr></table>":  "[tab] | a | b |\n| --- | --- |\n| c | d |",
		"<blockquote id='quo'>said</blockquote><hr><p>x</p>":                                  "[quo] > said|---|x",
		"<script>alert(1)</script><style>p{}</style><p>a<!-- b --> c</p>":                     "a c",
		"<p></p><p> </p><h2></h2>":                                                            "",
		"plain":                                                                               "plain",
		"<p>unfinished <b":                                                                    "unfinished <b",
		"<p id='\u202e bad id'>a</p>":                                                         "a",
	} {
		var parts []string
		for _, s := range canvasSections(in) {
			if s.ID != "" {
				s.ID = "[" + s.ID + "] "
			}
			parts = append(parts, s.ID+s.Markdown)
		}
		if got := strings.Join(parts, "|"); got != want {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

func FuzzCanvas(f *testing.F) {
	for _, s := range []string{"<h1 id='a'>b</h1>", "<ul><ul><ol><li>", "<p><a href=\"><td>", "<<>>&#x202e;&lt;<!--", "<table><tr><td>\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, part := range canvasSections(s) {
			if len([]rune(part.Markdown)) > maxSectionText || part.Markdown == "" || part.ID != "" && !sectionForm.MatchString(part.ID) {
				t.Errorf("%q: %+v", s, part)
			}
			for _, r := range part.Markdown {
				if unicode.IsControl(r) && r != '\n' && r != '\t' || upstream.Invisible(r) {
					t.Errorf("%U in %q", r, part.Markdown)
				}
			}
		}
	})
}

func TestCanvases(t *testing.T) {
	w := newWorld(t)
	made := w.must("slack_create_canvas", `{"title":"Runbook","content":"# One\n\n- a\n- b\n\nText","channel":"#support-updates"}`).(CreatedCanvas)
	if made.URL != "https://northwind-support.slack.com/docs/T07NRTHWND1/"+made.ID || made.Channel != "#support-updates (C07SUPUPD8S1)" {
		t.Errorf("%+v", made)
	}
	read := func() string {
		var parts []string
		for _, s := range w.must("slack_read_canvas", `{"canvas":"`+made.URL+`"}`).(Canvas).Sections {
			parts = append(parts, s.Markdown)
		}
		return strings.Join(parts, "|")
	}
	if got := read(); got != "# One|- a\n- b|Text" {
		t.Error(got)
	}
	c := w.must("slack_update_canvas", `{"canvas":"`+made.ID+`","changes":[
		{"action":"append","content":"End"},{"action":"prepend","content":"Start"},{"action":"insert_after","section":"One","content":"After"},
		{"action":"insert_before","section":"Text","content":"Before"},{"action":"replace","section":"Text","content":"## New"},{"action":"delete","section":"End"},
		{"action":"rename","content":"Handbook"}]}`).(ChangedCanvas)
	if got := read(); got != "Start|# One|After|- a\n- b|Before|## New" || c.Done != 7 {
		t.Errorf("%s, %+v", got, c)
	}
	if got := w.must("slack_read_canvas", `{"canvas":"`+made.ID+`","limit":2}`).(Canvas); got.Title != "Handbook" || got.Total != 6 || len(got.Sections) != 2 || got.Next == "" {
		t.Errorf("%+v", got)
	}
	f := w.fails(fault.NotFound, "", "slack_update_canvas", `{"canvas":"`+made.ID+`","changes":[{"action":"append","content":"x"},{"action":"delete","section":"nowhere"}]}`)
	if !strings.HasPrefix(f.Message, "1 of 2 steps were done; changes[1] was not") || f.Retryable {
		t.Errorf("%+v", f)
	}
	w.must("slack_update_canvas", `{"canvas":"`+made.ID+`","changes":[{"action":"append","content":"x"}]}`)
	if f := w.fails(fault.InvalidArguments, "", "slack_update_canvas", `{"canvas":"`+made.ID+`","changes":[{"action":"delete","section":"x"}]}`); !strings.Contains(f.Message, "temp:C:") {
		t.Error(f.Message)
	}
	w.asked = nil
	for _, change := range []string{`{"action":"delete"}`, `{"action":"append"}`, `{"action":"rename","content":"a\nb"}`, `{"action":"append","section":"One","content":"x"}`} {
		w.fails(fault.InvalidArguments, "", "slack_update_canvas", `{"canvas":"`+made.ID+`","changes":[{"action":"append","content":"y"},`+change+`]}`)
	}
	if len(w.asked) > 0 {
		t.Errorf("asked %v though a later step cannot be right", w.asked)
	}
	w.fails(fault.InvalidArguments, "", "slack_read_canvas", `{"canvas":"F07EXPORTS01"}`)
}
