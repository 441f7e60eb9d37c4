package upstream

import (
	"context"
	"mime"
	"net/http"

	"toolvault/tools/fault"
)

// File is what stands at an address.
type File struct {
	Type string // its media type as the service says, in lower case and without parameters: "text/csv"; "" where it says none
	Body []byte
}

// Download reads the file at an address that the service named, whole, of most
// bytes at most (0: 8 MiB); a larger one is an upstream_error. Where an address
// may lead, and where the credential goes along, Request.URL says. What a web
// server answers in place of a file that may not be read is often a page of its
// own with the status 200: hold Type against what the file should be.
func (c *Client) Download(ctx context.Context, address string, most int64) (*File, error) {
	var file File
	err := c.Do(ctx, Request{
		URL: address, Read: true, MaxBytes: most,
		Head: func(h http.Header) { file.Type = mediaType(h) },
		Fault: func(r *Response) *fault.Error {
			file.Body = r.Body
			return StatusFault(r)
		},
	}, nil)
	if err != nil {
		return nil, err
	}
	return &file, nil
}

// Upload posts the bytes to an address that the service gave for them. The
// credential stays here: such an address carries a right of its own.
func (c *Client) Upload(ctx context.Context, address, mediaType string, body []byte) error {
	return c.Do(ctx, Request{URL: address, Bare: true, Method: http.MethodPost, Body: body, Type: mediaType}, nil)
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || len(t) > 128 {
		return ""
	}
	return t
}
