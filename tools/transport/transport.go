// Package transport is how calls arrive and how answers leave: MCP over
// streamable HTTP, with no state between requests, and over stdio.
//
// A tools/call is read once, by this package, and handed to the gateway; all else
// (initialize, server/discover, the lists) is mcp-go's to answer. What mcp-go
// leaves open is closed here, the same under every protocol version that a client
// may name and under none: who may connect from where (Host, Origin), the bearer
// token, the size and shape of a message, the scope of a call before it is
// dispatched, and that no client can see or cancel what another one does.
package transport

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/mark3labs/mcp-go/server"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/trace"
)

// Gateway is where calls go.
type Gateway interface {
	// List is what the identity is shown.
	List(auth.Identity) []schemas.Tool
	// Knows reports whether the identity may call a tool of that name, listed or
	// not; where it may not, hint is the name of one that it could have meant.
	Knows(id auth.Identity, name string) (hint string, ok bool)
	// Direct is the call that a call stands for: one that calls another tool
	// stands for that.
	Direct(auth.Identity, tools.Call) tools.Call
	// Missing names the scope that the call needs and the identity's token does
	// not grant. It decides before anything is dispatched and has to be cheap; a
	// tool that the identity may not know of is not missing a scope.
	Missing(auth.Identity, tools.Call) (needed string, missing bool)
	// Call makes the call. Its result is always one to show.
	Call(context.Context, auth.Identity, tools.Call) tools.Result
}

// Authenticator tells who presents a token. An error that wraps
// store.ErrUnavailable, or the end of the context, means that nobody can tell
// now; a *dpop.Error, that the proof which came with it is not good; any other, that
// the token is not.
type Authenticator interface {
	Authenticate(context.Context, auth.Presented) (auth.Identity, error)
}

// Why a request was refused before anybody knew who sent it, as Options.Refused
// gets it; RefusedToken and RefusedProof with what was wrong in brackets behind.
const (
	RefusedHost       = "host"        // a Host that is not ours: 403
	RefusedOrigin     = "origin"      // a web page that may not call: 403
	RefusedNoToken    = "no_token"    // 401
	RefusedToken      = "token"       // a token that is not good: 401
	RefusedProof      = "proof"       // a proof of possession that is not good: 401
	RefusedTwoTokens  = "two_tokens"  // more than one Authorization header: 400
	RefusedQueryToken = "query_token" // a token in the URL: 400
)

// Options is what a transport is made of. Gateway, and for HTTP Auth, are
// required.
type Options struct {
	Gateway Gateway
	Auth    Authenticator

	Name, Version string // of this server, as clients see them
	Instructions  string // for the model, at the start; may be empty

	// PublicURL is where clients reach the server, without "/mcp": the audience of
	// its tokens. Empty: http:// and the address that the connection came in on;
	// never what a Host header says.
	PublicURL string
	// AllowedHosts are more names that a Host header may hold, with any port or
	// the one that is given; AllowedOrigins are origins of web pages that may
	// call, such as "https://app.example.com". What belongs to PublicURL, the
	// address of the connection and, on a loopback address, the loopback names
	// are allowed by themselves.
	AllowedHosts, AllowedOrigins []string
	// Scopes lists every scope there is, for clients that ask for a token. Nil:
	// none are named.
	Scopes func() []string
	// AuthorizationServers are where tokens come from, as the metadata names them;
	// empty: this server itself.
	AuthorizationServers []string

	// ToolCallIDKeys are the keys of _meta that may hold the client's own id of a
	// call, the best first. Nil means DefaultToolCallIDKeys.
	ToolCallIDKeys []string
	MaxBody        int64 // bytes of one message; 0 means DefaultMaxBody
	Logger         *slog.Logger

	// Refused is told of requests that were turned away unknown; may be nil.
	Refused func(ctx context.Context, reason string, r *http.Request)
	// Denied records a call that lacks a scope and was refused before dispatch,
	// and returns its call id; may be nil.
	Denied func(ctx context.Context, id auth.Identity, call tools.Call, needed string) (callID string)

	// Tracer records calls; nil: none is recorded.
	Tracer *trace.Tracer
	// Streaming is told of each stream of events that begins (1) and ends (-1); may
	// be nil.
	Streaming func(change int)

	// Broker gives agents their own credentials; nil: there is no such path.
	Broker Broker

	// Configure adds what only a test needs: tools, prompts and resources of the
	// conformance suite. Such tools bypass the gateway.
	Configure func(*server.MCPServer)
}

// DefaultMaxBody is how large a message may be: 4 MiB.
const DefaultMaxBody = 4 << 20

// DefaultToolCallIDKeys are the keys that clients are known to use.
func DefaultToolCallIDKeys() []string {
	return []string{"tool_call_id", "toolCallId", "claudecode/toolUseId", "anthropic/toolUseId", "openai/toolCallId", "openai/tool_call_id"}
}
