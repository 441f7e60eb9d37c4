package metabase

import (
	"bytes"
	"encoding/json"

	"toolvault/tools/upstream"
)

// eachCell calls f for each element of a JSON array that is known to be valid, until
// it returns false. It makes no copy: rows are many.
func eachCell(array []byte, f func(cell []byte) bool) {
	depth, begin, quoted := 0, 1, false
	for i := 0; i < len(array); i++ {
		switch c := array[i]; {
		case quoted:
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth > 0 {
				continue
			}
			if cell := bytes.TrimSpace(array[begin:i]); len(cell) > 0 {
				f(cell)
			}
			return
		case c == ',' && depth == 1:
			if !f(bytes.TrimSpace(array[begin:i])) {
				return
			}
			begin = i + 1
		}
	}
}

// cellValue is upstream.CleanJSON, without decoding what stands there as it is.
func cellValue(cell []byte) any {
	switch c := cell[0]; {
	case c == '"' && bytes.IndexByte(cell, '\\') < 0 && !bytes.ContainsFunc(cell, func(r rune) bool { return r == '\uFFFD' }):
		return upstream.CleanLines(string(cell[1:len(cell)-1]), maxValue)
	case (c == '-' || c >= '0' && c <= '9') && len(cell) <= 64:
		return json.Number(cell)
	}
	return upstream.CleanJSON(cell, maxValue)
}
