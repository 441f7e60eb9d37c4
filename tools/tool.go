// Package tools is what a call does, end to end.
//
// gateway.go is the path that every call takes, whatever its transport: who is
// it, is it well formed, may it, write the intent, with what credential, do it,
// write the outcome. A service is a folder below this one: typed handlers bound
// to the hand-written schemas that the model sees. A handler never sees a
// secret: it makes requests through an upstream.Client that is bound to one call
// and its credential.
package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools/fault"
	"toolvault/tools/trace"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// Service is an upstream system and what can be done there.
type Service struct {
	Name     string // "slack": the prefix of its tools and its folder in schemas/
	Title    string // "Slack"
	Endpoint upstream.Endpoint
	Scopes   *scope.Catalog
	Auth     map[string]vault.Scheme // how a credential type is presented: api_key, service_token, oauth_token
	OAuth    *vault.Provider         // nil where the service has no OAuth
	Tools    []Tool
	Timeout  time.Duration // of one call; 0: the gateway's

	// Instances are the domains, such as ".my.salesforce.com", in which customers have
	// a host of their own, where the token endpoint says which one a token is for.
	// Endpoint.BaseURL is then where one signs in. See At.
	Instances []string

	// Probe asks the service whether it accepts the credential and returns who
	// the service says it is, e.g. "workspace Acme, bot toolvault".
	Probe func(ctx context.Context, c *upstream.Client) (string, error)
}

// Tool binds a schema file, by its name, to a handler.
type Tool struct {
	Name   string
	handle func(ctx context.Context, c *upstream.Client, args json.RawMessage) (any, error)
	in     any // zero In and Out, for the test that holds them against the schema
	out    any
}

// New makes a tool from a typed handler. In is decoded from arguments that have
// been validated against the schema file of that name; defaults in the schema
// have been filled in. Out becomes the structured result: it must marshal to a
// JSON object.
func New[In, Out any](name string, handler func(ctx context.Context, c *upstream.Client, in In) (Out, error)) Tool {
	var in In
	var out Out
	return Tool{
		Name: name, in: in, out: out,
		handle: func(ctx context.Context, c *upstream.Client, args json.RawMessage) (any, error) {
			var in In
			dec := json.NewDecoder(bytes.NewReader(args))
			dec.UseNumber()
			if err := dec.Decode(&in); err != nil {
				return nil, fault.New(fault.InvalidArguments, "The arguments of %s could not be read: %v.", name, err)
			}
			return handler(ctx, c, in)
		},
	}
}

// Types are a zero value of what the handler takes and of what it returns, for
// the test that holds them against the schema file.
func (t Tool) Types() (in, out any) { return t.in, t.out }

// Run calls the handler with arguments that have been validated.
func (t Tool) Run(ctx context.Context, c *upstream.Client, args json.RawMessage) (any, error) {
	if t.handle == nil {
		return nil, fmt.Errorf("tool %q has no handler", t.Name)
	}
	return t.handle(ctx, c, args)
}

// Texter is implemented by results that have a better text for a model than
// their JSON: short, plain, ids and names together.
type Texter interface{ Text() string }

// Contenter is implemented by results that carry more than text.
type Contenter interface{ Content() []Content }

// Content is one piece of a result: text, an image, audio, or an embedded
// resource.
type Content struct {
	Type string // "text", "image", "audio", "resource"
	Text string // of text, and of a text resource
	Data []byte // of an image, audio, or a binary resource
	MIME string
	URI  string // of a resource
}

// Call is one invocation as it arrived.
type Call struct {
	Tool          string
	Arguments     json.RawMessage // a JSON object, or empty
	Through       string          // the tool that stood for it: "call_tool"; empty: none
	ToolCallID    string          // the client's id for the call
	CorrelationID string          // trace id
	Trace         *trace.Trace    // what the call records of itself; nil: nothing. Whoever made it ends it
	Client        ClientInfo
	Transport     string // "http" or "stdio"

	// IdempotencyKey names what a write does: the same again within 24 hours is
	// the same write, and is done once. 1 to 200 printable characters; empty:
	// none. Reads ignore it. MalformedKey says that one came that is none: then it
	// is empty.
	IdempotencyKey string
	MalformedKey   bool

	// Progress hears how far the call has come, if the client asked; nil: it did
	// not. It is called while the call is made, by one goroutine, and must not wait.
	Progress func(done, total float64, message string)

	// RequestState and Answer are of a call that is made again after a question:
	// the state that came with the question, and what the user said, AnswerAccept
	// or another; empty where nothing was said.
	RequestState string
	Answer       string
	// TakesState says that a question to the client comes with a state (MCP
	// 2026-07-28), and that the client can be asked to open a page.
	TakesState bool
}

// ClientInfo is what the client says it is.
type ClientInfo struct{ Name, Version string }

// Result is the answer to a call, redacted and bounded.
type Result struct {
	CallID     string
	Structured json.RawMessage // nil for a failure
	Text       string
	Content    []Content    // beyond the text
	Untrusted  bool         // the text quotes what others wrote; what it quotes stands in Structured too
	Failure    *fault.Error // nil: it worked
	Account    Account      // of the service, that acted; zero: no credential was used
	RepeatOf   string       // the id of the call that did this, where this one was a repeat
	Question   *Question    // of a failure: what the client can ask its user, so that the call can succeed; nil: nothing
	BadState   bool         // the call's RequestState was refused: an error of the protocol, and no result
}
