package people_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestEveryFieldHasALabel, every page one heading, and nothing needs a mouse:
// what a screen reader and a keyboard need, without a browser at hand.
func TestEveryFieldHasALabel(t *testing.T) {
	w := newWorld(t, 1, passkeyPublic)
	w.add("alice")
	b := w.browser()
	pages := map[string]string{
		"invitation": b.do(0, "GET", "/signin/passkey/invite", nil).text,
		"sign-in":    b.do(0, "GET", "/signin?return=/x", nil).text,
		"refused":    b.signIn(0, "alice", "wrong").text,
	}
	b.must(0, "alice")
	for range 2 {
		if s := b.addPasskey(0, newAuthenticator(t), ""); s.Fault != "" {
			t.Fatal(s.Fault)
		}
	}
	pages["signed in"] = b.do(0, "GET", "/signin?return=/x", nil).text
	pages["lost"] = b.do(0, "GET", "/signin/x", nil).text
	for name, text := range pages {
		t.Run(name, func(t *testing.T) {
			labels, ids, h1, fields := map[string]bool{}, map[string]bool{}, 0, []map[string]string{}
			for _, e := range elements(t, text) {
				if id := e.attr["id"]; id != "" {
					if ids[id] {
						t.Errorf("two elements are %s", id)
					}
					ids[id] = true
				}
				switch e.name {
				case "h1":
					h1++
				case "label":
					labels[e.attr["for"]] = true
				case "input":
					if e.attr["type"] != "hidden" {
						fields = append(fields, e.attr)
					}
				case "form":
					if e.attr["method"] != "post" || !strings.HasPrefix(e.attr["action"], "/") {
						t.Errorf("a form that is %v", e.attr)
					}
				case "script":
					if e.attr["src"] != "/signin/passkey.js" || name == "lost" {
						t.Errorf("a script: %v", e.attr)
					}
				}
				for attribute := range e.attr {
					if strings.HasPrefix(attribute, "on") || attribute == "style" || attribute == "tabindex" {
						t.Errorf("<%s %s>", e.name, attribute)
					}
				}
			}
			if h1 != 1 {
				t.Errorf("%d main headings", h1)
			}
			for _, f := range fields {
				if !labels[f["id"]] || f["autocomplete"] == "" {
					t.Errorf("a field without a label, or that no password manager knows: %v", f)
				}
				if by := f["aria-describedby"]; by != "" && !ids[by] {
					t.Errorf("%s is described by %s, which is not there", f["id"], by)
				}
			}
		})
	}
}

type element struct {
	name string
	attr map[string]string
}

// elements reads our own markup, which is well-formed but for the ends that HTML
// lets one leave out.
func elements(t *testing.T, text string) (all []element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "<!doctype html>")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			attr := map[string]string{}
			for _, a := range e.Attr {
				attr[a.Name.Local] = a.Value
			}
			all = append(all, element{e.Name.Local, attr})
		}
	}
}
