package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
)

const (
	requestFor     = 5 * time.Second
	maxHeaderBytes = 64 << 10
)

// own is a copy of a client that follows no redirect and keeps no cookies.
func own(c *http.Client) *http.Client {
	made := &http.Client{Timeout: requestFor}
	if c != nil {
		made.Transport = c.Transport
		if c.Timeout > 0 && c.Timeout < requestFor {
			made.Timeout = c.Timeout
		}
	}
	if made.Transport == nil {
		made.Transport = newTransport(&net.Dialer{Timeout: requestFor})
	}
	made.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return made
}

func newTransport(d *net.Dialer) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // through a proxy the guard would see only the proxy's address
		DialContext:            d.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    requestFor,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        60 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// guardedClient reaches public addresses only, on the port of HTTPS, whatever a
// name resolves to at the moment of the connection.
func guardedClient() *http.Client {
	guard := ssrf.New(ssrf.WithPorts(443))
	return &http.Client{Transport: newTransport(&net.Dialer{Timeout: requestFor, Control: guard.Safe})}
}

// readKeys reads a JWKS from a file.
func readKeys(path string) (document, error) {
	if about, err := os.Stat(path); err != nil {
		return document{}, err
	} else if !about.Mode().IsRegular() {
		return document{}, fmt.Errorf("%s is no file", path) // a pipe would let us wait for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return document{}, err
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	switch {
	case err != nil:
		return document{}, err
	case len(body) > maxDocument:
		return document{}, fmt.Errorf("%s has more than %d bytes", path, maxDocument)
	}
	return document{body, freshFile}, nil
}

// getKeys gets a JWKS.
func getKeys(ctx context.Context, c *http.Client, at string) (document, error) {
	body, header, err := get(ctx, c, at)
	if err != nil {
		return document{}, err
	}
	return document{body, freshness(header)}, nil
}

// discoverKeys finds the JWKS by the issuer's description of itself: RFC 8414
// section 3.1 between host and path, or OpenID Connect Discovery 1.0 section 4
// behind the path.
//
// A description is made by the issuer, not by our admin. So jwks_uri is https, or
// on the very host and port of the issuer, which the admin named; and where it is
// on another, only a public address will do: an issuer inside a company whose keys
// are on another host of it needs keys_url.
func (s *Set) discoverKeys(ctx context.Context, issuer string) (document, error) {
	u, err := place(issuer)
	if err != nil {
		return document{}, err
	}
	root, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	var failures []error
	for _, at := range []string{root + "/.well-known/oauth-authorization-server" + path, root + path + "/.well-known/openid-configuration"} {
		body, _, err := get(ctx, s.HTTP, at)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		var about struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		switch err := json.Unmarshal(body, &about); {
		case err != nil:
			failures = append(failures, fmt.Errorf("%s gives no description of an issuer", at))
			continue
		case about.Issuer != issuer: // RFC 8414 section 3.3
			failures = append(failures, fmt.Errorf("%s is the description of another issuer: write its URL exactly as it calls itself", at))
			continue
		}
		keys, err := place(about.Keys)
		if err != nil {
			return document{}, fmt.Errorf("the jwks_uri that %s gives %w", at, err)
		}
		if keys.Scheme == u.Scheme && hostPort(keys) == hostPort(u) {
			return getKeys(ctx, s.HTTP, about.Keys)
		}
		if keys.Scheme != "https" {
			return document{}, fmt.Errorf("the jwks_uri that %s gives is neither https nor on the issuer's own host", at)
		}
		return getKeys(ctx, s.guarded, about.Keys)
	}
	return document{}, errors.Join(failures...)
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// get returns a document of at most 1 MiB.
func get(ctx context.Context, c *http.Client, at string) ([]byte, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, nil, errors.New("its address cannot be asked")
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	return do(c, r, maxDocument)
}

// statusError is an answer that is not 200.
type statusError struct {
	where string
	code  int
}

func (e *statusError) Error() string { return fmt.Sprintf("%s answers HTTP %d", e.where, e.code) }

// do sends a request and reads an answer of at most so many bytes.
func do(c *http.Client, r *http.Request, most int64) ([]byte, http.Header, error) {
	where := r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()
	answer, err := c.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // without the URL, of which the query is nobody's business
		}
		return nil, nil, fmt.Errorf("%s cannot be reached: %w", where, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, nil, &statusError{where, answer.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s broke off its answer", where)
	case int64(len(body)) > most:
		return nil, nil, fmt.Errorf("%s answers with more than %d bytes", where, most)
	}
	return body, answer.Header, nil
}

// freshness is how long an answer holds (RFC 9111 sections 4.2 and 5.2.2), between
// 5 minutes and a day; an hour where it does not say.
func freshness(h http.Header) time.Duration {
	fresh, said := freshElse, false
	for _, directive := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return freshLeast
		case "max-age":
			seconds, err := strconv.ParseInt(strings.Trim(value, `"`), 10, 32)
			if err != nil || seconds < 0 {
				return freshLeast
			}
			fresh, said = time.Duration(seconds)*time.Second, true
		}
	}
	if !said {
		if expires := h.Get("Expires"); expires != "" {
			until, err1 := http.ParseTime(expires)
			date, err2 := http.ParseTime(h.Get("Date"))
			if err1 != nil || err2 != nil {
				return freshLeast
			}
			fresh = until.Sub(date)
		}
	}
	if age, err := strconv.ParseInt(h.Get("Age"), 10, 32); err == nil && age > 0 {
		fresh -= time.Duration(age) * time.Second
	}
	return min(max(fresh, freshLeast), freshMost)
}
