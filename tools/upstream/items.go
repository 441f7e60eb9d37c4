package upstream

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"toolvault/tools/fault"
)

// ErrEnough is what a reader of Items returns when it wants no more: the rest of
// the document is not read, and Items returns nil.
var ErrEnough = errors.New("upstream: enough of the items")

const (
	// maxItem bounds, in bytes, an element of the array, a member beside it, and
	// any single string that is skipped. What the decoder has read ahead comes on
	// top, so that up to twice as much may pass.
	maxItem = 1 << 20
	// maxSkipped bounds how deep what is skipped may be nested.
	maxSkipped = 1000
)

// Beside are the members of a document that are wanted beside the array: by
// their path ("status", "data.cols", "paging.next.after"), where to decode each
// to, as for json.Unmarshal. A member that is not there leaves its target as it
// was. Each is bounded to 1 MiB. Those that lead to the array are not for here.
type Beside map[string]any

// Items reads a large JSON document as it comes, for Request.Stream: it calls
// each for every element of the array at path, and holds no more than one element
// at a time. The path names members from the outside in ("data.rows", "results");
// "" is a document that is an array itself. Names are compared exactly.
//
// each decodes one element, by one call of dec.Decode. What it does not decode is
// skipped, so that a reader who has all it wants can still get the members that
// follow; ErrEnough ends at once. Any other error ends it and is returned. The
// array may be absent or null, as with json.Unmarshal.
//
// A service's Fault is not asked about an answer that is streamed. Where a service
// says in the body of a 2xx that it failed, ask for the members by which it does,
// and judge by them after Items returns: they may stand before or behind the
// array.
//
//	var rows []row
//	var status, reason string
//	req.Stream = func(r io.Reader) error {
//		err := upstream.Items(r, "data.rows", func(dec *json.Decoder) error {
//			if len(rows) == most {
//				return nil // skipped
//			}
//			rows = append(rows, nil)
//			return dec.Decode(&rows[len(rows)-1])
//		}, upstream.Beside{"status": &status, "error": &reason})
//		if err == nil && status == "failed" {
//			return fault.New(…)
//		}
//		return err
//	}
//
// What is not the JSON that it should be is an upstream_error: cut off, nested
// without end, an element over 1 MiB, another type, the array twice, more behind
// the document.
func Items(r io.Reader, path string, each func(dec *json.Decoder) error, beside ...Beside) error {
	w := &itemWalk{in: &portion{r: r}, each: each, target: path, wanted: Beside{}, ways: map[string]bool{}}
	w.dec = json.NewDecoder(w.in)
	w.way(path)
	for _, some := range beside {
		for at, into := range some {
			w.wanted[at] = into
			w.way(at)
		}
	}
	err := w.value("")
	if err == nil {
		err = w.end()
	}
	if errors.Is(err, ErrEnough) {
		return nil
	}
	return judged(r, err)
}

// itemWalk is one passage through a document.
type itemWalk struct {
	dec    *json.Decoder
	in     *portion
	each   func(*json.Decoder) error
	target string
	found  bool // the array has been read
	wanted Beside
	ways   map[string]bool // objects that are entered
}

// way notes the objects that lead to a member.
func (w *itemWalk) way(path string) {
	if path == "" {
		return
	}
	w.ways[""] = true
	for i, c := range path {
		if c == '.' {
			w.ways[path[:i]] = true
		}
	}
}

// value reads the value that stands at a path.
func (w *itemWalk) value(at string) error {
	w.in.left = maxItem
	switch into, wanted := w.wanted[at]; {
	case at == w.target:
		return w.array()
	case w.ways[at]:
		return w.object(at)
	case wanted:
		return w.dec.Decode(into)
	}
	return w.skip()
}

// object enters an object that leads to something wanted.
func (w *itemWalk) object(at string) error {
	open, err := w.open('{')
	if err != nil || !open {
		return err
	}
	for w.dec.More() {
		w.in.left = maxItem
		key, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		inner := name
		if at != "" {
			inner = at + "." + name
		}
		if strings.Contains(name, ".") { // it would look like a path
			err = w.skip()
		} else {
			err = w.value(inner)
		}
		if err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}

// array gives out the elements.
func (w *itemWalk) array() error {
	if w.found {
		return malformed("the array is there twice")
	}
	w.found = true
	open, err := w.open('[')
	if err != nil || !open {
		return err
	}
	for w.dec.More() {
		w.in.left = maxItem
		before := w.dec.InputOffset()
		if err := w.each(w.dec); err != nil {
			return err
		}
		if w.dec.InputOffset() == before {
			if err := w.dec.Decode(&nothing{}); err != nil {
				return err
			}
		}
	}
	_, err = w.dec.Token()
	return err
}

// open reads the beginning of an object or array, and reports whether there is
// one: null is none.
func (w *itemWalk) open(delim json.Delim) (bool, error) {
	switch token, err := w.dec.Token(); {
	case err != nil:
		return false, err
	case token == nil:
		return false, nil
	case token != delim:
		return false, malformed("a value is of another type")
	}
	return true, nil
}

// skip reads over a value of any size. It holds one string of it at most.
func (w *itemWalk) skip() error {
	for depth := 0; ; {
		w.in.left = maxItem
		token, err := w.dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxSkipped {
				return malformed("it is nested too deep")
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// end makes sure that nothing follows.
func (w *itemWalk) end() error {
	w.in.left = maxItem
	switch _, err := w.dec.Token(); {
	case err == nil:
		return malformed("more follows the document")
	case err != io.EOF:
		return err
	}
	return nil
}

// nothing takes a value and keeps none of it.
type nothing struct{}

func (*nothing) UnmarshalJSON([]byte) error { return nil }

// portion lets through so many bytes, until it is set anew: a decoder holds a
// value whole.
type portion struct {
	r    io.Reader
	left int
}

func (p *portion) Read(b []byte) (int, error) {
	if p.left <= 0 {
		return 0, malformed("a value is too large")
	}
	n, err := p.r.Read(b[:min(len(b), p.left)])
	p.left -= n
	return n, err
}

// malformed is what is wrong with a document, in words of ours.
type malformed string

func (m malformed) Error() string { return string(m) }

// judged makes a fault of what is wrong with a document. What the reader of an
// element said, and what kept the bytes from coming, stays as it is.
func judged(r io.Reader, err error) error {
	var own malformed
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case err == io.EOF: // the document ends before it is complete
		err = io.ErrUnexpectedEOF
	case errors.As(err, new(*fault.Error)):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &own), errors.As(err, &syntax), errors.As(err, &kind):
	default:
		return err
	}
	service, status := "The service", 0
	if from, ok := r.(*watched); ok {
		service, status = from.service, from.status
	}
	return notJSON(service, status).Because(truncated(err))
}

// truncated keeps, of a cause, that the document was cut off.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return cause(err)
}
