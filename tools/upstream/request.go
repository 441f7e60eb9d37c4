package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"toolvault/tools/fault"
)

func (c *Client) build(ctx context.Context, req *Request) (*hop, error) {
	target, err := c.target(req)
	if err != nil {
		return nil, err
	}
	body, contentType, method := req.Body, req.Type, req.Method
	switch {
	case req.JSON != nil:
		b, err := json.Marshal(req.JSON)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body, contentType = b, "application/json"
	case req.Form != nil:
		body, contentType = []byte(req.Form.Encode()), "application/x-www-form-urlencoded"
	}
	if method == "" {
		method = http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
	}
	hr, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", cause(err))
	}
	accept := "*/*"
	if req.URL == "" {
		accept = "application/json"
		for k, v := range c.endpoint.Header {
			hr.Header[k] = v
		}
		if h := c.endpoint.RequestIDHeader; h != "" {
			hr.Header.Set(h, c.callID)
		}
	}
	for k, v := range req.Header {
		hr.Header[http.CanonicalHeaderKey(k)] = v
	}
	if contentType != "" {
		hr.Header.Set("Content-Type", contentType)
	}
	if hr.Header.Get("Accept") == "" {
		hr.Header.Set("Accept", accept)
	}
	hr.Header.Set("User-Agent", agent)
	return c.ready(hr, req.Host != "" || req.URL != "", req.Bare)
}

// target is where a request goes.
func (c *Client) target(req *Request) (string, error) {
	if req.URL != "" {
		if req.Host != "" || req.Path != "" || req.Query != nil {
			return "", errors.New("build request: an address stands alone")
		}
		u, f := c.address(req.URL)
		if f != nil {
			return "", f
		}
		return u.String(), nil
	}
	base := c.endpoint.BaseURL
	switch {
	case req.Host != "":
		base = req.Host
	case req.API != "" && c.endpoint.Private:
		base = strings.TrimSuffix(base, "/") + "/" + req.API
	case req.API != "":
		if base = c.endpoint.APIs[req.API]; base == "" {
			return "", fmt.Errorf("build request: %s has no API %q", c.endpoint.Service, req.API)
		}
	}
	if err := checkPath(req.Path); err != nil {
		return "", err
	}
	target := strings.TrimSuffix(base, "/") + req.Path
	if len(req.Query) > 0 {
		target += "?" + req.Query.Encode()
	}
	return target, nil
}

// checkPath refuses a path that would change the host, or that leaves the place
// where a handler put an id: url.PathEscape lets ".." through, and many servers
// resolve it.
func checkPath(path string) error {
	if path == "" {
		return nil
	}
	if path[0] != '/' {
		return errors.New("build request: the path does not begin with a slash")
	}
	if !strings.Contains(path, "/.") {
		return nil
	}
	for _, segment := range strings.Split(path, "/") {
		if segment == "." || segment == ".." {
			return fault.New(fault.InvalidArguments, "An id cannot be %q.", segment)
		}
	}
	return nil
}
