package pinecone

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
)

// thin reads JSON of Pinecone's and leaves out what nobody will see: the numbers
// of vectors, which are nearly all of a large answer. In place of each array that
// is a vector stands an object with how many numbers it had and, where they are
// wanted, the numbers:
//
//	{"id":"a","values":[0.1,0.2],…}  →  {"id":"a","values":{"n":2,"v":[]},…}
//
// So a reader behind it never holds a vector that it does not want. A vector is an
// array under one of the given keys at the depth of a record's own members: metadata
// of that name lies deeper. What is not JSON passes through for the decoder to
// refuse.
type thin struct {
	in   *bufio.Reader
	keys []string    // of vectors: "values", or the fields of a schema
	want func() bool // whether the next vector's numbers are wanted
	out  []byte      // to be given out
	at   int         // how much of out has been
	err  error

	depth   int
	key     []byte // the last string read, as far as it may be a key that matters
	isKey   bool   // key has been followed by a colon
	inText  bool
	escaped bool
}

const (
	vectorDepth = 3      // {"vectors":{"id":{"values":…}}} and {"matches":[{"values":…}]}
	maxKey      = 64     // bytes of a field's name: the vendor's limit
	maxNumbers  = 20_000 // of one vector: the vendor's limit
)

var errVector = errors.New("a vector is not a list of numbers")

func newThin(r io.Reader, keys []string, want func() bool) *thin {
	return &thin{in: bufio.NewReaderSize(r, 8<<10), keys: keys, want: want}
}

func (t *thin) Read(p []byte) (int, error) {
	for t.at == len(t.out) && t.err == nil {
		t.out, t.at = t.out[:0], 0
		for len(t.out) < 4<<10 && t.err == nil {
			t.step()
		}
	}
	n := copy(p, t.out[t.at:])
	t.at += n
	if n == 0 {
		return 0, t.err
	}
	return n, nil
}

// step reads one byte of what is not a vector.
func (t *thin) step() {
	c, err := t.in.ReadByte()
	if err != nil {
		t.err = err
		return
	}
	if t.inText {
		t.out = append(t.out, c)
		switch {
		case t.escaped:
			t.escaped = false
		case c == '\\':
			t.escaped = true
		case c == '"':
			t.inText = false
			return
		}
		if len(t.key) <= maxKey {
			t.key = append(t.key, c)
		}
		return
	}
	switch c {
	case '"':
		t.inText, t.isKey, t.key = true, false, t.key[:0]
	case ':':
		t.isKey = true
	case '{', '[':
		if c == '[' && t.isKey && t.depth == vectorDepth && slices.Contains(t.keys, string(t.key)) {
			t.isKey = false
			t.vector()
			return
		}
		t.depth++
		t.isKey = false
	case '}', ']':
		t.depth--
		t.isKey = false
	case ',':
		t.isKey = false
	}
	t.out = append(t.out, c)
}

// vector reads an array of numbers, of which the opening bracket has been read.
func (t *thin) vector() {
	keep := t.want()
	start := len(t.out)
	t.out = append(t.out, `{"v":[`...)
	n, digit := 0, false
	for {
		c, err := t.in.ReadByte()
		if err != nil {
			if t.err = err; err == io.EOF {
				t.err = io.ErrUnexpectedEOF
			}
			t.out = t.out[:start]
			return
		}
		switch {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			if !digit {
				digit = true
				if n++; n > maxNumbers {
					t.err = errVector
					return
				}
			}
		case c == ',', c == ' ', c == '\n', c == '\r', c == '\t':
			digit = false
		case c == ']':
			t.out = fmt.Appendf(t.out, `],"n":%d}`, n)
			return
		default:
			t.err = errVector
			return
		}
		if keep {
			t.out = append(t.out, c)
		}
	}
}
