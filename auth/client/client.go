// Package client is who may ask our authorization server for tokens: OAuth clients.
//
// A client comes from the config, from an admin (`client add`, `agent add --key`),
// from dynamic registration where that is switched on (RFC 7591), or is a URL that
// describes itself (client ID metadata document). All of them are one type, so that
// nothing else in the server cares where one comes from.
package client

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Where a client comes from.
const (
	OriginConfig     = "config"     // the config file
	OriginAdded      = "added"      // an admin's command
	OriginRegistered = "registered" // by itself (RFC 7591)
	OriginMetadata   = "metadata"   // its id is the URL of its description
)

// How a client proves who it is, at the token endpoint.
const (
	AuthNone       = "none"                // it cannot: a public client
	AuthBasic      = "client_secret_basic" // or in the body: client_secret_post is the same secret
	AuthPost       = "client_secret_post"
	AuthKey        = "private_key_jwt"
	GrantCode      = "authorization_code"
	GrantRefresh   = "refresh_token"
	GrantOwn       = "client_credentials"
	GrantExchange  = "urn:ietf:params:oauth:grant-type:token-exchange"
	GrantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	GrantDevice    = "urn:ietf:params:oauth:grant-type:device_code"
)

// ErrUnknown is returned for an id that no client has.
var ErrUnknown = errors.New("there is no such client")

// Client is one client.
type Client struct {
	ID      string
	Name    string // for people; may be empty
	Origin  string
	Created time.Time // zero for one of the config

	// Agent is the agent that the client is: a program that gets tokens for itself
	// (client credentials) and passes them on. Empty for a client that people let act
	// for them.
	Agent string
	// Agents are those as which people may let the client act; nil: any that the
	// person may use.
	Agents []string
	// Admin are the scopes that the client may ask for as an administrator
	// (auth.AdminScopes). A program (client credentials) gets them by itself, and has
	// no Agent; a person only as far as the person has them.
	Admin []string

	Redirects []string            // exact; of a loopback address the port is free (RFC 8252 section 7.3)
	Grants    []string            // Grant…
	Auth      string              // Auth…
	Secrets   [][sha256.Size]byte // SHA-256 of each secret that is good
	Keys      jose.JSONWebKeySet  // of AuthKey: public keys
	KeysURL   string              // of AuthKey: where they are, if not in Keys
	Trusted   bool                // people are not asked again for what they have agreed to; never of Registered or Metadata
}

// Public reports whether the client cannot prove who it is.
func (c Client) Public() bool { return c.Auth == AuthNone }

// May reports whether the client may use a grant.
func (c Client) May(grant string) bool { return slices.Contains(c.Grants, grant) }

// SecretIs compares in constant time.
func (c Client) SecretIs(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	right := 0
	for i := range c.Secrets {
		right |= subtle.ConstantTimeCompare(sum[:], c.Secrets[i][:])
	}
	return right == 1
}

// Redirect reports whether the client may be sent an answer at a URI: one of
// those that it has registered, compared character by character (RFC 9700 section
// 2.1), but for the port of a loopback address (RFC 8252 section 7.3). A name that
// resolves to one, localhost, is none: it is compared as it is, and its port too is
// free.
func (c Client) Redirect(uri string) bool {
	if slices.Contains(c.Redirects, uri) {
		return true
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || strings.Contains(uri, "#") || !loopback(u.Hostname()) {
		return false
	}
	if !portIsGood(u) || u.Port() != "" && u.Host != hostPort(u) {
		return false
	}
	for _, registered := range c.Redirects {
		r, err := url.Parse(registered)
		if err != nil || r.Scheme != "http" || r.Hostname() != u.Hostname() {
			continue
		}
		r.Host = u.Host
		if r.String() == uri {
			return true
		}
	}
	return false
}

// portIsGood reports whether a URL names no port, or one that there is: not "host:",
// which browsers take for no port, and none that they take for an error.
func portIsGood(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

func hostPort(u *url.URL) string {
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + u.Port()
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// LocalOnly reports whether all that the client is sent goes to the machine of its
// user: anything there can pretend to be the client.
func (c Client) LocalOnly() bool {
	for _, raw := range c.Redirects {
		u, err := url.Parse(raw)
		if err != nil || (u.Scheme == "http" || u.Scheme == "https") && !loopback(u.Hostname()) {
			return false
		}
	}
	return len(c.Redirects) > 0
}
