package upstream

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"unsafe"
)

// Conceal sets what takes the call's secrets out of everything that the service
// sends. It is applied before a handler, or a fault, sees any of it: what is
// clipped first and searched afterwards can keep the better half of a secret.
func (c *Client) Conceal(mask func(string) string) { c.mask = mask }

// maxConcealed is what is searched at once: a longer body goes piece by piece.
const maxConcealed = 8 << 20

func (c *Client) concealed(body []byte) []byte {
	if c.mask == nil || len(body) == 0 {
		return body
	}
	if len(body) > maxConcealed {
		body, _ = io.ReadAll(c.concealedStream(bytes.NewReader(body))) // it cannot fail
		return body
	}
	if masked, found := searched(c.mask, body); found {
		return []byte(masked)
	}
	return body
}

// searched masks a text that nobody changes meanwhile, and copies it only where
// something was found.
func searched(mask func(string) string, text []byte) (masked string, found bool) {
	view := unsafe.String(unsafe.SliceData(text), len(text))
	masked = mask(view)
	return masked, masked != view
}

func (c *Client) concealedHeader(h http.Header) http.Header {
	if c.mask == nil {
		return h
	}
	clean := make(http.Header, len(h))
	for name, values := range h {
		for _, v := range values {
			clean.Add(name, c.mask(v))
		}
	}
	return clean
}

// concealedStream masks a body piece by piece. The end of each piece is held
// back and searched again with the next, so that a secret that lies across two
// pieces is found too.
func (c *Client) concealedStream(r io.Reader) io.Reader {
	if c.mask == nil {
		return r
	}
	return &concealing{r: r, mask: c.mask}
}

// overlap is more than any spelling of a secret takes: 64 KiB in hex or
// URL-encoded. Each piece is searched once alone and, with a piece as long, once
// more as what was held back.
const (
	overlap = 3 * 64 << 10
	piece   = overlap
)

type concealing struct {
	r     io.Reader
	mask  func(string) string
	buf   []byte // masked: up to ready to be given out, then to be searched again with what follows
	at    int    // given out so far
	ready int
	err   error
}

func (c *concealing) Read(p []byte) (int, error) {
	for c.at == c.ready && c.err == nil {
		c.fill()
	}
	if c.at == c.ready {
		return 0, c.err
	}
	n := copy(p, c.buf[c.at:c.ready])
	c.at += n
	return n, nil
}

// fill reads a piece behind what is held back, and searches both.
func (c *concealing) fill() {
	c.buf = c.buf[:copy(c.buf, c.buf[c.ready:])]
	c.at, c.ready = 0, 0
	for end := len(c.buf) + piece; len(c.buf) < end && c.err == nil; {
		c.buf = slices.Grow(c.buf, min(end-len(c.buf), max(len(c.buf), 4<<10)))
		var n int
		n, c.err = c.r.Read(c.buf[len(c.buf):min(cap(c.buf), end)])
		c.buf = c.buf[:len(c.buf)+n]
	}
	if len(c.buf) == 0 {
		return
	}
	if masked, found := searched(c.mask, c.buf); found {
		c.buf = append(c.buf[:0], masked...)
	}
	c.ready = max(0, len(c.buf)-overlap)
	if c.err != nil {
		c.ready = len(c.buf)
	}
}
