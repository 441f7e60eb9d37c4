package upstream

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/trace"
)

const (
	defaultMaxBytes = 8 << 20 // of the body of an answer
	maxFaultBytes   = 1 << 20 // of the body of an answer that is not a 2xx: the rest is cut off

	// defaultTimeout bounds a call whose context has no deadline.
	defaultTimeout = 2 * time.Minute

	agent = "toolvault" // as every request names itself
)

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
	public    http.RoundTripper // to public addresses only; nil: not guarded
	states    *states
	sleep     func(context.Context, time.Duration) error

	certificates certificates

	limits    *limits
	unlimited bool
	waited    func(service string, d time.Duration) // may be nil
	heard     func(Exchange)                        // may be nil
}

// Option changes a pool.
type Option func(*Pool)

// Guarded refuses connections to private addresses, and plain HTTP, for every
// endpoint that is not Private.
func Guarded(p *Pool) { p.public = newTransport(newGuard().Safe) }

// Sleep replaces the wait before a request is repeated, for tests. It returns
// early, with the context's error, when the context ends.
func Sleep(sleep func(context.Context, time.Duration) error) Option {
	return func(p *Pool) { p.sleep = sleep }
}

// NewPool returns a pool over a transport, which must not follow redirects of
// its own; nil means one that does not, with bounded headers.
func NewPool(transport http.RoundTripper, options ...Option) *Pool {
	p := &Pool{transport: transport, states: newStates(maxStates), sleep: sleep, limits: newLimits()}
	if transport == nil {
		p.transport = newTransport(nil)
	}
	for _, option := range options {
		option(p)
	}
	return p
}

// Client makes the requests of one call with one credential. It is not safe for
// concurrent use.
type Client struct {
	pool     *Pool
	endpoint Endpoint
	cred     Credential
	callID   string
	health   *health
	stats    Stats
	renewed  bool
	resent   int  // which repetition the next request is; 0: none
	streamed bool // the caller has seen a part of the answer: it cannot be asked for again
	mask     func(string) string
	allows   func(scope string) bool
	account  string
	params   map[string]string
	report   func(done, total float64, message string)
	trace    *trace.Trace
}

// Client returns a client for one call.
func (p *Pool) Client(e Endpoint, cred Credential, callID string) *Client {
	return &Client{pool: p, endpoint: e, cred: cred, callID: callID, health: p.states.get(e.Service, cred.Key())}
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

// Do sends the request and decodes a JSON answer into out, which may be nil. It
// repeats it where that is safe and can help: three attempts at most, and one
// renewal of the credential a call. Every wait ends with the context; one
// without a deadline gets two minutes.
//
// Errors are *fault.Error, or those of the credential's renewal. Where a write
// may have been done in spite of the failure the fault says so, and is not
// Retryable.
func (c *Client) Do(ctx context.Context, req Request, out any) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	var f *fault.Error
	for attempt := 1; ; attempt++ {
		refused := c.spend(ctx, &req)
		if refused == nil {
			refused = c.health.enter(ctx, c.endpoint.Service)
		}
		if refused != nil {
			if f == nil {
				return refused
			}
			break // what the service said before tells more
		}
		if attempt > 1 {
			c.stats.Retries++
			c.resent = attempt - 1
		}
		if !req.Read {
			c.stats.Writes++ // before it is made: a panic on the way undoes nothing
		}
		f = c.once(ctx, &req, out)
		if !req.Read && f != nil && f.NotSent {
			c.stats.Writes--
		}
		c.health.leave(f)
		c.heed(ctx, &req, f)
		if f == nil {
			return nil
		}
		again, err := c.again(ctx, &req, f, attempt)
		if err != nil {
			return err
		}
		if !again {
			break
		}
	}
	if !req.Read {
		f = doubtful(f)
	}
	return f
}

// once makes the request a single time.
func (c *Client) once(ctx context.Context, req *Request, out any) *fault.Error {
	h, err := c.build(ctx, req)
	if err != nil {
		f := fault.From(err)
		f.NotSent = true
		return f
	}
	var r *Response
	var f *fault.Error
	for n := 0; ; n++ {
		start := time.Now()
		out := c.trace.Request(h.Method, start)
		out.Inject(h.Header)
		r, f = c.exchange(h, req)
		end := time.Now()
		c.stats.Millis += float64(end.Sub(start).Microseconds()) / 1000
		c.exchanged(out, h, start, end, f)
		if f != nil || r == nil {
			return f
		}
		if r.Status/100 != 3 {
			break
		}
		if h, f = c.onward(h, r, n); f != nil {
			return f
		}
	}
	look := c.endpoint.Fault
	switch {
	case req.Fault != nil:
		look = req.Fault
	case req.URL != "" || look == nil:
		look = StatusFault
	}
	if f := look(r); f != nil {
		if f.Status == 0 {
			f.Status = r.Status
		}
		if h.bare {
			f = unasked(f)
		}
		return f
	}
	return decode(r, out)
}

// exchange sends a request that has been built and reads the answer. Both are
// nil where the caller has read the answer as a stream. A redirect is an answer
// only where the request is for an address.
func (c *Client) exchange(h *hop, req *Request) (*Response, *fault.Error) {
	hr := h.Request
	ctx, service := hr.Context(), c.endpoint.Service
	var begun atomic.Bool // a connection was there: some of it may have been sent
	if !req.Read {
		hr = hr.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { begun.Store(true) },
		}))
	}
	c.stats.Requests++
	c.stats.Status, c.stats.RequestID = 0, ""
	resp, err := h.carrier.RoundTrip(hr)
	if err != nil {
		return nil, lost(ctx, service, err, begun.Load())
	}
	defer func() { _ = resp.Body.Close() }()
	c.stats.Status = resp.StatusCode
	if h := c.endpoint.ResponseIDHeader; h != "" {
		c.stats.RequestID = clip(string(c.concealed([]byte(resp.Header.Get(h)))), 128)
	}
	limit, good := req.MaxBytes, resp.StatusCode/100 == 2
	if limit <= 0 {
		limit = defaultMaxBytes
	}
	switch {
	case resp.StatusCode/100 == 3 && req.URL != "":
		return &Response{Service: service, Status: resp.StatusCode, Header: resp.Header}, nil
	case resp.StatusCode/100 == 3:
		return nil, redirected(service, resp.StatusCode)
	case good && req.Head != nil:
		req.Head(c.concealedHeader(resp.Header))
	}
	if good && req.Stream != nil {
		return nil, c.stream(ctx, req, resp, limit)
	}
	if !good {
		limit = min(limit, maxFaultBytes)
	}
	body, err := read(resp, limit+1)
	if err != nil {
		f := lost(ctx, service, err, true)
		f.Status = resp.StatusCode
		return nil, f
	}
	if int64(len(body)) > limit {
		if good {
			return nil, tooLarge(service, resp.StatusCode, limit)
		}
		body = body[:limit]
	}
	return &Response{Service: service, Status: resp.StatusCode, Header: resp.Header, Body: c.concealed(body)}, nil
}
