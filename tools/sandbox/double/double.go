// Package double is what all doubles of services have in common: how they listen,
// fail on demand, ask a person for consent, and what of them others may know.
package double

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"toolvault/auth/scope"
	"toolvault/vault"
)

// Double is one service's stand-in.
type Double struct {
	Service string
	Base    string // the path below which the API begins, e.g. "/api"; "" for none
	Handler http.Handler

	// What it lets in. Secret is an API key, or the first access token, that may do
	// everything; "" where no single one can. Refresh is set where the service has
	// OAuth, and ClientID and ClientSecret are then the app's.
	Secret, Refresh        string
	ClientID, ClientSecret string
	Username, Password     string // of who may log in, where the service has sessions

	// Credentials are those that an agent of the sandbox gets, where they are others
	// than one of Secret or Refresh. Together they may do everything.
	Credentials []Credential

	// Authorize is the path of the page where a person consents; "" where the
	// double has none. Token and Revoke are those of the other endpoints of OAuth,
	// where they are not below Base at the paths that they have at the service.
	Authorize, Token, Revoke string

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

// Credential is one that a double knows, as an admin would register it.
type Credential struct {
	Type    string            // vault.TypeClientCredentials, …
	Secret  string            // what the source holds: a key, a client's secret, a private key
	Refresh string            // of an oauth_token
	Scope   string            // what it is for; "": read-write
	Params  map[string]string // what the config says besides; "{url}" in it stands for where the double listens
}

// Held are the credentials of an agent of the sandbox, at a double that listens at
// url: Credentials, or the one that Secret or Refresh make.
func (d *Double) Held(url string, types map[string]vault.Scheme) []Credential {
	if d.Credentials == nil {
		c := Credential{Type: vault.TypeAPIKey, Secret: d.Secret, Scope: scope.ReadWrite}
		if d.Refresh != "" {
			c.Type, c.Refresh = vault.TypeOAuthToken, d.Refresh
		} else if _, ok := types[c.Type]; !ok {
			c.Type = vault.TypeServiceToken
		}
		return []Credential{c}
	}
	all := slices.Clone(d.Credentials)
	for i := range all {
		c := &all[i]
		if c.Scope == "" {
			c.Scope = scope.ReadWrite
		}
		c.Params = maps.Clone(c.Params)
		for k, v := range c.Params {
			c.Params[k] = strings.ReplaceAll(v, "{url}", url)
		}
	}
	return all
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

// Provider is the service's OAuth provider as it is at a double that listens at url;
// p has been moved there as far as it is below the service's base URL.
func (d *Double) Provider(p vault.Provider, url string) vault.Provider {
	for _, set := range []struct {
		to   *string
		path string
	}{{&p.AuthURL, d.Authorize}, {&p.TokenURL, d.Token}, {&p.RevokeURL, d.Revoke}} {
		if set.path != "" {
			*set.to = url + set.path
		}
	}
	return p
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
