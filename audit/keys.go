package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// EventKey is the event of a key that gives way to the next, which Record.Key
// names. The segment ends with the batch of that record, and the next one is
// signed with the new key: a segment has one key, and tells it in its second
// line, ["key","name+hash+base64"]. So the history of keys is part of the log,
// and each was named under the signature of the one before it.
const (
	EventKey      = "audit.key.rotated"
	EventKeyBegun = "audit.key.begun" // the first record under the new key
)

const tagKey = "key"

func appendKeyLine(b []byte, verifier string) []byte {
	b = append(b, `["`+tagKey+`",`...)
	return append(appendJSONString(b, verifier), "]\n"...)
}

func isKeyLine(line []byte) bool { return bytes.HasPrefix(line, []byte(`["`+tagKey+`"`)) }

func parseKeyLine(line []byte) (verifier string, err error) {
	var items []string
	if err := json.Unmarshal(line, &items); err != nil || len(items) != 2 || items[0] != tagKey {
		return "", errors.New("line is not the key of a segment")
	}
	return items[1], nil
}

// namedKey returns the key that a record names for what comes after it.
func namedKey(line []byte) (verifier string, ok bool) {
	if !bytes.Contains(line, []byte(`"`+EventKey+`"`)) {
		return "", false
	}
	var r struct {
		Event string `json:"event"`
		Key   string `json:"key"`
	}
	if json.Unmarshal(line, &r) != nil || r.Event != EventKey || r.Key == "" {
		return "", false
	}
	return r.Key, true
}

// keyName is how an error calls a verifier key: its name and hash.
func keyName(verifier string) string {
	if i := strings.LastIndexByte(verifier, '+'); i > 0 {
		return verifier[:i]
	}
	return verifier
}
