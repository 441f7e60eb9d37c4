package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/sync/singleflight"

	"toolvault/vault/store"

	"net"
)

// Bounds on client metadata documents (draft-ietf-oauth-client-id-metadata-document).
const (
	maxDocument    = 10 << 10 // bytes
	maxDocumentURL = 512      // bytes
	maxDocuments   = 1000     // that are remembered
	fetchesAtOnce  = 8
	fetchIn        = 5 * time.Second
	slotIn         = 2 * time.Second // for one of those fetches
	leastFresh     = 5 * time.Minute
	mostFresh      = 24 * time.Hour
	wrongFor       = 30 * time.Second // that a document which is wrong, or cannot be had, is not asked for again
)

// GuardedClient is an HTTP client that reaches public addresses only, on port 443:
// who names a URL to us cannot make us ask somebody inside (SSRF).
func GuardedClient() *http.Client {
	dialer := &net.Dialer{Timeout: fetchIn, Control: ssrf.New(ssrf.WithPorts(443)).Safe}
	return &http.Client{Transport: &http.Transport{
		DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: fetchIn, MaxIdleConns: 8, IdleConnTimeout: 30 * time.Second,
	}}
}

// bounded is a client that follows no redirect and takes no longer than it may.
func bounded(c *http.Client) *http.Client {
	b := *c
	b.Timeout = fetchIn
	b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &b
}

// documents are the clients that describe themselves.
type documents struct {
	good   cache[known] // by URL
	wrong  cache[known] // apart, so that junk does not push out what is good
	flight singleflight.Group
	slots  chan struct{}
}

type known struct {
	client Client
	err    error
	until  time.Time
}

func (d *documents) init() {
	d.slots = make(chan struct{}, fetchesAtOnce)
}

func (d *documents) get(id string, now time.Time) (known, bool) {
	for _, c := range []*cache[known]{&d.good, &d.wrong} {
		if k, ok := c.get(id); ok && now.Before(k.until) {
			return k, true
		}
	}
	return known{}, false
}

func (d *documents) put(id string, k known) {
	switch {
	case k.err == nil:
		d.good.put(id, k)
		d.wrong.drop(id)
	case !errors.Is(k.err, store.ErrUnavailable): // that is not the document's fault
		d.wrong.put(id, k)
		d.good.drop(id)
	}
}

// slot waits for one of the few fetches that may run at once, and not for long.
func (d *documents) slot() (release func(), err error) {
	wait := time.NewTimer(slotIn)
	defer wait.Stop()
	select {
	case d.slots <- struct{}{}:
		return func() { <-d.slots }, nil
	case <-wait.C:
		return nil, fmt.Errorf("too much is being fetched for clients: try again in a few seconds: %w", store.ErrUnavailable)
	}
}

func isURL(id string) bool { return strings.Contains(id, "://") }

// checkURL refuses a URL that cannot be a client's id (section 3 of the draft).
func checkURL(id string) (*url.URL, error) {
	u, err := url.Parse(id)
	if err != nil || len(id) > maxDocumentURL || !strings.HasPrefix(id, "https://") || u.String() != id || u.Hostname() == "" || u.User != nil || strings.Contains(id, "#") ||
		u.Path == "" || u.Path == "/" || u.Opaque != "" || strings.Contains(u.Host, "@") {
		return nil, invalid("a client's URL is https, with a host and a path, and without user and fragment")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return nil, invalid("a client's URL has no . or .. in its path")
		}
	}
	return u, nil
}

// document is the client that a URL describes.
func (r *Registry) document(ctx context.Context, id string) (Client, error) {
	u, err := checkURL(id)
	switch {
	case err != nil:
		return Client{}, err
	case r.Fetch == nil:
		return Client{}, ErrUnknown
	case r.Allowed != nil && !r.Allowed(strings.ToLower(u.Hostname())):
		return Client{}, invalid("clients of that host are not taken here: an admin can add it under auth.client_metadata")
	}
	now := r.Now()
	if k, ok := r.documents.get(id, now); ok {
		return k.client, k.err
	}
	done := r.documents.flight.DoChan(id, func() (any, error) {
		k := r.read(context.WithoutCancel(ctx), id, now)
		r.documents.put(id, k)
		return k, nil
	})
	select {
	case <-ctx.Done():
		return Client{}, fmt.Errorf("the client's description took too long: %w", errors.Join(ctx.Err(), store.ErrUnavailable))
	case res := <-done:
		k := res.Val.(known)
		return k.client, k.err
	}
}

func (r *Registry) read(ctx context.Context, id string, now time.Time) known {
	body, fresh, err := r.get(ctx, id, maxDocument)
	if errors.Is(err, store.ErrUnavailable) {
		return known{err: err}
	}
	if err != nil {
		r.Logger.Info("a client's description could not be had", "client_id", id, "error", err)
		return known{err: invalid("the client's description could not be had at its URL"), until: now.Add(wrongFor)}
	}
	c, err := parseDocument(id, body)
	if err != nil {
		return known{err: err, until: now.Add(wrongFor)}
	}
	return known{client: c, until: now.Add(min(max(fresh, leastFresh), mostFresh))}
}

// get gets JSON that a stranger named; getConfigured what an admin did.
func (r *Registry) get(ctx context.Context, target string, most int64) ([]byte, time.Duration, error) {
	if r.Fetch == nil {
		return nil, 0, errors.New("nothing is fetched here")
	}
	if u, err := url.Parse(target); err != nil || u.Scheme != "https" {
		return nil, 0, invalid("a client's keys are at an https URL")
	}
	release, err := r.documents.slot()
	if err != nil {
		return nil, 0, err
	}
	defer release()
	return getJSON(ctx, r.Fetch, target, most)
}

func (r *Registry) getConfigured(ctx context.Context, target string, most int64) ([]byte, time.Duration, error) {
	return getJSON(ctx, r.own, target, most)
}

func getJSON(ctx context.Context, c *http.Client, target string, most int64) ([]byte, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchIn)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, 0, fmt.Errorf("status %d, want 200", resp.StatusCode)
	case err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		return nil, 0, errors.New("it is not JSON")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err == nil && int64(len(body)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return body, freshFor(resp.Header), err
}

// freshFor is how long an answer may be kept (RFC 9111 section 4.2.1); 0 if it does
// not say.
func freshFor(h http.Header) time.Duration {
	for part := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && n > 0 {
				return time.Duration(min(n, 1<<20)) * time.Second
			}
		}
	}
	return 0
}

// Metadata is how a client describes itself (RFC 7591 section 2).
type Metadata struct {
	ClientID        string          `json:"client_id,omitempty"`
	Name            string          `json:"client_name,omitempty"`
	Redirects       []string        `json:"redirect_uris"`
	Auth            string          `json:"token_endpoint_auth_method,omitempty"`
	Grants          []string        `json:"grant_types,omitempty"`
	ResponseTypes   []string        `json:"response_types,omitempty"`
	ApplicationType string          `json:"application_type,omitempty"`
	Scope           string          `json:"scope,omitempty"`
	Keys            json.RawMessage `json:"jwks,omitempty"`
	KeysURL         string          `json:"jwks_uri,omitempty"`
	Secret          json.RawMessage `json:"client_secret,omitempty"`
	SecretExpires   json.RawMessage `json:"client_secret_expires_at,omitempty"`
}

// parseDocument reads the document of a URL.
func parseDocument(id string, body []byte) (Client, error) {
	var m Metadata
	if err := decodeObject(body, &m); err != nil {
		return Client{}, err
	}
	switch {
	case clean(m.Name) == "":
		return Client{}, invalid("the client's description has no client_name")
	case m.ClientID != id:
		return Client{}, invalid("the client_id in the client's description is not its URL, character by character")
	case len(m.Secret) > 0 || len(m.SecretExpires) > 0:
		return Client{}, invalid("the client's description holds a secret, which everybody can read")
	case m.Auth != "" && m.Auth != AuthNone && m.Auth != AuthKey:
		return Client{}, invalid("a client that describes itself proves itself by a key (private_key_jwt) or not at all")
	}
	c, err := m.client()
	if err != nil {
		return Client{}, err
	}
	c.ID, c.Origin = id, OriginMetadata
	return c, check(c)
}

// metadataNames are the names that Metadata has.
func metadataNames() []string {
	return []string{
		"client_id", "client_name", "redirect_uris", "token_endpoint_auth_method", "grant_types", "response_types", "application_type", "scope",
		"jwks", "jwks_uri", "client_secret", "client_secret_expires_at",
	}
}

// decodeObject reads one JSON object: nothing after it, and no name that stands twice
// or that a parser blind to case would take for another.
func decodeObject(body []byte, m *Metadata) error {
	wrong := invalid("the client's description is not one JSON object, with each name once and in small letters")
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return wrong
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil || seen[name] {
			return wrong
		}
		// As encoding/json compares them: a long s counts as an s.
		if slices.ContainsFunc(metadataNames(), func(known string) bool { return name != known && strings.EqualFold(name, known) }) {
			return wrong
		}
		seen[name] = true
	}
	if _, err := d.Token(); err != nil {
		return wrong
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrong
	}
	if json.Unmarshal(body, m) != nil {
		return wrong
	}
	return nil
}

// client is the client that metadata describe, without an id and an origin.
func (m Metadata) client() (Client, error) {
	c := Client{Name: clean(m.Name), Redirects: m.Redirects, Auth: m.Auth}
	if c.Auth == "" {
		c.Auth = AuthNone
	}
	if len(c.Redirects) == 0 {
		return c, invalid("the client names no redirect_uris")
	}
	for _, g := range m.Grants {
		switch g {
		case GrantCode, GrantRefresh, GrantDevice:
			c.Grants = append(c.Grants, g)
		}
	}
	if len(m.Grants) == 0 {
		c.Grants = []string{GrantCode, GrantRefresh}
	}
	switch {
	case !slices.Contains(c.Grants, GrantCode):
		return c, invalid("a client that people let act uses the grant authorization_code")
	case len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code"):
		return c, invalid("a client uses the response type code")
	case m.ApplicationType != "" && m.ApplicationType != "web" && m.ApplicationType != "native":
		return c, invalid("the application_type is web or native")
	}
	for _, uri := range c.Redirects {
		if m.ApplicationType == "web" && !strings.HasPrefix(uri, "https://") {
			return c, invalid("a client of the application_type web is sent back over https only")
		}
	}
	if c.Auth != AuthKey {
		return c, nil
	}
	switch {
	case (len(m.Keys) > 0) == (m.KeysURL != ""):
		return c, invalid("a client with private_key_jwt gives its keys in jwks, or where they are in jwks_uri")
	case m.KeysURL != "":
		if _, err := checkURL(m.KeysURL); err != nil {
			return c, invalid("a client's jwks_uri is an https URL with a path")
		}
		c.KeysURL = m.KeysURL
		return c, nil
	}
	var err error
	c.Keys, err = ParseKeys(m.Keys)
	return c, err
}
