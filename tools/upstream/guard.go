package upstream

import (
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"toolvault/tools/fault"
)

const (
	dialTimeout    = 10 * time.Second
	maxHeaderBytes = 64 << 10 // of an answer
)

// newTransport returns a transport whose connections pass control, which may be
// nil. It has no time limit on an answer: the context of a request has.
func newTransport(control func(network, address string, c syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, Control: control}
	return &http.Transport{
		Proxy:                  nil, // through a proxy the guard would see only the proxy's address
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
		// A connection that died silently would take all its requests with it.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}

// newGuard lets through what is public, on the port of HTTPS.
func newGuard() *ssrf.Guardian { return ssrf.New(ssrf.WithPorts(443)) }

// carrier returns the transport for a URL. In a guarded pool only what an admin
// named may be plain HTTP or a private address: not a service's own host, whose
// name could resolve to anything, and not a host that an answer named, unless it
// is the very host that the admin named.
func (p *Pool) carrier(e *Endpoint, u *url.URL, named bool) (http.RoundTripper, *fault.Error) {
	if p.public == nil || e.Private && (!named || sameHost(e.BaseURL, u)) {
		return p.transport, nil
	}
	if u.Scheme != "https" {
		f := fault.New(fault.UpstreamError, "The address of %s is not an https one, so the credential is not sent there. The operator has to check its base_url.", e.Service)
		f.NotSent = true
		return nil, f
	}
	return p.public, nil
}

// sameHost reports whether the host of u is that of a base URL; the port does
// not matter.
func sameHost(base string, u *url.URL) bool {
	b, err := url.Parse(base)
	return err == nil && b.Hostname() == u.Hostname()
}
