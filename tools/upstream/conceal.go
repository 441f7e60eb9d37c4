package upstream

import (
	"errors"
	"io"
	"net/http"
)

// Conceal sets what takes the call's secrets out of everything that the service
// sends. It is applied before a handler, or a fault, sees any of it: what is
// clipped first and searched afterwards can keep the better half of a secret.
func (c *Client) Conceal(mask func(string) string) { c.mask = mask }

func (c *Client) concealed(body []byte) []byte {
	if c.mask == nil {
		return body
	}
	text := string(body)
	if masked := c.mask(text); masked != text {
		return []byte(masked)
	}
	return body
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
// URL-encoded.
const (
	overlap = 3 * 64 << 10
	piece   = 64 << 10
)

type concealing struct {
	r     io.Reader
	mask  func(string) string
	held  string // masked, and to be searched again with what follows
	ready string // masked, and to be given out
	err   error
}

func (c *concealing) Read(p []byte) (int, error) {
	for c.ready == "" && c.err == nil {
		buf := make([]byte, piece)
		n, err := io.ReadFull(c.r, buf)
		c.held = c.mask(c.held + string(buf[:n]))
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
			c.ready, c.held, c.err = c.held, "", io.EOF
		case err != nil:
			c.ready, c.held, c.err = c.held, "", err
		case len(c.held) > overlap:
			cut := len(c.held) - overlap
			c.ready, c.held = c.held[:cut], c.held[cut:]
		}
	}
	if c.ready == "" {
		return 0, c.err
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}
