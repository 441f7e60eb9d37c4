package issuer

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"toolvault/auth"
)

const (
	maxAnswer   = 30 * time.Second // how long an answer of introspection holds
	maxDenial   = 5 * time.Second  // and one that a token is not active
	maxResponse = 64 << 10         // bytes
	maxAsking   = 32               // requests of introspection at a time
	downFor     = time.Second      // after it could not be reached nothing is asked
	minOpaque   = 8                // characters of a token that is worth a question
)

// asker asks an issuer about tokens (RFC 7662).
type asker struct {
	Introspection
	issuer  string
	flights singleflight.Group
	places  chan struct{}

	mu   sync.Mutex
	down time.Time // until when
	why  error
}

func newAsker(issuer string, in Introspection) *asker {
	return &asker{Introspection: in, issuer: issuer, places: make(chan struct{}, maxAsking)}
}

// holds is how long an answer does.
func (a *asker) holds() time.Duration {
	if a.CacheFor <= 0 || a.CacheFor > maxAnswer {
		return maxAnswer
	}
	return a.CacheFor
}

// opaque finds out of whom a token is that says nothing of itself. t may be nil.
func (s *Set) opaque(ctx context.Context, t *trusted, token string, now time.Time) *entry {
	fail := func(err error) *entry { return &entry{err: err} }
	switch {
	case t == nil:
		return fail(refused(reasonUntrusted))
	case len(token) < minOpaque || !token68(token):
		return fail(refused(reasonForm))
	}
	c, err := t.asker.ask(ctx, s, token)
	if err != nil {
		return fail(err)
	}
	deny := func(err error) *entry { return &entry{err: err, until: now.Add(maxDenial)} }
	if err := t.asker.active(c); err != nil {
		return deny(err)
	}
	until := now.Add(t.asker.holds())
	if c["exp"] == nil { // RFC 7662 section 2.2: it need not say
		issued, ok := c.when("iat")
		if !ok || now.Add(ahead).Before(issued) {
			return deny(refused(reasonClaims))
		}
		return orDeny(s.identify(t, c, issued, until, until), now)
	}
	issued, expires, err := s.times(c, false)
	if err != nil {
		return deny(err)
	}
	return orDeny(s.identify(t, c, issued, expires, until), now)
}

// orDeny remembers a refusal for as long as one of the issuer's own.
func orDeny(e *entry, now time.Time) *entry {
	var refusal *auth.TokenError
	if errors.As(e.err, &refusal) {
		e.until = now.Add(maxDenial)
	}
	return e
}

// confirm asks about a JWT that has been verified.
func (a *asker) confirm(ctx context.Context, s *Set, u *unverified) error {
	c, err := a.ask(ctx, s, u.text)
	if err != nil {
		return err
	}
	if err := a.active(c); err != nil {
		return err
	}
	for _, name := range []string{"sub", "jti", "client_id"} {
		if said := c[name]; said != nil && u.claims[name] != nil && said != u.claims[name] {
			return refused(reasonDiffers)
		}
	}
	return nil
}

// active refuses a token of which the issuer does not say that it is good: active
// has to be there and true, nothing that looks like it.
func (a *asker) active(c Claims) error {
	if c["active"] != true {
		return refused(reasonInactive)
	}
	if iss := c["iss"]; iss != nil && iss != a.issuer {
		return refused(reasonUntrusted)
	}
	if kind, ok := c["token_type"].(string); ok && !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "DPoP") && !strings.EqualFold(kind, "access_token") {
		return refused(reasonType)
	}
	return nil
}

// ask returns the answer, once for all that ask about the same token at the same
// time. The error is an *UnavailableError.
func (a *asker) ask(ctx context.Context, s *Set, token string) (Claims, error) {
	a.mu.Lock()
	why := a.why
	down := s.Now().Before(a.down)
	a.mu.Unlock()
	if down {
		return nil, a.unavailable(why)
	}
	done := a.flights.DoChan(token, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestFor)
		defer cancel()
		select {
		case a.places <- struct{}{}:
			defer func() { <-a.places }()
		case <-ctx.Done():
			return nil, errors.New("too many wait for an answer")
		}
		c, err := a.request(ctx, s.HTTP, token)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.why = err
		if err != nil {
			// An answer that is not 200 may be about this token only: whoever makes one up
			// must not stop the others.
			if status := new(statusError); !errors.As(err, &status) {
				a.down = s.Now().Add(downFor)
			}
			s.Logger.Warn("an issuer cannot be asked about a token", "issuer", a.issuer, "error", err)
		}
		return c, err
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, a.unavailable(r.Err)
		}
		return r.Val.(Claims), nil
	case <-ctx.Done():
		return nil, a.unavailable(ctx.Err())
	}
}

func (a *asker) request(ctx context.Context, c *http.Client, token string) (Claims, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("its address cannot be asked")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret.Reveal())) // RFC 6749 section 2.3.1
	body, _, err := do(c, r, maxResponse)
	if err != nil {
		return nil, err
	}
	claims, err := parseClaims(body)
	if err != nil {
		return nil, errors.New("it does not answer with a JSON object")
	}
	return claims, nil
}

func (a *asker) unavailable(cause error) error {
	return &UnavailableError{Issuer: a.issuer, what: "the introspection", cause: cause}
}

// token68 is the form of a bearer token (RFC 6750 section 2.1).
func token68(text string) bool {
	text = strings.TrimRight(text, "=")
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~+/", r))
	})
}
