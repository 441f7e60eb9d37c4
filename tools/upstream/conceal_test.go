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

// A body that is longer than the mask takes at once is searched all the same, and
// comes whole.
func TestALongBodyIsSearchedPieceByPiece(t *testing.T) {
	const most = 16 << 20
	body := bytes.Repeat([]byte("0123456789abcdef"), most/16+1)
	for _, at := range []int{0, maxConcealed - 5, piece - 3, most - 100, len(body) - len(hidden)} {
		copy(body[at:], hidden)
	}
	c := &Client{mask: func(s string) string {
		if len(s) > most {
			return "[redacted]"
		}
		return maskHidden(s)
	}}
	want := strings.ReplaceAll(string(body), hidden, "****")
	if got := c.concealed(body); string(got) != want {
		t.Errorf("%d bytes came back, want %d; the secret is in it: %v", len(got), len(want), bytes.Contains(got, []byte(hidden)))
	}
}

// A mask that finds nothing costs no copy.
func TestNothingFoundNothingCopied(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 1<<20)
	c := &Client{mask: maskHidden}
	if got := c.concealed(body); &got[0] != &body[0] {
		t.Error("the body was copied")
	}
	if n := testing.AllocsPerRun(10, func() { c.concealed(body) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A body comes whole, whatever its length and whatever is said of it.
func TestBodiesOfEveryLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 3000), rapid.IntRange(0, 3<<20)).Draw(t, "length")
		said := rapid.OneOf(rapid.Just(n), rapid.Just(-1), rapid.IntRange(0, 4<<20)).Draw(t, "said")
		limit := rapid.OneOf(rapid.Just(8<<20), rapid.IntRange(1, 3<<20)).Draw(t, "limit")
		body := bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz0123456789\n"), n/37+1)[:n]
		var r io.Reader = bytes.NewReader(body)
		if rapid.Bool().Draw(t, "halves") {
			r = iotest.HalfReader(r)
		}
		got, err := read(&http.Response{Body: io.NopCloser(r), ContentLength: int64(said)}, int64(limit))
		if err != nil || !bytes.Equal(got, body[:min(n, limit)]) {
			t.Fatalf("%v, %d bytes of %d", err, len(got), min(n, limit))
		}
	})
}
