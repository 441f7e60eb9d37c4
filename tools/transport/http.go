package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"toolvault/auth"
	"toolvault/tools"
)

// handler is MCP over streamable HTTP.
type handler struct {
	*core
	stream   *server.StreamableHTTPServer
	origins  origins
	resource resource
}

// NewHTTP returns the handler of /mcp and of the metadata that tells clients
// where to get a token (RFC 9728): /.well-known/oauth-protected-resource, and the
// same with /mcp behind it, and where there is a Broker of /v1/agents/. It holds no state between requests, so any replica
// can answer any of them. All other paths are 404.
//
// The server that runs it has to bound the time for a request's headers and body.
func NewHTTP(o Options) (http.Handler, error) {
	if o.Auth == nil {
		return nil, errors.New("transport: HTTP needs an authenticator")
	}
	public, err := parsePublic(o.PublicURL)
	if err != nil {
		return nil, err
	}
	c, err := newCore(o)
	if err != nil {
		return nil, err
	}
	return &handler{
		core: c,
		stream: server.NewStreamableHTTPServer(c.mcp,
			server.WithStateLess(true),
			server.WithDisableLocalhostProtection(true), // ours is stricter
			// What it logs are broken connections, and values of panics, which
			// may hold anything.
			server.WithStreamableHTTPLogger(slog.New(slog.DiscardHandler)),
		),
		origins:  newOrigins(public, o.AllowedHosts, o.AllowedOrigins),
		resource: resource{public: public, scopes: o.Scopes, servers: o.AuthorizationServers},
	}, nil
}

// parsePublic reads the public URL; nil if there is none.
func parsePublic(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("transport: the public URL %q has to be https://HOST or https://HOST/PATH", raw)
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	return u, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.origins.allowsHost(r) {
		h.refused(r, RefusedHost)
		forbid(w, "This server is not reached under that Host. The operator can add it to the allowed hosts.")
		return
	}
	if !h.origins.allowsOrigin(r) {
		h.refused(r, RefusedOrigin)
		forbid(w, "A web page of that Origin may not call this server. The operator can add it to the allowed origins.")
		return
	}
	if h.origins.cors(w, r) {
		return
	}
	switch path := r.URL.Path; {
	case path == "/mcp":
		h.serveMCP(w, r)
	case path == metadataPath, path == metadataPath+"/mcp", path == metadataPath+h.resource.base(r).Path+"/mcp":
		h.resource.serveMetadata(w, r)
	case h.Broker != nil && strings.HasPrefix(path, brokerPrefix):
		h.serveBroker(w, r)
	default:
		http.NotFound(w, r)
	}
}

// serveMCP is the MCP endpoint. Who calls is settled before anything is read.
func (h *handler) serveMCP(w http.ResponseWriter, r *http.Request) {
	from := h.arrived(r)
	id, ok := h.authenticate(w, r)
	if !ok {
		return
	}
	from = h.known(from)
	if r.Method != http.MethodPost {
		// There is no stream to listen to and no session to end: a server without
		// either answers 405 in every version.
		w.Header().Set("Allow", http.MethodPost)
		a := plainError("This server is stateless: messages are sent with POST, and that is all.")
		a.status = http.StatusMethodNotAllowed
		a.write(w)
		return
	}
	body, refusal := h.read(w, r)
	if refusal != nil {
		refusal.write(w)
		return
	}
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		h.serveBatch(w, r, id, body, from)
		return
	}
	m, err := parse(body, h.ToolCallIDKeys)
	if err != nil {
		unreadable(m, err).write(w)
		return
	}
	if a := checkHeaders(r.Header, m); a != nil {
		a.write(w)
		return
	}
	h.serve(w, r, id, m, from)
}

// serve answers one message that has passed every check of its form.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, id auth.Identity, m *message, from arrival) {
	switch {
	case !m.request():
		// No notification changes anything here, and no request of ours waits for
		// a response. Above all, notifications/cancelled stops here: it names a
		// call by a number that every client uses. A client cancels by closing the
		// connection of the call.
		w.WriteHeader(http.StatusAccepted)
	case m.method == "tools/call" && !h.fixture(m.name):
		m.asks = m.mayAsk(sessionElicits(r.Header.Get(mcp.HeaderSessionID)))
		call := h.newCall(id, m, h.clientOf(m, r), from)
		if needed, missing := h.Gateway.Missing(id, call); missing {
			h.insufficient(w, r, id, m, call, needed)
			return
		}
		stream := newStream(w, r, m, h.Streaming)
		call.Progress = stream.progress()
		stream.end(h.call(r.Context(), id, m, call))
	case m.method == "tools/list":
		h.other(r.Context(), id, m).write(w)
	default:
		h.forward(w, r, id, m)
	}
}

// forward hands a message to mcp-go's own transport.
func (h *handler) forward(w http.ResponseWriter, r *http.Request, id auth.Identity, m *message) {
	if len(m.id) > 15 && m.id[0] != '"' {
		rpcError(m, http.StatusBadRequest, mcp.INVALID_REQUEST, "A number as id has at most 15 digits: use a shorter one, or a text.", nil).write(w)
		return
	}
	if m.method == "initialize" && !m.modern() {
		w.Header().Set(mcp.HeaderSessionID, sessionID(h.clientOf(m, r), m.declares && elicitsSince(m.asked)))
	}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			h.crashed(m, p).write(w)
		}
	}()
	w.Header().Set("X-Accel-Buffering", "no") // of a stream; nothing else minds
	r = r.Clone(r.Context())
	r.Header.Del(mcp.HeaderSessionID) // see sessionID: it is nothing to mcp-go
	r.Header.Del("Authorization")
	r.Body = io.NopCloser(bytes.NewReader(m.raw))
	h.stream.ServeHTTP(w, r)
}

// insufficient refuses a call whose scope the token does not grant (RFC 6750
// section 3.1; "Authorization", section "Scope Challenge Handling").
func (h *handler) insufficient(w http.ResponseWriter, r *http.Request, id auth.Identity, m *message, call tools.Call, needed string) {
	data := map[string]any{errorMeta: failureMeta{Kind: "not_permitted", Needed: []string{needed}}}
	if h.Denied != nil {
		data["call_id"] = h.Denied(r.Context(), id, call, needed)
	}
	call.Trace.End(h.now(), rpcFailure(call.Trace, mcp.INVALID_REQUEST))
	text := "This call needs the scope " + needed + ", which the token does not grant. Get a token with that scope."
	h.resource.refuse(w, r, http.StatusForbidden,
		challenge{code: "insufficient_scope", description: "The call needs the scope " + needed, scope: needed},
		rpcError(m, http.StatusForbidden, mcp.INVALID_REQUEST, text, data))
}

// read reads the body of a POST, or says why not.
func (h *handler) read(w http.ResponseWriter, r *http.Request) ([]byte, *answer) {
	if !jsonContent(r.Header.Get("Content-Type")) {
		return nil, refusal(http.StatusUnsupportedMediaType, "A message is sent as Content-Type: application/json.")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, refusal(http.StatusUnsupportedMediaType, "A message is sent without a Content-Encoding.")
	}
	if !accepts(r.Header.Values("Accept")) {
		return nil, refusal(http.StatusNotAcceptable, "A client has to accept both application/json and text/event-stream.")
	}
	if r.ContentLength > h.MaxBody {
		w.Header().Set("Connection", "close")
		return nil, h.tooLarge()
	}
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, h.MaxBody))
	var exceeded *http.MaxBytesError
	switch {
	case errors.As(err, &exceeded):
		return nil, h.tooLarge()
	case err != nil:
		return nil, refusal(http.StatusBadRequest, "The message could not be read to its end.")
	}
	return buf.Bytes(), nil
}

func (h *handler) tooLarge() *answer {
	return refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("A message is at most %d bytes.", h.MaxBody))
}

func jsonContent(value string) bool {
	if value == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(value)
	return err == nil && media == "application/json"
}

// accepts reports whether the client takes JSON for an answer. That it has to
// name event streams too is not insisted upon: many do not, and rarely is there
// one.
func accepts(values []string) bool {
	if len(values) == 0 {
		return true
	}
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			media, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(media)) {
			case "application/json", "application/*", "*/*":
				return true
			}
		}
	}
	return false
}

// clientOf is what the client calls itself: in this message, when it initialized,
// or as an HTTP client.
func (h *handler) clientOf(m *message, r *http.Request) client {
	if m.client.Name != "" {
		return m.client
	}
	if id := r.Header.Get(mcp.HeaderSessionID); id != "" && !m.modern() {
		if c := sessionClient(id); c.Name != "" {
			return c
		}
	}
	return agentClient(r.UserAgent())
}

func (h *handler) refused(r *http.Request, reason string) {
	if h.Refused != nil {
		h.Refused(r.Context(), reason, r)
	}
}

// unreadable is the answer to a text that is no message.
func unreadable(m *message, err error) answer {
	var shape errShape
	var twice *DuplicateKeyError
	if errors.As(err, &shape) || errors.As(err, &twice) {
		return rpcError(m, http.StatusBadRequest, mcp.INVALID_REQUEST, "Invalid request: "+err.Error()+".", nil)
	}
	return rpcError(m, http.StatusBadRequest, mcp.PARSE_ERROR, "Parse error: "+err.Error()+".", nil)
}

// plainError is a JSON-RPC error that answers no message in particular.
func plainError(text string) answer {
	return rpcError(nil, http.StatusBadRequest, mcp.INVALID_REQUEST, text, nil)
}

func refusal(status int, text string) *answer {
	a := plainError(text)
	a.status = status
	return &a
}

func forbid(w http.ResponseWriter, text string) { refusal(http.StatusForbidden, text).write(w) }

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}
