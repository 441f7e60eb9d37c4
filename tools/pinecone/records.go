package pinecone

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/upstream"
)

// Bounds on what an answer carries, so that it does not drown the conversation.
const (
	maxValue  = 500      // characters of a field's value
	maxFields = 40       // fields of a record
	maxBudget = 48 << 10 // bytes of all fields of an answer
)

// fields are a record's, bounded and cleaned for a model. What is left out is
// the later names in alphabetical order.
func fields(raw map[string]json.RawMessage) map[string]any {
	names := make([]string, 0, len(raw))
	for n := range raw {
		names = append(names, n)
	}
	slices.Sort(names)
	out := map[string]any{}
	for _, n := range names[:min(len(names), maxFields)] {
		out[upstream.Clean(n, 100)] = upstream.CleanJSON(raw[n], maxValue)
	}
	return out
}

// size is about what the fields cost in an answer.
func size(f map[string]any) int {
	n := 0
	for k, v := range f {
		n += len(k) + 8
		if s, ok := v.(string); ok {
			n += len(s)
		}
	}
	return n
}

// line writes the fields of a record in one line.
func line(f map[string]any) string {
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	slices.Sort(names)
	parts := make([]string, 0, len(f))
	for _, n := range names {
		parts = append(parts, n+": "+upstream.Clean(fmt.Sprint(f[n]), maxValue))
	}
	return strings.Join(parts, " · ")
}

// lsn reads a log sequence number from a header: what is written is visible to
// reads once their number has reached the write's. nil where there is none.
func lsn(h http.Header, header string) *int64 {
	n, err := strconv.ParseInt(h.Get(header), 10, 64)
	if err != nil || n < 0 {
		return nil
	}
	return &n
}

const (
	headerWritten = "X-Pinecone-Request-Lsn"
	headerIndexed = "X-Pinecone-Max-Indexed-Lsn"
)
