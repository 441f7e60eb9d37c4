package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test program be the child processes, as the bench is.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-child") {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestRunOverBareServers(t *testing.T) {
	for _, write := range []string{"-write=false", "-write=true"} {
		var out bytes.Buffer
		err := run(t.Context(), []string{"-servers", "mcp-go,mcp-go-own-handler,official-sdk", "-duration", "30ms", "-rounds", "2", "-json", write}, &out, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 9 {
			t.Fatalf("%d lines:\n%s", len(lines), &out)
		}
		for _, line := range lines {
			var f struct {
				Server       string
				Calls, Conns int
				P50          float64 `json:"p50_us"`
				P99          float64 `json:"p99_us"`
				Idle         int64   `json:"idle_kb"`
				First        float64 `json:"start_to_first_answer_us"`
			}
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatal(err)
			}
			if f.Calls == 0 || f.P50 <= 0 || f.P99 < f.P50 || f.Idle < 1000 || f.First <= 0 {
				t.Errorf("figures %s", line)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[string][]string{
		`there is no server "nginx"`: {"-servers", "nginx"},
		"more than zero":             {"-rounds", "0"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// answering loads a server that answers as given, for a moment.
func answering(t *testing.T, h http.HandlerFunc) (sample, error) {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	return loadServer(context.Background(), &contender{url: s.URL, pid: os.Getpid()}, reading, 2, 20*time.Millisecond)
}

func TestWrongAnswersAreSeen(t *testing.T) {
	right := func(r *http.Request) string {
		var m struct {
			ID     json.Number
			Params struct{ Arguments input }
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		return `{"jsonrpc":"2.0","id":` + m.ID.String() + `,"result":{"content":[{"text":"customer-` + m.Params.Arguments.ID + `@example.com"}]}}`
	}
	served := func(answer func(w http.ResponseWriter, body string)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { answer(w, right(r)) }
	}
	if s, err := answering(t, served(func(w http.ResponseWriter, body string) { _, _ = io.WriteString(w, body) })); err != nil || s.calls == 0 || s.failures != 0 {
		t.Errorf("with a length: %d of %d wrong, %v", s.failures, s.calls, err)
	}
	if s, err := answering(t, served(func(w http.ResponseWriter, body string) {
		_, _ = io.WriteString(w, body[:9])
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, body[9:])
	})); err != nil || s.calls == 0 || s.failures != 0 {
		t.Errorf("in chunks: %d of %d wrong, %v", s.failures, s.calls, err)
	}
	for name, spoil := range map[string]func(w http.ResponseWriter, body string){
		"another's answer": func(w http.ResponseWriter, body string) {
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "customer-", "customer-9"))
		},
		"a failed tool": func(w http.ResponseWriter, body string) {
			_, _ = io.WriteString(w, strings.Replace(body, `{"content"`, `{"isError":true,"content"`, 1))
		},
		"a status": func(w http.ResponseWriter, body string) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, body)
		},
	} {
		if s, err := answering(t, served(spoil)); !errors.Is(err, errWrongAnswer) {
			t.Errorf("%s went unnoticed in %d calls: %v", name, s.calls, err)
		}
	}
}
