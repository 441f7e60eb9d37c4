package upstream

import (
	"net/url"
	"strconv"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/trace"
)

// Exchange is one request to a service as it ended, for metrics.
type Exchange struct {
	Service string
	Status  int        // of HTTP; 0: there was no answer
	Failure fault.Kind // of what got no whole answer; "": none
	Again   bool       // it was made before, and failed
	Elapsed time.Duration
}

// Heard sets who hears of each request when it has ended. It must not wait.
func Heard(hear func(Exchange)) Option {
	return func(p *Pool) { p.heard = hear }
}

// Trace has the client's requests recorded in a trace, and told of it. nil: none
// is.
func (c *Client) Trace(t *trace.Trace) { c.trace = t }

// exchanged tells whoever hears of requests how one has ended.
//
// Of where it went a span says the method and, where that is the place which an
// admin has set, the host: paths and queries hold arguments, and so do the hosts
// that a service keeps for what it was asked for ("HTTP client span", whose
// url.full is left out for that).
func (c *Client) exchanged(out trace.Outgoing, h *hop, start, end time.Time, f *fault.Error) {
	again := c.resent
	c.resent = 0 // what a redirect leads to is no repetition
	status := c.stats.Status
	if c.pool.heard != nil {
		e := Exchange{Service: c.endpoint.Service, Status: status, Again: again > 0, Elapsed: end.Sub(start)}
		if f != nil {
			e.Failure = f.Kind
		}
		c.pool.heard(e)
	}
	if !out.Recorded() {
		return
	}
	failure := ""
	switch {
	case f != nil:
		failure = string(f.Kind)
	case status >= 400:
		failure = strconv.Itoa(status)
	}
	attributes := make([]trace.Attribute, 0, 8)
	attributes = append(attributes, trace.Text("http.request.method", h.Method), trace.Text("service.peer.name", c.endpoint.Service))
	if base, err := url.Parse(c.endpoint.BaseURL); err == nil && sameOrigin(base, h.URL) {
		p, _ := strconv.ParseInt(port(h.URL), 10, 32)
		attributes = append(attributes, trace.Text("server.address", base.Hostname()), trace.Number("server.port", p))
	}
	if status != 0 {
		attributes = append(attributes, trace.Number("http.response.status_code", int64(status)))
	}
	if again > 0 {
		attributes = append(attributes, trace.Number("http.request.resend_count", int64(again)))
	}
	out.End(end, failure, attributes...)
}

// Breakers is how many credentials of each service no requests are sent with just
// now, since most of the latest failed. A service that was never called is missing.
func (p *Pool) Breakers() map[string]int {
	open := map[string]int{}
	p.states.mu.Lock()
	defer p.states.mu.Unlock()
	for key, e := range p.states.byKey {
		n := 0
		if !e.Value.(*state).health.mayEnter() {
			n = 1
		}
		open[key.service] += n
	}
	return open
}
