package tools

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"toolvault/tools/fault"
)

const (
	cursorTag      = 8 // bytes of the query's hash that a cursor carries
	maxCursorBytes = 2048
)

// Cursor makes what a model gets to ask for the next page: the service's own
// cursor, and a mark of the query it belongs to. It is "" where there is no next
// page. It is no secret and no permission: it only keeps a model from going on
// with another query where this one stopped.
func Cursor(query any, upstream string) string {
	if upstream == "" || len(upstream) > maxCursorBytes {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(queryTag(query), upstream...))
}

// OpenCursor returns the service's cursor; "" for "".
func OpenCursor(query any, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) <= cursorTag || len(b) > cursorTag+maxCursorBytes {
		return "", fault.New(fault.InvalidArguments, "The cursor is not one that this tool gave. Leave it out to start from the first page.")
	}
	if string(b[:cursorTag]) != string(queryTag(query)) {
		return "", fault.New(fault.InvalidArguments, "The cursor belongs to another query. Repeat the arguments of the call that gave it, or leave it out to start from the first page.")
	}
	return string(b[cursorTag:]), nil
}

func queryTag(query any) []byte {
	b, _ := json.Marshal(query) // plain structs of texts: cannot fail
	sum := sha256.Sum256(b)
	return sum[:cursorTag]
}

// maxPage is how much of a list one answer holds, in bytes of JSON: a third of
// that is about the number of tokens, of which a model should get 25,000 at most.
const maxPage = 60_000

// Position is where in a list a page begins: the service's cursor, and how many
// items of what the service answers there have been given out already.
type Position struct {
	Cursor string
	Skip   int
}

// OpenPosition reads a cursor that Page made; "" is the beginning.
func OpenPosition(query any, cursor string) (Position, error) {
	text, err := OpenCursor(query, cursor)
	if err != nil || text == "" {
		return Position{}, err
	}
	skip, upstream, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(skip)
	if err != nil || n < 0 {
		return Position{}, fault.New(fault.InvalidArguments, "The cursor is not one that this tool gave. Leave it out to start from the first page.")
	}
	return Position{Cursor: upstream, Skip: n}, nil
}

// Page is the part of items, which the service answered at a position, that one
// answer holds: limit of them at most, and no more than a model can take, cut at
// a whole item. next is the service's cursor behind them, "" at the end; the
// cursor that is returned leads to what was left out or, where nothing was, to
// next.
func Page[T any](query any, at Position, items []T, limit int, next string) (page []T, cursor string) {
	items = items[min(at.Skip, len(items)):]
	n := fitting(items[:min(limit, len(items))])
	if n < len(items) {
		return items[:n], Cursor(query, strconv.Itoa(at.Skip+n)+" "+at.Cursor)
	}
	if next == "" {
		return items, ""
	}
	return items, Cursor(query, "0 "+next)
}

// fitting is how many of the items fit into maxPage, and one at least.
func fitting[T any](items []T) int {
	all, err := json.Marshal(items)
	if err != nil || len(all) <= maxPage {
		return len(items)
	}
	room := maxPage
	for i := range items {
		one, _ := json.Marshal(items[i])
		if room -= len(one) + 1; room < 0 {
			return max(i, 1)
		}
	}
	return len(items)
}
