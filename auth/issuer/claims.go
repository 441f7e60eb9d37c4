package issuer

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Claims are what a token, or an issuer of it, says. Numbers are kept as written.
type Claims map[string]any

// parseClaims reads a JSON object strictly: names are compared with their
// capitals, and one that stands there twice is an error (RFC 7519 section 4), so
// that nobody else can have read another value.
func parseClaims(raw []byte) (Claims, error) {
	if !stdjson.Valid(raw) { // bounds the nesting
		return nil, errors.New("not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.SetNumberType(json.UnmarshalJSONNumber)
	var c Claims
	if err := d.Decode(&c); err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errors.New("not a JSON object")
	}
	return c, nil
}

// text is a claim that is a string; empty if there is none. It is not ok if the
// claim is of another kind, or no plain text of at most 1 KiB.
func (c Claims) text(name string) (string, bool) {
	switch v := c[name].(type) {
	case nil:
		return "", true
	case string:
		return v, len(v) <= maxValue && plain(v)
	}
	return "", false
}

// texts is a claim that is a string or a list of them.
func (c Claims) texts(name string) ([]string, bool) {
	switch v := c[name].(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			list[i] = s
		}
		return list, true
	}
	return nil, false
}

// maxTime is 9999-12-31: nothing is later, and below it no conversion overflows.
const maxTime = 253402300799

// when is a claim that is a time (RFC 7519 section 2, NumericDate); zero if there
// is none. Fractions of a second are cut off.
func (c Claims) when(name string) (time.Time, bool) {
	if c[name] == nil {
		return time.Time{}, true
	}
	n, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || math.IsNaN(f) || f < 1 || f > maxTime {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// Path is the way to a claim: the names of objects with dots between them,
// "act.sub". A name that has a dot or a quote in it stands in double quotes, in
// which two quotes stand for one: `"kubernetes.io".serviceaccount.name`.
type Path []string

const maxPath = 8 // names

// ParsePath reads a path of at most 8 names and 512 bytes.
func ParsePath(text string) (Path, error) {
	if len(text) > maxPattern || !plain(text) {
		return nil, fmt.Errorf("the path of a claim is at most %d bytes of plain text", maxPattern)
	}
	wrong := fmt.Errorf(`%q is no path of a claim: write names with dots between them, and one that has a dot in it in quotes, as in "kubernetes.io".namespace`, text)
	var p Path
	for rest := text; ; {
		var name string
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			for {
				part, after, closed := strings.Cut(quoted, `"`)
				if !closed {
					return nil, wrong
				}
				name += part
				if quoted, ok = strings.CutPrefix(after, `"`); !ok {
					rest = after
					break
				}
				name += `"`
			}
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			name, rest = rest[:end], rest[end:]
			if strings.ContainsAny(name, `"{}`) || name == "" {
				return nil, wrong
			}
		}
		if p = append(p, name); len(p) > maxPath {
			return nil, wrong
		}
		if rest == "" {
			return p, nil
		}
		var dotted bool
		if rest, dotted = strings.CutPrefix(rest, "."); !dotted {
			return nil, wrong
		}
	}
}

// at follows a path; nil if it leads nowhere.
func (c Claims) at(p Path) any {
	var v any = map[string]any(c)
	for _, name := range p {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// scalar is a value as a text: a string, a number as it is written, true or
// false. Null, an object and a list are none.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// fits reports whether the claim at a path is of a pattern; of a list, whether an
// element is.
func (c Claims) fits(p Path, pattern Pattern) bool {
	v := c.at(p)
	if list, ok := v.([]any); ok {
		for _, e := range list {
			if text, ok := scalar(e); ok && pattern.Fits(text) {
				return true
			}
		}
		return false
	}
	text, ok := scalar(v)
	return ok && pattern.Fits(text)
}
