package monitor

import (
	"bytes"
	"encoding/json"
)

// members calls fn for each member of a JSON object on one line, with the bytes of
// its value, until fn returns false. It takes what the log writes, and stops at
// anything else: it never reads beyond the text. No key of ours needs an escape.
func members(text []byte, fn func(key, value []byte) bool) {
	if len(text) == 0 || text[0] != '{' {
		return
	}
	i := 1
	for i < len(text) && text[i] == '"' {
		end := i + 1 // keys are short
		for end < len(text) && text[end] != '"' {
			end++
		}
		end++
		if end+1 >= len(text) || text[end] != ':' {
			return
		}
		key := text[i+1 : end-1]
		stop := valueEnd(text, end+1)
		if stop < 0 || !fn(key, text[end+1:stop]) {
			return
		}
		if stop >= len(text) || text[stop] != ',' {
			return
		}
		i = stop + 1
	}
}

// stringEnd is the offset behind the string that begins at i; negative: none ends.
func stringEnd(text []byte, i int) int {
	for at := i + 1; ; {
		n := bytes.IndexByte(text[at:], '"')
		if n < 0 {
			return -1
		}
		at += n
		back := 0
		for text[at-1-back] == '\\' && at-1-back > i {
			back++
		}
		at++
		if back%2 == 0 {
			return at
		}
	}
}

// valueEnd is the offset behind the value that begins at i; negative: none ends.
func valueEnd(text []byte, i int) int {
	if i >= len(text) {
		return -1
	}
	switch text[i] {
	case '"':
		return stringEnd(text, i)
	case '{', '[':
		for depth := 0; i < len(text); {
			switch text[i] {
			case '"':
				if i = stringEnd(text, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

// textOf is the text of a JSON string; nil for anything else. It is copied only
// where something in it is escaped.
func textOf(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return nil
	}
	return []byte(s)
}

// intOf is a whole number that is not negative; anything else is 0.
func intOf(value []byte) int64 {
	var n int64
	for _, c := range value {
		if c < '0' || c > '9' || n > 1<<52 {
			return 0
		}
		n = 10*n + int64(c-'0')
	}
	return n
}
