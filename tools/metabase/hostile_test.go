package metabase

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

// broken makes an answer that no Metabase would give.
func broken(r *rand.Rand, body []byte) []byte {
	switch r.IntN(9) {
	case 0:
		return body[:r.IntN(len(body)+1)]
	case 1:
		return append(bytes.Clone(body), body...)
	case 2:
		return []byte([]string{"", "null", "[]", "{}", "7", `"x"`, "<html>", "[null]", `{"data":null}`}[r.IntN(9)])
	case 3:
		return bytes.ReplaceAll(body, []byte(`"`), []byte(`'`))
	case 4:
		return []byte(strings.Repeat("[", 5000) + string(body))
	default:
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) != nil {
			return body[len(body)/2:]
		}
		out, _ := json.Marshal(mistyped(r, v))
		return out
	}
}

// mistyped gives some values another type, and some a silly value.
func mistyped(r *rand.Rand, v any) any {
	if r.IntN(12) == 0 {
		return []any{nil, true, "text", "\u202e\x00«»", json.Number("-1"), json.Number("1e400"), json.Number("99999999999999999999"), []any{}, map[string]any{}, []any{nil, map[string]any{"id": "x"}}}[r.IntN(10)]
	}
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if r.IntN(15) == 0 {
				delete(v, k)
				continue
			}
			v[k] = mistyped(r, inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = mistyped(r, inner)
		}
	}
	return v
}

// Whatever comes back, a call ends in an answer that fits its schema or in one
// fault whose text is short and can be seen; a write is never said to be undone
// where it may have been done.
func TestAnswersThatAreNoAnswers(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Service != name {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 1))
				double := sandbox.NewMetabase()
				written := false
				w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
					rec := &recorder{header: http.Header{}}
					double.ServeHTTP(rec, req)
					maps.Copy(rw.Header(), rec.header)
					rw.Header().Del("Content-Length")
					written = written || req.Method == http.MethodPut || req.Method == http.MethodPost && !strings.HasSuffix(req.URL.Path, "/query") && !strings.Contains(req.URL.Path, "/query/")
					rw.WriteHeader(rec.status)
					body := rec.body.Bytes()
					if r.IntN(2) == 0 {
						body = broken(r, body)
					}
					_, _ = rw.Write(body)
				}))
				out, err := w.call(f.Name, string(f.Example))
				if err == nil {
					if text := out.(interface{ Text() string }).Text(); len(text) > 75_000 {
						t.Errorf("seed %d: a text of %d bytes", seed, len(text))
					}
					continue
				}
				var e *fault.Error
				if !errors.As(err, &e) || e.Kind == fault.Internal {
					t.Errorf("seed %d: %v", seed, err)
					continue
				}
				if !f.Annotations.ReadOnly && written && e.NotSent && e.Kind != fault.InvalidArguments && e.Kind != fault.NotFound {
					t.Errorf("seed %d: it was written, and the fault says that nothing was done: %v", seed, err)
				}
				toolstest.Harmless(t, e, 1500)
			}
		})
	}
}

// A huge answer ends in a fault or in what was asked for, and never in more.
func TestHugeAnswers(t *testing.T) {
	files, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Service != name {
			continue
		}
		w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(rw, `{"id":42,"name":"n","data":[%s{}],"total":1000000,"padding":"%s"}`,
				strings.Repeat(`{"id":1,"name":"`+strings.Repeat("x", 300)+`","description":"`+strings.Repeat("é", 500)+`"},`, 1000), strings.Repeat("y", 9<<20))
		}))
		args := strings.NewReplacer(`"Support"`, `3`, `"Support health"`, `42`, `"Tickets of a customer"`, `103`).Replace(string(f.Example))
		out, err := w.call(f.Name, args)
		if err != nil {
			toolstest.FaultOf(t, err)
			continue
		}
		if raw, _ := json.Marshal(out); len(raw) > 75_000 {
			t.Errorf("%s: %d bytes", f.Name, len(raw))
		}
	}
}
