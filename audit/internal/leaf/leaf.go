// Package leaf reads single members of a record's JSON without decoding all of
// it: whoever looks at ten million records wants six of their thirty members.
//
// What it reads comes from disk and may have been changed: a text that is no
// JSON object ends early and is never an index out of range.
package leaf

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Members goes over the members of a JSON object in their order. Name and Value
// are valid after a Next that was true, and lent: they are parts of the object.
type Members struct {
	Name  []byte // as it is written, without its quotes
	Value []byte // as it is written: a text with its quotes
	rest  []byte
}

// Of begins with the members of an object.
func Of(object []byte) Members {
	rest, ok := bytes.CutPrefix(space(object), []byte("{"))
	if !ok {
		return Members{}
	}
	return Members{rest: rest}
}

// Next goes to the next member; it is false at the end, and where the text is no
// JSON object.
func (m *Members) Next() bool {
	rest := space(m.rest)
	m.rest = nil
	if len(rest) > 0 && rest[0] == ',' {
		rest = space(rest[1:])
	}
	if len(rest) == 0 || rest[0] != '"' {
		return false
	}
	n := text(rest)
	if n == 0 {
		return false
	}
	m.Name, rest = rest[1:n-1], space(rest[n:])
	if len(rest) == 0 || rest[0] != ':' {
		return false
	}
	rest = space(rest[1:])
	if n = value(rest); n == 0 {
		return false
	}
	m.Value, m.rest = rest[:n], rest[n:]
	return true
}

func space(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// text is the length of the JSON text that b begins with, with its quotes; 0: it
// has no end.
func text(b []byte) int {
	for i := 1; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return 0
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' { // ends at the opening quote at the latest
			slashes++
		}
		if i++; slashes%2 == 0 {
			return i
		}
	}
	return 0
}

// value is the length of the JSON value that b begins with; 0: it has no end.
func value(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"':
		return text(b)
	case '{', '[':
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				n := text(b[i:])
				if n == 0 {
					return 0
				}
				i += n - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return 0
	}
	for i, c := range b {
		if c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			return i
		}
	}
	return 0
}

// Text returns what a JSON text says; lent where it has no escapes. What is no
// text is nil.
func Text(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return []byte(s)
}

// Time reads a time as the log writes it, RFC 3339; zero where it is none.
func Time(value []byte) time.Time {
	t := Text(value)
	if len(t) >= len("2006-01-02T15:04:05Z") && t[len(t)-1] == 'Z' {
		if at, ok := utc(t); ok {
			return at
		}
	}
	at, err := time.Parse(time.RFC3339Nano, string(t))
	if err != nil {
		return time.Time{}
	}
	return at
}

// utc reads "2006-01-02T15:04:05.999999999Z", the only form that the log itself
// writes, at a third of the cost of time.Parse.
func utc(t []byte) (time.Time, bool) {
	if t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' || t[16] != ':' {
		return time.Time{}, false
	}
	year, ok1 := number(t[0:4])
	month, ok2 := number(t[5:7])
	day, ok3 := number(t[8:10])
	hour, ok4 := number(t[11:13])
	minute, ok5 := number(t[14:16])
	second, ok6 := number(t[17:19])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || month < 1 || month > 12 || day < 1 || day > 28 && day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	nanos, scale := 0, 1_000_000_000
	if fraction := t[19 : len(t)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) < 2 || len(fraction) > 10 {
			return time.Time{}, false
		}
		for _, c := range fraction[1:] {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			scale /= 10
			nanos += int(c-'0') * scale
		}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC), true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func number(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
