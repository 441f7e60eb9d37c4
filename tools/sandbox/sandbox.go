// Package sandbox holds in-memory doubles of the services, over real HTTP, for
// the demo, for "serve --sandbox" and for tests.
//
// A double is a working service with state, not a list of canned answers: it
// checks the credential and its scopes, pages, expires tokens, limits rates and
// fails on demand, and answers errors in the vendor's own shape.
package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Double is one service's stand-in.
type Double struct {
	Service string
	Base    string // the path below which the API begins, e.g. "/api"; "" for none
	Handler http.Handler

	// The credentials it knows. Secret is an API key, or the first access
	// token; Refresh is set where the service has OAuth, and ClientID and
	// ClientSecret are then the app's.
	Secret, Refresh        string
	ClientID, ClientSecret string
	Username, Password     string // of who may log in, where the service has sessions

	// Authorize is the path of the page where a person consents; "" where the
	// double has none.
	Authorize string

	// ExpireTokens ends every access token now; nil where there are none.
	ExpireTokens func()

	// Snapshot is the service's state as its users see it: what each thing holds, by
	// a name for the thing, such as "message C07GENERAL01 1795422600.000100". A thing
	// that is added to another has a name of its own (a reaction, a reply, an
	// association), and what only says when something was changed is left out.
	Snapshot func() map[string]string

	mu     sync.Mutex
	down   bool
	limit  int           // requests to answer with 429
	after  time.Duration // their Retry-After
	server *http.Server
	url    string
	seen   int
}

// All is a double of every service; those that have a clock go by now.
func All(now func() time.Time) []*Double {
	return []*Double{newSlack(now), newHubSpot(now), NewPinecone(), NewMetabase()}
}

// Down makes the service answer 503 to everything, or come back.
func (d *Double) Down(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// RateLimit answers the next n requests with 429 and Retry-After.
func (d *Double) RateLimit(n int, after time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit, d.after = n, after
}

// Requests is how many requests have arrived.
func (d *Double) Requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen
}

// URL is where the double listens, without a slash at the end; "" before Start.
func (d *Double) URL() string { return d.url }

// BaseURL is what takes the place of the service's own base URL; "" before
// Start.
func (d *Double) BaseURL() string {
	if d.url == "" {
		return ""
	}
	return d.url + d.Base
}

// AuthURL is where a person consents; "" where nobody can, or before Start.
func (d *Double) AuthURL() string {
	if d.url == "" || d.Authorize == "" {
		return ""
	}
	return d.url + d.Authorize
}

// ServeHTTP answers for the service, or for its being down or busy.
func (d *Double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.seen++
	down, limited, after := d.down, d.limit > 0, d.after
	if limited && !down {
		d.limit--
	}
	d.mu.Unlock()
	switch {
	case down:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprint(w, "<html><body><h1>503 Service Unavailable</h1></body></html>")
	case limited:
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = fmt.Fprint(w, `{"ok":false,"error":"ratelimited","status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}`)
	default:
		d.Handler.ServeHTTP(w, r)
	}
}

// Start serves the double on a free loopback port until Close.
func (d *Double) Start() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.url = "http://" + l.Addr().String()
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = d.server.Serve(l) }()
	return nil
}

// Close stops serving.
func (d *Double) Close() error {
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if d.server.Shutdown(ctx) != nil { // a browser may hold a connection that it has not used yet
		return d.server.Close()
	}
	return nil
}
