package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"toolvault/schemas"
)

// TestBrokenAnswers has the services answer everything that is not what they
// should: cut, doubled, of another type, huge, of another status. A call fails with
// one word for it or works, and always leaves its records.
func TestBrokenAnswers(t *testing.T) {
	eachTool(t, share, func(t *testing.T, w *whole, tool schemas.Tool) {
		if tool.Service == "toolvault" {
			return // it asks nobody
		}
		requests := 0
		w.network.between(func(rw http.ResponseWriter, r *http.Request, double http.Handler) {
			requests++
			double.ServeHTTP(rw, r)
		})
		if r, _ := w.do(t.Context(), tool.Name, tool.Example); r.Failure != nil {
			t.Fatalf("%s: %s", r.Failure.Kind, r.Failure.Message)
		}
		for n, fault := range faults(tool) {
			// Every answer is broken, or only the last: what came before it was good.
			from := 1
			if n%2 == 1 {
				from = requests
			}
			w.reset(t)
			seen := 0
			w.network.between(func(rw http.ResponseWriter, r *http.Request, double http.Handler) {
				if seen++; seen < from {
					double.ServeHTTP(rw, r)
					return
				}
				fault.answer(rw, r, double)
			})
			what := fmt.Sprintf("%s, from request %d of %d on", fault.name, from, requests)
			r, records := w.do(t.Context(), tool.Name, tool.Example)
			checkHarmless(t, what, r)
			checkOutcome(t, w, tool, what, r, records)
		}
	})
}

// brokenness is one way not to answer as one should.
type brokenness struct {
	name   string
	answer tamper
}

// body is one that changes the body only.
func body(name string, change func([]byte) []byte) brokenness {
	return brokenness{name, func(w http.ResponseWriter, r *http.Request, double http.Handler) {
		rec := answerOf(double, r)
		pass(w, rec.Header(), rec.Code, change(rec.Body.Bytes()))
	}}
}

const page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"

// faults are the ways that are tried on a tool. Where there are many of a kind each
// tool gets some, and all of them together get all.
func faults(tool schemas.Tool) []brokenness {
	var all []brokenness
	turn := fnv.New32a()
	_, _ = turn.Write([]byte(tool.Name))
	next := int(turn.Sum32() % 1000)
	mine := func(every int) bool { next++; return next%every == 0 }
	for tenth := range 10 {
		all = append(all,
			body(fmt.Sprintf("cut at %d0 %%", tenth), func(b []byte) []byte { return b[:len(b)*tenth/10] }),
			brokenness{fmt.Sprintf("broken off at %d0 %%", tenth), func(w http.ResponseWriter, r *http.Request, double http.Handler) {
				rec := answerOf(double, r)
				b := rec.Body.Bytes()
				w.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
				w.WriteHeader(rec.Code)
				_, _ = w.Write(b[:len(b)*tenth/10])
			}})
	}
	for _, text := range []string{"null", "true", "0", "-1e999", `"text"`, "[]", "{}", "[null]", "[[]]", "[{}]", `{"error":null}`, `{"results":null,"data":null,"ok":true}`, "\x00", "\xff\xfe", "{", "}", page, "{\"ok\":true}\n{\"ok\":true}"} {
		all = append(all, body("answers "+strconv.Quote(text), func([]byte) []byte { return []byte(text) }))
	}
	all = append(all,
		body("doubled", func(b []byte) []byte { return append(bytes.Clone(b), b...) }),
		body("with a byte order mark", func(b []byte) []byte { return append([]byte("\ufeff"), b...) }),
		body("nested without end", func([]byte) []byte { return bytes.Repeat([]byte("["), 100_000) }),
		body("objects without end", func([]byte) []byte { return bytes.Repeat([]byte(`{"results":`), 100_000) }),
		body("a huge text", func(b []byte) []byte { return grown(b, true) }),
		body("huge lists", func(b []byte) []byte { return grown(b, false) }),
		brokenness{"as HTML", func(w http.ResponseWriter, r *http.Request, double http.Handler) {
			rec := answerOf(double, r)
			rec.Header().Set("Content-Type", "text/html")
			pass(w, rec.Header(), rec.Code, rec.Body.Bytes())
		}},
		brokenness{"no answer", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }},
		brokenness{"an endless redirect", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		}},
		brokenness{"headers without end", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
			w.WriteHeader(http.StatusOK)
		}},
	)
	for _, status := range []int{200, 201, 202, 204, 206, 207, 226, 300, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 405, 409, 410, 412, 413, 415, 418, 422, 423, 429, 431, 451, 499, 500, 501, 502, 503, 504, 507, 520, 599, 999} {
		for _, text := range []string{"same", "", "{}", page, `{"message":"no","status":"error","category":"X","error":{"code":7,"message":["a"]}}`, `{"ok":false,"error":{}}`, `{"ok":false,"error":"unheard_of"}`} {
			if !mine(6) {
				continue
			}
			all = append(all, brokenness{fmt.Sprintf("%d with %.40q", status, text), func(w http.ResponseWriter, r *http.Request, double http.Handler) {
				rec := answerOf(double, r)
				if text != "same" {
					rec.Body = bytes.NewBufferString(text)
				}
				if status == 204 || status == 304 {
					rec.Body = &bytes.Buffer{}
				}
				pass(w, rec.Header(), status, rec.Body.Bytes())
			}})
		}
	}
	for _, after := range []string{"0", "1", "-1", "99999999999", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "\u0661"} {
		if !mine(2) {
			continue
		}
		all = append(all, brokenness{"429 and Retry-After " + after, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusTooManyRequests)
		}})
	}
	for _, kind := range []struct {
		name string
		is   func(any) bool
	}{
		{"text", func(v any) bool { _, ok := v.(string); return ok }},
		{"number", func(v any) bool { _, ok := v.(json.Number); return ok }},
		{"flag", func(v any) bool { _, ok := v.(bool); return ok }},
		{"list", func(v any) bool { _, ok := v.([]any); return ok }},
		{"object", func(v any) bool { _, ok := v.(map[string]any); return ok }},
	} {
		for _, as := range []string{`null`, `7`, `-1`, `1e400`, `"x"`, `""`, `[]`, `{}`, `[7]`, `{"x":7}`, `true`} {
			if !mine(3) {
				continue
			}
			all = append(all, body(fmt.Sprintf("every %s is %s", kind.name, as), func(b []byte) []byte {
				return replaced(b, func(depth int, v any) (any, bool) { return json.RawMessage(as), depth > 0 && kind.is(v) })
			}))
		}
	}
	return all
}

// replaced is an answer with values exchanged; an exchanged one is not looked into.
func replaced(b []byte, change func(depth int, v any) (any, bool)) []byte {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return b
	}
	var walk func(depth int, v any) any
	walk = func(depth int, v any) any {
		if to, ok := change(depth, v); ok {
			return to
		}
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				v[name] = walk(depth+1, x)
			}
		case []any:
			for i, x := range v {
				v[i] = walk(depth+1, x)
			}
		}
		return v
	}
	var out bytes.Buffer
	if json.NewEncoder(&out).Encode(walk(0, v)) != nil {
		return b
	}
	return out.Bytes()
}

// grown is an answer of some 20 MB: by one long text, or by the items of a list
// again and again.
func grown(b []byte, text bool) []byte {
	const size, here = 20 << 20, "@grown@"
	var more []byte
	b = replaced(b, func(_ int, v any) (any, bool) {
		if more != nil {
			return nil, false
		}
		switch v := v.(type) {
		case string:
			if text {
				more = bytes.Repeat([]byte("long "), size/5)
				return here, true
			}
		case []any:
			if one, err := json.Marshal(v); !text && len(v) > 0 && err == nil {
				more = bytes.Repeat(append(one[1:len(one)-1], ','), size/len(one))
				return []any{here, v[0]}, true
			}
		}
		return nil, false
	})
	if text {
		return bytes.Replace(b, []byte(here), more, 1)
	}
	return bytes.Replace(b, []byte(`"`+here+`",`), more, 1)
}
