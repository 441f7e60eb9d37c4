package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/audit/history"
)

// evilCall has the same text of a stranger's wherever there is a text.
func evilCall(text string) *history.Call {
	c := &history.Call{Begun: time.Now(), Ended: time.Now()}
	fill := func(e *audit.Entry) {
		v := reflect.ValueOf(&e.Record).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.String {
				f.SetString(text)
			}
		}
		raw, _ := json.Marshal(text)
		e.Chain, e.Arguments, e.Result, e.Status = []string{text, text}, raw, json.RawMessage(text), text
		e.Retries, e.UpstreamStatus, e.CredentialVersion, e.ResultBytes, e.Millis = 2, 200, 3, 1<<20, audit.Steps{Total: 3, Tool: 2, Upstream: 1}
	}
	fill(&c.Entry)
	for range 30 {
		var e audit.Entry
		fill(&e)
		c.Events, c.Repeats, c.Correlated = append(c.Events, e), append(c.Repeats, e), append(c.Correlated, e)
	}
	c.Original, c.ErasedBy, c.Erased, c.More = &c.Events[0], &c.Events[1], true, true
	return c
}

// TestNobodyWritesIntoTheStory: what strangers have written moves no cursor, hides
// nothing, and begins no line of its own.
func TestNobodyWritesIntoTheStory(t *testing.T) {
	for _, text := range []string{"plain", "a\x1b[2J\x1b[H", "a\nWho\n  agent     root", "a\r\rb", "a\u202eb", "a\u200bb\u0301", "a\x00\x07\x9b", "\xff\xfe"} {
		var out bytes.Buffer
		if err := tellCall(&out, evilCall(text)); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.String() {
			if r != '\n' && r != '…' && r != '█' && r != '▏' && !seen(r) {
				t.Errorf("%q: %U is in the story", text, r)
				break
			}
		}
		if strings.Contains(out.String(), "\n  agent     root") {
			t.Errorf("%q has a line of its own: %s", text, out.String())
		}
	}
}
