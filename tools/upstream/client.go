package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
)

const defaultMaxBytes = 8 << 20

// Credential is what a client needs of the vault for one call.
type Credential interface {
	// Authorize puts the secret on the request.
	Authorize(*http.Request) error
	// Renew gets a fresh secret after the service refused this one. It returns
	// false where there is none to be had.
	Renew(context.Context) (bool, error)
	// Key names the credential, for the circuit breaker: never a secret.
	Key() string
}

// Pool is what clients share: connections, and what is known of each service's
// health. It is safe for concurrent use.
type Pool struct {
	transport http.RoundTripper
}

// NewPool returns a pool over a transport, which must not follow redirects of
// its own; nil means one with bounds on every phase of a request.
func NewPool(transport http.RoundTripper) *Pool {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.Proxy = nil
		t.MaxIdleConns = 512
		t.MaxIdleConnsPerHost = 128
		t.IdleConnTimeout = 60 * time.Second
		t.ResponseHeaderTimeout = 60 * time.Second
		t.MaxResponseHeaderBytes = 64 << 10
		transport = t
	}
	return &Pool{transport: transport}
}

// Client makes the requests of one call with one credential. It is not safe for
// concurrent use.
type Client struct {
	pool     *Pool
	endpoint Endpoint
	cred     Credential
	callID   string
	stats    Stats
	renewed  bool
}

// Client returns a client for one call.
func (p *Pool) Client(e Endpoint, cred Credential, callID string) *Client {
	return &Client{pool: p, endpoint: e, cred: cred, callID: callID}
}

// Stats is what the call has cost so far.
func (c *Client) Stats() Stats { return c.stats }

// CallID is the id of the call this client serves, a UUIDv7: for services that
// take an idempotency key.
func (c *Client) CallID() string { return c.callID }

// BaseURL is where the service lives.
func (c *Client) BaseURL() string { return c.endpoint.BaseURL }

// CredentialKey names the credential: for a cache that must be kept apart by
// credential.
func (c *Client) CredentialKey() string { return c.cred.Key() }

// Do sends the request and decodes a JSON answer into out, which may be nil.
// Errors are *fault.Error, or the context's.
func (c *Client) Do(ctx context.Context, req Request, out any) error {
	for attempt := 0; ; attempt++ {
		f := c.once(ctx, req, out)
		if f == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.Kind == fault.CredentialInvalid && !c.renewed {
			c.renewed = true
			if ok, err := c.cred.Renew(ctx); err != nil {
				return err
			} else if ok {
				continue
			}
		}
		return f
	}
}

func (c *Client) once(ctx context.Context, req Request, out any) *fault.Error {
	hr, err := c.build(ctx, req)
	if err != nil {
		return fault.From(err)
	}
	start := time.Now()
	defer func() { c.stats.Millis += float64(time.Since(start).Microseconds()) / 1000 }()
	c.stats.Requests++
	resp, err := c.pool.transport.RoundTrip(hr)
	if err != nil {
		f := fault.New(fault.UpstreamUnavailable, "%s could not be reached. Try again in a minute; other services are not affected.", c.endpoint.Service)
		return f.Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.stats.Status = resp.StatusCode
	if h := c.endpoint.ResponseIDHeader; h != "" {
		c.stats.RequestID = clip(resp.Header.Get(h), 128)
	}
	limit := req.MaxBytes
	if limit <= 0 {
		limit = defaultMaxBytes
	}
	if req.Stream != nil && resp.StatusCode/100 == 2 {
		if err := req.Stream(io.LimitReader(resp.Body, limit)); err != nil {
			return fault.From(err)
		}
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return fault.New(fault.UpstreamUnavailable, "%s broke off its answer. Try again.", c.endpoint.Service).Because(err)
	}
	if int64(len(body)) > limit {
		f := fault.New(fault.UpstreamError, "The answer of %s is larger than %d bytes. Ask for less: a smaller limit, fewer fields or a narrower filter.", c.endpoint.Service, limit)
		f.Status = resp.StatusCode
		return f
	}
	r := &Response{Service: c.endpoint.Service, Status: resp.StatusCode, Header: resp.Header, Body: body}
	look := c.endpoint.Fault
	if look == nil {
		look = StatusFault
	}
	if f := look(r); f != nil {
		if f.Status == 0 {
			f.Status = r.Status
		}
		return f
	}
	if err := decode(r, out); err != nil {
		return fault.From(err)
	}
	return nil
}

func (c *Client) build(ctx context.Context, req Request) (*http.Request, error) {
	base := c.endpoint.BaseURL
	if req.Host != "" {
		base = req.Host
	}
	target := strings.TrimSuffix(base, "/") + req.Path
	if len(req.Query) > 0 {
		target += "?" + req.Query.Encode()
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
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL may hold arguments
		}
		return nil, fmt.Errorf("build request: %w", err)
	}
	for k, v := range c.endpoint.Header {
		hr.Header[k] = v
	}
	for k, v := range req.Header {
		hr.Header[http.CanonicalHeaderKey(k)] = v
	}
	if contentType != "" {
		hr.Header.Set("Content-Type", contentType)
	}
	if hr.Header.Get("Accept") == "" {
		hr.Header.Set("Accept", "application/json")
	}
	hr.Header.Set("User-Agent", "toolvault")
	if h := c.endpoint.RequestIDHeader; h != "" {
		hr.Header.Set(h, c.callID)
	}
	if err := c.cred.Authorize(hr); err != nil {
		return nil, err
	}
	return hr, nil
}

// StatusFault judges an answer by its HTTP status alone; services build on it.
func StatusFault(r *Response) *fault.Error {
	var f *fault.Error
	s := r.Service
	switch {
	case r.Status/100 == 2:
		return nil
	case r.Status == http.StatusUnauthorized:
		f = fault.New(fault.CredentialInvalid, "%s refused the credential. A person has to put in a new one; trying again will not help.", s)
		f.NotSent = true
	case r.Status == http.StatusForbidden:
		f = fault.New(fault.NotPermitted, "%s does not let this credential do that.", s)
		f.NotSent = true
	case r.Status == http.StatusNotFound:
		f = fault.New(fault.NotFound, "%s has no such thing. Check the id.", s)
	case r.Status == http.StatusConflict:
		f = fault.New(fault.Conflict, "%s says that this conflicts with what is there.", s)
	case r.Status == http.StatusTooManyRequests:
		f = fault.New(fault.RateLimited, "%s is limiting the rate of calls.", s)
		f.RetryAfter = RetryAfter(r.Header)
		f.NotSent = true
	case r.Status/100 == 4:
		f = fault.New(fault.InvalidArguments, "%s did not accept the request (HTTP %d).", s, r.Status)
	case r.Status == http.StatusBadGateway, r.Status == http.StatusServiceUnavailable, r.Status == http.StatusGatewayTimeout:
		f = fault.New(fault.UpstreamUnavailable, "%s is not available just now (HTTP %d). Try again in a minute.", s, r.Status)
		f.RetryAfter = RetryAfter(r.Header)
	case r.Status/100 == 5:
		f = fault.New(fault.UpstreamError, "%s had an error of its own (HTTP %d). Try again later.", s, r.Status)
		f.Retryable = true
	default:
		f = fault.New(fault.UpstreamError, "%s answered with the unexpected HTTP status %d.", s, r.Status)
	}
	f.Status = r.Status
	return f
}

// RetryAfter reads the header of that name, RFC 9110 section 10.2.3: seconds or
// a date. 0 means that there is none.
func RetryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		return time.Duration(min(n, 24*3600)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
