// Package toolstest helps to test a service's handlers: a client for one call
// against a test server, and a check of every request against the vendor's
// official API description.
package toolstest

import (
	"context"
	"net/http"
	"time"

	"toolvault/tools/upstream"
	"toolvault/vault"
)

// Static is a credential that never changes.
type Static struct {
	Scheme vault.Scheme
	Secret string
}

// Authorize puts the secret where the scheme says.
func (s Static) Authorize(r *http.Request) error {
	if s.Scheme.Basic {
		r.SetBasicAuth(s.Secret, "")
		return nil
	}
	r.Header.Set(s.Scheme.Header, s.Scheme.Prefix+s.Secret)
	return nil
}

// Renew has nothing newer.
func (s Static) Renew(context.Context) (bool, error) { return false, nil }

// Key is the same for all.
func (s Static) Key() string { return "test" }

// Client returns a client for one call to a service that lives at baseURL, with its
// further APIs below that.
func Client(e upstream.Endpoint, baseURL string, cred upstream.Credential) *upstream.Client {
	e.BaseURL = baseURL
	e.Private = e.Private || len(e.APIs) > 0
	return upstream.NewPool(nil, upstream.Sleep(atOnce)).Client(e, cred, "01990000-0000-7000-8000-000000000000")
}

// atOnce stands in for the wait before a request is repeated.
func atOnce(ctx context.Context, _ time.Duration) error { return ctx.Err() }
