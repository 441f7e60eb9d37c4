package audit

import (
	"errors"
	"strings"
)

var (
	errTooDeep = errors.New("JSON is nested too deep")
	errSyntax  = errors.New("not JSON")
)

// walker goes over a JSON text once: it checks the syntax (RFC 8259), and copies
// to out only from the first change on.
type walker struct {
	in  string
	pos int
	set *needles
	by  reach

	out  []byte
	done int // in has been copied to out up to here, if out is not nil
}

// replace puts a JSON string in place of in[from:pos].
func (w *walker) replace(from int, text string) {
	if w.out == nil {
		w.out = make([]byte, 0, len(w.in)+64)
	}
	w.out = append(w.out, w.in[w.done:from]...)
	w.out = appendJSONString(w.out, text)
	w.done = w.pos
}

func (w *walker) document(places []string) error {
	w.space()
	if err := w.value(0, places, false); err != nil {
		return err
	}
	w.space()
	if w.pos != len(w.in) {
		return errSyntax
	}
	return nil
}

func (w *walker) space() {
	for w.pos < len(w.in) {
		switch w.in[w.pos] {
		case ' ', '\t', '\r', '\n':
			w.pos++
		default:
			return
		}
	}
}

// value goes over one value. places are the rest of the pointers that lead here;
// secret is set where the whole value is masked by the name of its key.
func (w *walker) value(depth int, places []string, secret bool) error {
	if depth > maxRedactDepth {
		return errTooDeep
	}
	if w.pos >= len(w.in) {
		return errSyntax
	}
	for _, p := range places {
		if p == "" { // the whole value is at a sensitive place
			return w.whole(depth)
		}
	}
	switch c := w.in[w.pos]; {
	case c == '"':
		return w.str(secret)
	case c == '{' || c == '[':
		if secret {
			return w.whole(depth)
		}
		if c == '{' {
			return w.object(depth, places)
		}
		return w.array(depth, places)
	case c == 't':
		return w.word("true")
	case c == 'f':
		return w.word("false")
	case c == 'n':
		return w.word("null")
	}
	start := w.pos
	if err := w.number(); err != nil {
		return err
	}
	if secret || len(w.set.find(w.in[start:w.pos])) > 0 {
		w.replace(start, masked)
	}
	return nil
}

// whole masks a value of any type.
func (w *walker) whole(depth int) error {
	start := w.pos
	skip := walker{in: w.in, pos: w.pos, set: w.set}
	if err := skip.value(depth, nil, false); err != nil {
		return err
	}
	w.pos = skip.pos
	w.replace(start, masked)
	return nil
}

func (w *walker) object(depth int, places []string) error {
	w.pos++
	w.space()
	if w.pos < len(w.in) && w.in[w.pos] == '}' {
		w.pos++
		return nil
	}
	var room [8]string
	for {
		w.space()
		start := w.pos
		escaped, err := w.skipString()
		if err != nil {
			return err
		}
		var key string
		if w.by == byName || len(places) > 0 || escaped {
			key = text(w.in[start:w.pos], escaped)
		}
		w.mend(start, escaped)
		w.space()
		if w.pos >= len(w.in) || w.in[w.pos] != ':' {
			return errSyntax
		}
		w.pos++
		w.space()
		if err := w.value(depth+1, under(room[:0], places, key), w.by == byName && sensitiveKey(key)); err != nil {
			return err
		}
		if more, err := w.more('}'); err != nil || !more {
			return err
		}
	}
}

func (w *walker) array(depth int, places []string) error {
	w.pos++
	w.space()
	if w.pos < len(w.in) && w.in[w.pos] == ']' {
		w.pos++
		return nil
	}
	var room [8]string
	for i := 0; ; i++ {
		w.space()
		var below []string
		if len(places) > 0 {
			below = under(room[:0], places, itoa(i))
		}
		if err := w.value(depth+1, below, false); err != nil {
			return err
		}
		if more, err := w.more(']'); err != nil || !more {
			return err
		}
	}
}

// more passes a comma or the end of an object or array.
func (w *walker) more(end byte) (bool, error) {
	w.space()
	if w.pos >= len(w.in) {
		return false, errSyntax
	}
	c := w.in[w.pos]
	w.pos++
	if c != ',' && c != end {
		return false, errSyntax
	}
	return c == ',', nil
}

// under returns what is left of the pointers below a key.
func under(room, places []string, key string) []string {
	for _, p := range places {
		if p[0] != '/' {
			continue
		}
		name, rest := p[1:], ""
		if i := strings.IndexByte(name, '/'); i >= 0 {
			name, rest = name[:i], name[i:]
		}
		if strings.IndexByte(name, '~') >= 0 {
			name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		}
		if name == "*" || name == key {
			room = append(room, rest)
		}
	}
	return room
}

func (w *walker) str(secret bool) error {
	start := w.pos
	escaped, err := w.skipString()
	if err != nil {
		return err
	}
	if !secret {
		w.mend(start, escaped)
		return nil
	}
	s := text(w.in[start:w.pos], escaped)
	if s == "" {
		return nil
	}
	if strings.ContainsAny(s, " \n") { // a sentence's end is not for recognising a key
		w.replace(start, masked)
	} else {
		w.replace(start, mask(s))
	}
	return nil
}

// mend masks secrets within the string in[start:pos].
func (w *walker) mend(start int, escaped bool) {
	s := text(w.in[start:w.pos], escaped)
	t := shapes(w.set.mask(s), w.by)
	if t != s {
		w.replace(start, t)
	}
}

func (w *walker) word(s string) error {
	if !strings.HasPrefix(w.in[w.pos:], s) {
		return errSyntax
	}
	w.pos += len(s)
	return nil
}
