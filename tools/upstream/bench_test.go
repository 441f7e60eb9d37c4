package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/bucket"
	"toolvault/vault/store/storetest"
)

type thing struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

func target(b *testing.B) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"17","text":"a small answer"}`)
	}))
	b.Cleanup(s.Close)
	return s.URL
}

// BenchmarkHTTPClient is the bar: the same request by http.Client alone.
func BenchmarkHTTPClient(b *testing.B) {
	base := target(b)
	client := &http.Client{Transport: newTransport(nil)}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for b.Loop() {
		body, _ := json.Marshal(thing{ID: "17", Text: "hello"})
		r, _ := http.NewRequestWithContext(ctx, http.MethodPost, base+"/things", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		r.Header.Set("User-Agent", "toolvault")
		r.Header.Set("Authorization", "Bearer "+secret)
		resp, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var out thing
		if err := json.Unmarshal(answer, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkDo(b *testing.B, read bool) {
	base := target(b)
	p := NewPool(nil)
	cred := &key{name: "acme/agent"}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for b.Loop() {
		c := p.Client(Endpoint{Service: "acme", BaseURL: base}, cred, "call-1")
		var out thing
		if err := c.Do(ctx, Request{Path: "/things", JSON: thing{ID: "17", Text: "hello"}, Read: read}, &out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B)  { benchmarkDo(b, true) }
func BenchmarkWrite(b *testing.B) { benchmarkDo(b, false) }

// BenchmarkOverhead is what the client adds to a round trip that costs nothing.
func BenchmarkOverhead(b *testing.B) {
	answer := []byte(`{"id":"17","text":"a small answer"}`)
	p := NewPool(roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Request: r}, nil
	}))
	cred := &key{name: "acme/agent"}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for b.Loop() {
		c := p.Client(Endpoint{Service: "acme", BaseURL: "https://acme.example"}, cred, "call-1")
		var out thing
		if err := c.Do(ctx, Request{Path: "/things", JSON: thing{ID: "17", Text: "hello"}}, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLargeAnswer is an answer of a megabyte and of eight, of which little is
// kept: what else is taken is the client's own. The length is said, or not, as
// where the answer was compressed.
func BenchmarkLargeAnswer(b *testing.B) {
	for _, size := range []int{1 << 20, 8<<20 - 1024} {
		answer := []byte(`{"id":"17","rows":[` + strings.Repeat(`{"id":12345,"text":"some text of a row"},`, size/41-1) + `{}]}`)
		for name, length := range map[string]int64{"length": int64(len(answer)), "chunked": -1} {
			b.Run(fmt.Sprintf("%dMB/%s", (size+1<<19)>>20, name), func(b *testing.B) {
				p := NewPool(roundTrip(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(onlyReader{bytes.NewReader(answer)}), ContentLength: length, Request: r}, nil
				}))
				cred := &key{name: "acme/agent"}
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				b.ReportAllocs()
				b.SetBytes(int64(len(answer)))
				for b.Loop() {
					c := p.Client(Endpoint{Service: "acme", BaseURL: "https://acme.example"}, cred, "call-1")
					c.Conceal(maskHidden)
					var out thing
					if err := c.Do(ctx, Request{Path: "/things", Read: true}, &out); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// onlyReader is a body as the network gives it, in pieces.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 16<<10)]) }

// BenchmarkItems reads the rows of ten megabytes through the mask, and keeps none.
func BenchmarkItems(b *testing.B) {
	row := `{"id":"123456","name":"a name","notes":"` + strings.Repeat("x", 400) + `"},`
	rows := (10 << 20) / len(row)
	for name, read := range map[string]func(*json.Decoder) error{
		"decoded": func(dec *json.Decoder) error { return dec.Decode(new(thing)) },
		"skipped": func(*json.Decoder) error { return nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(rows * len(row)))
			for b.Loop() {
				doc := io.MultiReader(strings.NewReader(`{"data":{"rows":[`), &repeated{text: row, left: rows}, strings.NewReader(`{}]}}`))
				if err := Items((&Client{mask: maskHidden}).concealedStream(doc), "data.rows", read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("a member skipped", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(rows * len(row)))
		for b.Loop() {
			doc := io.MultiReader(strings.NewReader(`{"other":[`), &repeated{text: row, left: rows}, strings.NewReader(`{}]}`))
			if err := Items((&Client{mask: maskHidden}).concealedStream(doc), "data.rows", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkLimited is what a known limit adds to a request, in this process, in a
// data folder and on a Redis, while there are tokens enough.
func BenchmarkLimited(b *testing.B) {
	sqlite, redis := openStore(b, "file:"+b.TempDir()), openStore(b, storetest.Redis(b))
	for _, where := range []struct {
		name    string
		options []Option
	}{
		{"without", []Option{Unlimited}},
		{"memory", nil},
		{"sqlite", []Option{Shared(sqlite, false, nil)}},
		{"redis", []Option{Shared(generous{redis}, true, nil)}},
	} {
		for _, burst := range []int{1, 10, 100, 1000} {
			if where.name == "without" && burst > 1 {
				continue
			}
			b.Run(fmt.Sprintf("%s/burst %d", where.name, burst), func(b *testing.B) {
				limit := Limit{Key: "T0123456789 conversations.history", Burst: burst, Every: time.Microsecond}
				if where.name == "redis" {
					limit.Every = 10 * time.Millisecond // tokens in hand are worth something for as long as that
				}
				busy := newBusy(limit)
				quiet := roundTrip(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
				})
				p := NewPool(quiet, where.options...)
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				b.ReportAllocs()
				for b.Loop() {
					if err := busy.call(ctx, p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// generous has more tokens than the limit says, so that the round trips are what
// is measured.
type generous struct{ store.Store }

func (g generous) Spend(ctx context.Context, name string, _ bucket.Rate, want int, most time.Duration) (int, time.Duration, error) {
	return g.Store.Spend(ctx, name, bucket.Rate{Burst: bucket.MaxBurst, Every: time.Microsecond}, want, most)
}

func openStore(t testing.TB, url string) store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}
