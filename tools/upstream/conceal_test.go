package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

const hidden = "pcsk_hidden_0123456789"

func maskHidden(s string) string { return strings.ReplaceAll(s, hidden, "****") }

func TestASecretIsFoundWhereverItLiesInAStream(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.IntRange(0, 2*piece+100).Draw(t, "before")
		after := rapid.IntRange(0, 2*overlap).Draw(t, "after")
		text := strings.Repeat("a", before) + hidden + strings.Repeat("b", after)
		var r io.Reader = strings.NewReader(text)
		if rapid.Bool().Draw(t, "halves") {
			r = iotest.HalfReader(r)
		}
		got, err := io.ReadAll((&Client{mask: maskHidden}).concealedStream(r))
		if err != nil || string(got) != maskHidden(text) {
			t.Fatalf("%v, %d bytes of %d", err, len(got), len(text))
		}
	})
}

func TestAStreamThatBreaksOffSaysSo(t *testing.T) {
	r := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrClosedPipe))
	got, err := io.ReadAll((&Client{mask: maskHidden}).concealedStream(r))
	if err != io.ErrClosedPipe || string(got) != "half" {
		t.Errorf("%q %v", got, err)
	}
}

func TestNobodySeesASecretThatTheServiceSends(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Id", hidden)
		w.Header().Set("X-Other", hidden)
		_, _ = fmt.Fprintf(w, `{"a":%q}`, hidden)
	}))
	defer srv.Close()
	e := Endpoint{Service: "s", BaseURL: srv.URL, ResponseIDHeader: "X-Id"}
	c := NewPool(nil).Client(e, &key{}, "id")
	c.Conceal(maskHidden)
	var seen bytes.Buffer
	var out struct{ A string }
	if err := c.Do(t.Context(), Request{Path: "/", Read: true, Head: func(h http.Header) { fmt.Fprint(&seen, h) }}, &out); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), Request{Path: "/", Read: true, Stream: func(r io.Reader) error { _, err := io.Copy(&seen, r); return err }}, nil); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(&seen, out, c.Stats())
	if strings.Contains(seen.String(), hidden) || strings.Count(seen.String(), "****") < 4 {
		t.Error(seen.String())
	}
}
