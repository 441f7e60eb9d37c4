package app

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"toolvault/schemas"
)

// anyCall makes a call of a tool with arguments that fit its schema or do not, to
// services that answer as they should or do not, all chosen by two numbers; and
// holds it against what every call promises.
func (w *whole) anyCall(t *testing.T, tool schemas.Tool, seed, bodies uint64) {
	t.Helper()
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	g.wrong = seed%3 == 0
	arguments, err := json.Marshal(g.value(tool.Input, 0))
	if err != nil { // a number that is none
		return
	}
	if seed%7 == 1 { // the example, with one thing changed: it gets furthest
		arguments = g.nearly(tool)
	}
	var change *breaking
	if bodies%3 != 0 {
		change = &breaking{rng: rand.New(rand.NewPCG(bodies, 2))}
		w.network.between(change.answer)
	} else {
		w.network.between(nil)
	}
	w.Gateway.Pool = w.pool()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, records := w.do(ctx, tool.Name, arguments)
	what := string(arguments[:min(len(arguments), 300)])
	checkHarmless(t, what, r)
	if tool.Name != "call_tool" {
		checkOutcome(t, w, tool, what, r, records)
	}
}

// nearly is the example of a tool, with one argument as any other value.
func (g *generator) nearly(tool schemas.Tool) json.RawMessage {
	var example, s map[string]json.RawMessage
	if json.Unmarshal(tool.Example, &example) != nil || json.Unmarshal(tool.Input, &s) != nil {
		return tool.Example
	}
	var properties map[string]json.RawMessage
	if json.Unmarshal(s["properties"], &properties) != nil || len(properties) == 0 {
		return tool.Example
	}
	names := sortedNames(properties)
	name := names[g.IntN(len(names))]
	one, err := json.Marshal(g.value(properties[name], 1))
	if err != nil {
		return tool.Example
	}
	example[name] = one
	out, err := json.Marshal(example)
	if err != nil {
		return tool.Example
	}
	return out
}

// breaking changes what services answer, in a way of its own for each answer.
type breaking struct{ rng *rand.Rand }

func (c *breaking) answer(w http.ResponseWriter, r *http.Request, double http.Handler) {
	rec := answerOf(double, r)
	b, status := rec.Body.Bytes(), rec.Code
	switch c.rng.IntN(10) {
	case 0:
		b = b[:c.rng.IntN(len(b)+1)]
	case 1:
		b = append(bytes.Clone(b), b...)
	case 2:
		status = []int{200, 202, 204, 207, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503}[c.rng.IntN(15)]
	case 3:
		b = []byte([]string{"", "null", "[]", "{}", page, `{"ok":false}`, `{"error":7}`}[c.rng.IntN(7)])
	case 4, 5, 6: // a few values are others
		g := &generator{Rand: c.rng}
		b = replaced(b, func(depth int, v any) (any, bool) {
			if depth == 0 || c.rng.IntN(12) != 0 {
				return nil, false
			}
			return g.any(3), true
		})
	case 7:
		b = poisoned(b, func(_, s string) string {
			if c.rng.IntN(4) == 0 {
				return s + poison
			}
			return s
		})
	case 8:
		b = bytes.Clone(b)
		for range 1 + c.rng.IntN(5) {
			if len(b) > 0 {
				b[c.rng.IntN(len(b))] = byte(c.rng.Uint32())
			}
		}
	}
	if status == http.StatusNoContent {
		b = nil
	}
	pass(w, rec.Header(), status, b)
}

// TestAnyCall makes thousands of calls, of every tool.
func TestAnyCall(t *testing.T) {
	const each = 60
	eachTool(t, share, func(t *testing.T, w *whole, tool schemas.Tool) {
		for n := range uint64(each) {
			if n%20 == 0 {
				w.reset(t)
			}
			w.anyCall(t, tool, n*2654435761+uint64(len(tool.Name)), n*40503+uint64(len(tool.Description)))
			if t.Failed() {
				return
			}
		}
	})
}

func FuzzCall(f *testing.F) {
	all, err := schemas.Load()
	if err != nil {
		f.Fatal(err)
	}
	for n := range len(all) {
		f.Add(uint16(n), uint64(n), uint64(n+1))
	}
	w := newWhole(f, schemas.Tool{})
	f.Fuzz(func(t *testing.T, which uint16, seed, bodies uint64) {
		tool := all[int(which)%len(all)]
		w.reset(t)
		w.offer(tool)
		w.anyCall(t, tool, seed, bodies)
	})
}
