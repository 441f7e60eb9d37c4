package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a message may nest: no real argument comes near, and
// every later parser recurses.
const maxDepth = 64

// ErrTooDeep says that a message nests deeper than 64 levels.
var ErrTooDeep = errors.New("the message nests deeper than 64 levels")

// A DuplicateKeyError names an object key that occurs twice, or twice but for
// upper and lower case where that matters. Parsers differ on which of the two
// counts, so such a message means different things to different readers.
type DuplicateKeyError struct{ Key string }

func (e *DuplicateKeyError) Error() string {
	return fmt.Sprintf("the key %q stands twice in one object", e.Key)
}

// A scanner checks a JSON text (RFC 8259) once, from left to right, and hands out
// the members of the objects that its caller asks for. It is stricter than
// encoding/json: valid UTF-8 only, no object with a repeated key (RFC 7493
// section 2.3), at most maxDepth levels.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) syntax() error {
	return fmt.Errorf("the message is no valid JSON at byte %d", s.pos)
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// end reports whether nothing but white space is left.
func (s *scanner) end() error {
	s.space()
	if s.pos != len(s.data) {
		return s.syntax()
	}
	return nil
}

// value steps over one value of any kind.
func (s *scanner) value(depth int) error {
	if depth > maxDepth {
		return ErrTooDeep
	}
	s.space()
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth, false, nil)
	case c == '[':
		return s.array(depth)
	case c == '"':
		_, err := s.text()
		return err
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	return s.syntax()
}

func (s *scanner) literal(word string) error {
	if !strings.HasPrefix(string(s.data[s.pos:min(len(s.data), s.pos+len(word))]), word) {
		return s.syntax()
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.syntax()
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.syntax()
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.syntax()
		}
	}
	return nil
}

// text steps over a string and returns it with its quotes. That the bytes are
// UTF-8 has been checked for the message as a whole.
func (s *scanner) text() ([]byte, error) {
	start := s.pos
	s.pos++ // the quote
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[start:s.pos], nil
		case c < 0x20:
			return nil, s.syntax()
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		default:
			s.pos++
		}
	}
	return nil, s.syntax()
}

func (s *scanner) escape() error {
	s.pos++ // the backslash
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
		for range 4 {
			switch c := s.peek(); {
			case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
				s.pos++
			default:
				return s.syntax()
			}
		}
		return nil
	}
	return s.syntax()
}

// raw steps over one value and returns its text.
func (s *scanner) raw(depth int) ([]byte, error) {
	s.space()
	start := s.pos
	err := s.value(depth)
	return s.data[start:s.pos], err
}

func (s *scanner) array(depth int) error {
	return s.elements(depth, func() error { return s.value(depth + 1) })
}

// elements steps over an array; element has to step over each value in it.
func (s *scanner) elements(depth int, element func() error) error {
	if depth > maxDepth {
		return ErrTooDeep
	}
	s.pos++ // the bracket
	s.space()
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if err := element(); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.syntax()
		}
	}
}

// object steps over an object, at whose brace it stands; member gets each key,
// unquoted, and has to step over its value; nil: values do not matter. A repeated
// key is an error; with fold, so is one that differs by case only.
func (s *scanner) object(depth int, fold bool, member func(key string) error) error {
	if depth > maxDepth {
		return ErrTooDeep
	}
	s.pos++ // the brace
	s.space()
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	var seen keys
	for {
		s.space()
		if s.peek() != '"' {
			return s.syntax()
		}
		quoted, err := s.text()
		if err != nil {
			return err
		}
		key := unquote(quoted)
		if !seen.add(key, fold) {
			return &DuplicateKeyError{key}
		}
		s.space()
		if s.peek() != ':' {
			return s.syntax()
		}
		s.pos++
		s.space()
		if member == nil {
			err = s.value(depth + 1)
		} else {
			err = member(key)
		}
		if err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.syntax()
		}
	}
}

// keys remembers the keys of one object: few are compared one by one, many are
// hashed, so that neither a small nor a huge object is dear.
type keys struct {
	few  [12]string
	n    int
	many map[string]bool
}

// add reports whether the key is new.
func (k *keys) add(key string, fold bool) bool {
	if fold {
		key = lower(key)
	}
	if k.many != nil {
		if k.many[key] {
			return false
		}
		k.many[key] = true
		return true
	}
	for _, old := range k.few[:k.n] {
		if old == key {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return true
	}
	k.many = make(map[string]bool, 2*len(k.few))
	for _, old := range k.few {
		k.many[old] = true
	}
	k.many[key] = true
	return true
}

// lower folds the case of a key.
func lower(key string) string {
	plain := true
	for i := range len(key) {
		if c := key[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return key
	}
	return strings.ToLower(foldable.Replace(key))
}

// foldable maps the two letters beyond ASCII whose simple case folding is an
// ASCII letter, as encoding/json folds them: long s and the Kelvin sign.
var foldable = strings.NewReplacer("\u017f", "s", "\u212a", "k")

// unquote returns what a JSON string that the scanner has passed stands for.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' {
			var text string
			_ = json.Unmarshal(quoted, &text) // the scanner has checked it
			return text
		}
	}
	return string(inner)
}

// checkText refuses what no JSON text may be.
func checkText(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the message is not valid UTF-8")
	}
	return nil
}
