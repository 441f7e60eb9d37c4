package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"
)

// Bound makes a result small enough for a record: as it is where it has at most
// max bytes, else the object {"truncated":true,"head":"…"} with as much of its
// beginning, as text, as fits in max bytes (at least none). digest is the
// SHA-256 of the whole in hex, size its bytes; for nothing they are "" and 0.
// Redact before, so that no secret is cut in two and then not recognised.
func Bound(raw json.RawMessage, max int) (bounded json.RawMessage, digest string, size int) {
	if len(raw) == 0 {
		return nil, "", 0
	}
	sum := sha256.Sum256(raw)
	digest = hex.EncodeToString(sum[:])
	if len(raw) <= max && json.Valid(raw) {
		return raw, digest, len(raw)
	}
	const before, after = `{"truncated":true,"head":`, `}`
	out := append(make([]byte, 0, max+64), before...)
	n := min(len(raw), max)
	for {
		for n > 0 && n < len(raw) && !utf8.RuneStart(raw[n]) {
			n--
		}
		out = append(appendJSONString(out[:len(before)], raw[:n]), after...)
		if len(out) <= max || n == 0 {
			return out, digest, len(raw)
		}
		n = n * max / (len(out) + 1) // quotes and controls take more room than they had
	}
}
