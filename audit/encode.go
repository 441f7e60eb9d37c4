package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// encoded is a record line without its index, which is known only under the
// lock: callers encode side by side, and the index is put in front later.
const indexZero = `{"index":0,`
const indexHead = `{"index":`

// ErrRecordTooLarge is in the error of an Append whose record has more than
// 256 KiB as JSON.
var ErrRecordTooLarge = errors.New("audit record has more than 256 KiB")

// encodeRecord returns what follows the index in the record's line, from the
// comma on.
func encodeRecord(r Record) ([]byte, error) {
	switch r.Phase {
	case PhaseCall, PhaseEvent:
	case PhaseIntent, PhaseOutcome:
		if r.CallID == "" {
			return nil, fmt.Errorf("audit record of phase %q has no call id", r.Phase)
		}
	default:
		return nil, fmt.Errorf("audit record has the unknown phase %q", r.Phase)
	}
	r.Index = 0
	r.Time = r.Time.UTC()
	var buf bytes.Buffer
	buf.Grow(1024)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&r); err != nil {
		return nil, fmt.Errorf("audit record cannot be written as JSON: %w", err)
	}
	line := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(line) > maxRecord-segmentDigits {
		return nil, fmt.Errorf("%w (%d bytes): bound its arguments and result first", ErrRecordTooLarge, len(line))
	}
	rest, ok := bytes.CutPrefix(line, []byte(indexZero[:len(indexZero)-1]))
	if !ok {
		return nil, errors.New("audit record does not begin with its index")
	}
	return rest, nil
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendJSONString[T ~string | ~[]byte](b []byte, s T) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		i += n
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
