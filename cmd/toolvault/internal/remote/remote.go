// Package remote is this program as a client of a toolvault elsewhere: signing in,
// keeping the tokens, and carrying a desktop client's messages there.
//
// The refresh token lies in a file that only its user can read, since whoever can
// read that user's files can act as them anyway. It is changed with each refresh;
// several processes share it, and the server gives two who refresh at once the same
// answer.
package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// ClientID is this program, at every toolvault.
const ClientID = "toolvault-cli"

const (
	maxAnswer = 1 << 20 // bytes of an answer of the authorization server
	early     = 30 * time.Second
)

// Server is a toolvault elsewhere, as it describes itself.
type Server struct {
	URL      string // without a slash at the end
	Issuer   string `json:"issuer"`
	AuthURL  string `json:"authorization_endpoint"`
	TokenURL string `json:"token_endpoint"`
	Device   string `json:"device_authorization_endpoint"`
	http     *http.Client
}

// Discover asks a server how to sign in. raw is its URL, with or without /mcp.
func Discover(ctx context.Context, raw string) (*Server, error) {
	u, err := url.Parse(strings.TrimSuffix(strings.TrimSuffix(raw, "/"), "/mcp"))
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the URL of a toolvault: it is https://HOST, or http to this machine", raw)
	}
	s := &Server{URL: u.String(), http: &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w", s.URL, plain(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(s) != nil {
		return nil, fmt.Errorf("%s is not a toolvault, or an old one: it does not say how to sign in", s.URL)
	}
	for _, end := range []string{s.AuthURL, s.TokenURL, s.Device} {
		if s.Issuer != s.URL || !strings.HasPrefix(end, s.URL+"/") {
			return nil, fmt.Errorf("%s speaks of another server, %s: use that one's URL", s.URL, s.Issuer)
		}
	}
	return s, nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// plain is an error without the address that it repeats.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// resource is what a token is for.
func (s *Server) resource(admin bool) string {
	if admin {
		return s.URL + "/v1/admin"
	}
	return s.URL + "/mcp"
}

// Request is what to ask for.
type Request struct {
	Agent string   // as which to act; "": the person chooses
	Task  string   // may be empty
	Scope string   // "": all that there is
	Admin []string // to administer; then the three above are empty
}

// Login signs a person in with a code that they type into a page, on any device (RFC
// 8628). show tells them where.
func (s *Server) Login(ctx context.Context, r Request, show func(page, code string)) (*oauth2.Token, error) {
	config := &oauth2.Config{ClientID: ClientID, Endpoint: oauth2.Endpoint{TokenURL: s.TokenURL, DeviceAuthURL: s.Device, AuthStyle: oauth2.AuthStyleInParams}}
	if scope := strings.TrimSpace(r.Scope + " " + strings.Join(r.Admin, " ")); scope != "" {
		config.Scopes = strings.Fields(scope)
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.http)
	params := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("resource", s.resource(len(r.Admin) > 0))}
	for name, value := range map[string]string{"agent": r.Agent, "task": r.Task} {
		if value != "" {
			params = append(params, oauth2.SetAuthURLParam(name, value))
		}
	}
	device, err := config.DeviceAuth(ctx, params...)
	if err != nil {
		return nil, fmt.Errorf("the sign-in could not begin: %w", said(err))
	}
	page := device.VerificationURI
	if device.VerificationURIComplete != "" && strings.HasPrefix(device.VerificationURIComplete, s.URL+"/") {
		page = device.VerificationURIComplete
	}
	if !strings.HasPrefix(page, s.URL+"/") {
		return nil, errors.New("the server named a page that is not its own")
	}
	show(page, device.UserCode)
	token, err := config.DeviceAccessToken(ctx, device)
	if err != nil {
		return nil, fmt.Errorf("nobody agreed: %w", said(err))
	}
	return token, nil
}

// said is what the server says of an error, bounded.
func said(err error) error {
	var retrieve *oauth2.RetrieveError
	if errors.As(err, &retrieve) && retrieve.ErrorCode != "" {
		text := retrieve.ErrorDescription
		if text == "" {
			text = retrieve.ErrorCode
		}
		return errors.New(text[:min(len(text), 300)])
	}
	return plain(err)
}

// file is where the tokens of a server are kept.
func file(server string, admin bool) (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for your settings: %w", err)
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(server))
	if admin {
		name += "_admin"
	}
	return filepath.Join(dir, "toolvault", "login", name+".json"), nil
}

// kept is what the file holds.
type kept struct {
	Server  string    `json:"server"`
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token"`
	Expires time.Time `json:"expires"`
}

// Keep writes the tokens of a sign-in, for their user alone. It returns where.
func (s *Server) Keep(t *oauth2.Token, admin bool) (string, error) {
	path, err := file(s.URL, admin)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("the sign-in could not be kept: %w", err)
	}
	b, err := json.Marshal(kept{s.URL, t.AccessToken, t.RefreshToken, t.Expiry.UTC()})
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".login-*") // 0600
	if err != nil {
		return "", fmt.Errorf("the sign-in could not be kept: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("the sign-in could not be kept: %w", err)
	}
	return path, nil
}

// Forget removes the tokens that are kept of a server.
func Forget(server string, admin bool) error {
	path, err := file(server, admin)
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("nobody is signed in to %s here", server)
	}
	return err
}

// Source gives access tokens of a sign-in that was kept, and renews them.
type Source struct {
	server *Server
	admin  bool
	mu     sync.Mutex
}

// NewSource gives the tokens of a server.
func NewSource(s *Server, admin bool) *Source { return &Source{server: s, admin: admin} }

// Token is an access token that is good for a while; stale is one that the server
// has refused.
func (c *Source) Token(ctx context.Context, stale string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path, err := file(c.server.URL, c.admin)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(path) // each time: another process may have renewed it
	var k kept
	if errors.Is(err, os.ErrNotExist) || err == nil && (json.Unmarshal(b, &k) != nil || k.Server != c.server.URL) {
		return "", fmt.Errorf("nobody is signed in to %s here: 'toolvault login %[1]s' signs you in", c.server.URL)
	}
	if err != nil {
		return "", fmt.Errorf("the sign-in cannot be read: %w", err)
	}
	if k.Access != stale && time.Until(k.Expires) > early {
		return k.Access, nil
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {k.Refresh}, "client_id": {ClientID}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.server.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("%s does not answer: %w", c.server.URL, plain(err))
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Expires int64  `json:"expires_in"`
		Why     string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK || answer.Access == "" {
		if resp.StatusCode >= 500 {
			return "", fmt.Errorf("%s cannot renew the sign-in just now: try again", c.server.URL)
		}
		return "", fmt.Errorf("the sign-in to %s has ended: 'toolvault login %[1]s' signs you in again (%s)", c.server.URL, answer.Why[:min(len(answer.Why), 200)])
	}
	if answer.Refresh == "" {
		answer.Refresh = k.Refresh
	}
	_, err = c.server.Keep(&oauth2.Token{
		AccessToken: answer.Access, RefreshToken: answer.Refresh, Expiry: time.Now().Add(time.Duration(answer.Expires) * time.Second),
	}, c.admin)
	return answer.Access, err
}
