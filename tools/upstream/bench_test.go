package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
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
