package tools

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

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
