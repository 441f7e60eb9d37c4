package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"toolvault/tools/fault"
)

// read reads at most limit bytes of a body. What a header says of the length is a
// hint: memory is taken for eight times of what has come, at most. Where it says
// nothing, the pieces are joined at the end, and not copied on the way.
func read(resp *http.Response, limit int64) ([]byte, error) {
	said := int(min(max(resp.ContentLength, 0), limit))
	buf := make([]byte, 0, min(said, 64<<10)+bytes.MinRead)
	var full [][]byte
	r := io.LimitReader(resp.Body, limit)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case err == io.EOF && full == nil:
			return buf, nil
		case err == io.EOF:
			return bytes.Join(append(full, buf), nil), nil
		case err != nil:
			return nil, err
		case len(buf) < cap(buf):
		case said >= cap(buf):
			buf = append(make([]byte, 0, min(said+1, 8*cap(buf))), buf...)
		default:
			full = append(full, buf)
			buf = make([]byte, 0, min(2*cap(buf), 1<<20))
		}
	}
}

// stream gives the body to the caller.
func (c *Client) stream(ctx context.Context, req *Request, resp *http.Response, limit int64) *fault.Error {
	c.streamed = true
	bounded := &io.LimitedReader{R: resp.Body, N: limit}
	body := &watched{r: c.concealedStream(bounded), service: c.endpoint.Service, status: resp.StatusCode}
	err := req.Stream(body)
	switch {
	case err == nil:
		return nil
	case body.err != nil:
		f := lost(ctx, c.endpoint.Service, body.err, true)
		f.Status = resp.StatusCode
		return f
	case bounded.N <= 0 && errors.Is(err, io.ErrUnexpectedEOF): // what was cut off is not the service's fault
		return tooLarge(c.endpoint.Service, resp.StatusCode, limit)
	}
	f := fault.From(err)
	if f.Status == 0 {
		f.Status = resp.StatusCode
	}
	return f
}

// watched remembers how reading failed, and whose answer it is.
type watched struct {
	r       io.Reader
	service string
	status  int
	err     error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
