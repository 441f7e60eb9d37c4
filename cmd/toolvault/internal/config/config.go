// Package config reads the one file that an admin writes: where to listen and
// store, which services, which agents, with which credentials, tasks and policy.
//
// The file is YAML or JSON. It never holds a secret, only references: "env:NAME",
// "file:PATH", "vault:NAME" or "exec:PROGRAM". Reading it is strict: an unknown key, a scope that
// the service does not have, a rule that does not compile is an error with its
// line, its column and, where there is a near match, "did you mean". All errors
// of a file are reported at once.
//
// It defends against a secret that was pasted where a reference belongs: no error
// of this package quotes the file, and a word is shown only where it cannot be a
// secret. It defends against hostile files too: size, depth and number of errors
// are bounded, and YAML's anchors, aliases, tags and merge keys are refused.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"time"

	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/limits"
	"toolvault/vault"
)

// DefaultListen is where the server listens unless the file says otherwise.
const DefaultListen = "127.0.0.1:8765"

// Known is what the program knows, for checking a file against it.
type Known struct {
	Catalogs scope.Catalogs                     // the permissions of each service; a service without any is unknown
	Types    map[string][]string                // the credential types that a service takes; a service without an entry takes all
	Schemes  map[string]map[string]vault.Scheme // by service and type: what such a credential has there, and can grant

	// Tools are the names of all tools; true: what it does cannot be undone. nil: any
	// name will do.
	Tools map[string]bool

	// Rules compiles an agent's policy. A mistake in a rule is an
	// *auth.RuleError, or several in one errors.Join. nil compiles nothing.
	Rules func(agent string, rules []auth.Rule) error
}

// Config is a file that has been read and found right.
type Config struct {
	Path      string // as it was given; "" for the default
	Digest    string // SHA-256 of the file, hex; "" for the default
	Server    Server
	Storage   Storage
	Keys      Keys
	Notify    Notify
	Telemetry Telemetry
	Audit     Audit
	Services  map[string]Service
	Auth      Auth
	Limits    []limits.Limit // of every agent that has none of its own of the sort
	Agents    []Agent        // in the order of the file
	Alerts    Alerts

	dir    string // absolute folder of the file: relative paths begin here
	places map[string]Position
	refs   []Reference
}

// Server is the "server" section.
type Server struct {
	Listen         string   // HOST:PORT
	PublicURL      string   // "https://tools.example.com", without a path; "" if there is none
	AllowedHosts   []string // further values of Host that are answered: "HOST" or "HOST:PORT"
	AllowedOrigins []string // further values of Origin that are answered: "https://HOST[:PORT]"
	ToolCallIDKeys []string // keys of _meta that hold the client's own id of a call; empty: the program's list
	Metrics        Metrics
}

// Storage is the "storage" section.
type Storage struct {
	// URL is "" (the data folder), "file:DIR" with an absolute DIR, a URL of
	// Redis without a password, or "env:NAME", whose value may hold one.
	URL string
}

// Keys is the "keys" section.
type Keys struct {
	Master string // "env:NAME", "file:PATH" with an absolute path, "exec:PROGRAM", or "": a key file of the program's own making
}

// Service is one entry of "services".
type Service struct {
	BaseURL string // without a slash at the end; "": the vendor's
	OAuth   OAuth
	Timeout time.Duration // of one call; 0: the program's
}

// OAuth is our registration at a service's authorization server.
type OAuth struct {
	ClientID     string // "env:NAME", "file:PATH", or the id itself, which is no secret; IsReference tells
	ClientSecret string // "env:NAME", "file:PATH" or "exec:PROGRAM"

	// What stands in the place of the provider that is built in.
	Issuer                       string   // "https://login.example.com": the rest is found from there
	AuthURL, TokenURL, RevokeURL string   // "": the provider's
	Scopes                       []string // asked for at every consent besides what tools need; nil: the provider's
	AuthStyle                    string   // "basic", "body" or "json"; "": the provider's
	Narrow                       string   // "refresh" or "exchange": how a token is narrowed; "": the provider's
	Concurrency                  int      // token requests at the same time; 0: the program's
}

// Agent is one entry of "agents".
type Agent struct {
	ID          string
	Owners      []string     // people who may connect its own credentials
	Users       []string     // people who may let a client act as it: a name, "group:NAME", or "*" for anybody who signs in
	Client      *OAuthClient // the program that is the agent; nil: none
	Delegates   []string     // agents to which it may pass its right to act
	Credentials []vault.Declaration
	Tasks       map[string]scope.Grants // by the task's name
	Rules       []auth.Rule
	Limits      []limits.Limit // its own
	Offer       tools.Offer    // which tools it is offered, and how
}

// Position is a place in the file; both count from 1, columns in characters.
type Position struct{ Line, Column int }

// Default is the configuration of a program that was given no file.
func Default() *Config {
	return &Config{Server: Server{Listen: DefaultListen}, Services: map[string]Service{}}
}

// Parse reads a file's bytes. The name is for errors, and its folder is where
// relative paths begin. Its error is of type Errors.
func Parse(name string, b []byte, known Known) (*Config, error) {
	errs := &collector{file: name}
	root, src := parseTree(b, errs)
	if root == nil {
		return nil, errs.result()
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, Errors{{File: name, Message: "its folder cannot be found: give the path of the file in full", cause: err}}
	}
	sum := sha256.Sum256(b)
	c := Default()
	c.Path, c.Digest, c.dir = name, hex.EncodeToString(sum[:]), filepath.Dir(abs)
	c.places = map[string]Position{}
	r := &reader{Config: c, known: known, errs: errs, src: src}
	r.file(root)
	if err := errs.result(); err != nil {
		return nil, err
	}
	return c, nil
}

// Where is the place of a field, named as in errors:
// "agents[0].credentials[1].source". It is zero if the file does not have it.
func (c *Config) Where(field string) Position { return c.places[field] }

// Errorf is an error at a field, found after the file was read. It lets whoever
// checks more than this package can (whether a "vault:" record exists) report it
// in the same form.
func (c *Config) Errorf(field, format string, args ...any) *Error {
	return newError(c.Path, c.places[field], field, format, args...)
}
