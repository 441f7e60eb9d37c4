package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"toolvault/tools/idempotency"
)

// Bounds on the small parts of a message.
const (
	maxID    = 256 // bytes of a JSON-RPC id as it is written
	maxLabel = 256 // bytes of a client's name, version or call id that are kept
)

// Keys of params._meta (2026-07-28, "Overview", section "_meta").
const (
	metaProtocolVersion = "io.modelcontextprotocol/protocolVersion"
	metaClientInfo      = "io.modelcontextprotocol/clientInfo"
	metaCapabilities    = "io.modelcontextprotocol/clientCapabilities"
	metaTraceparent     = "traceparent"
	metaTracestate      = "tracestate"
	metaProgressToken   = "progressToken"

	metaIdempotencyKey      = "toolvault/idempotency-key"
	metaIdempotencyKeyPlain = "idempotencyKey"
)

// A message is one JSON-RPC message, read once. Whatever is decided about it is
// decided on these fields.
type message struct {
	raw      json.RawMessage
	id       json.RawMessage // nil: it has none
	method   string          // empty: a response
	response bool            // it has a result or an error

	// Of params.
	name      string
	arguments json.RawMessage
	requestID json.RawMessage // of notifications/cancelled
	client    client          // what _meta says, else what initialize says
	asked     string          // the protocol version that initialize asks for
	declares  bool            // its capabilities have URL mode elicitation
	state     string          // the requestState; empty: none
	reply     string          // what the user said to a question of ours; empty: nothing
	cursor    string          // of a list

	// Of params._meta.
	version      string // the protocol version that the body names
	capabilities bool   // the client's capabilities are there, as an object
	elicits      bool   // they have URL mode elicitation
	traceparent  string
	tracestate   string
	toolCallID   string          // the first of the configured keys that is there
	rank         int             // its place among them, from 1
	key          string          // the idempotency key
	keyed        bool            // it came under the name that is ours alone
	badKey       bool            // what came is none
	progress     json.RawMessage // the progressToken, a text or an integer; nil: none

	// asks says that the client can be asked to have its user open a page. It is
	// set by the transport, which knows what was declared before.
	asks bool
}

// request reports whether the message wants an answer.
func (m *message) request() bool { return m.method != "" && m.id != nil }

// notification reports whether it is one.
func (m *message) notification() bool { return m.method != "" && m.id == nil }

// errShape says why JSON is no JSON-RPC 2.0 message of MCP.
type errShape string

func (e errShape) Error() string { return string(e) }

// The keys that a parser blind to case would take for ours.
var (
	inMessage = []string{"jsonrpc", "id", "method", "params", "result", "error"}
	inParams  = []string{"name", "uri", "arguments", "_meta", "requestId", "clientInfo", "protocolVersion", "capabilities", "requestState", "inputResponses", "cursor"}
)

// parse reads one message. toolCallIDs are the keys of _meta that may hold the
// client's own id of a call, the best first.
//
// An errShape or a *DuplicateKeyError means an invalid request, any other error
// that the text cannot be read. After an errShape the id is known, so that an
// answer can name it.
func parse(data []byte, toolCallIDs []string) (*message, error) {
	r := reader{m: &message{raw: data}, s: scanner{data: data}, toolCallIDs: toolCallIDs}
	err := checkText(data)
	if err == nil {
		r.s.space()
		if r.s.peek() == '{' {
			err = r.s.object(1, true, r.top)
		} else if err = r.s.value(1); err == nil {
			r.note(errShape("a message is one JSON object"))
		}
	}
	if err == nil {
		err = r.s.end()
	}
	if err != nil {
		r.m.id = nil
		return r.m, err
	}
	r.check()
	return r.m, r.shape
}

// A reader fills in a message while its text is scanned, once.
type reader struct {
	m           *message
	s           scanner
	toolCallIDs []string

	jsonrpc   string
	hasMethod bool
	shape     error // the first thing that is wrong with a text that can be read
}

func (r *reader) note(err error) {
	if r.shape == nil {
		r.shape = err
	}
}

// check looks at the message as a whole (JSON-RPC 2.0, sections 4 and 5).
func (r *reader) check() {
	m := r.m
	switch {
	case r.jsonrpc != "2.0":
		r.note(errShape(`"jsonrpc" has to be "2.0"`))
	case r.hasMethod && m.method == "":
		r.note(errShape(`"method" has to be a text that is not empty`))
	case r.hasMethod == m.response:
		r.note(errShape(`a message has either a "method", or a "result" or "error"`))
	case m.method == "tools/call" && m.name == "":
		r.note(errShape(`"params.name" has to be the name of a tool`))
	}
}

// top is a member of the message itself.
func (r *reader) top(key string) error {
	if key == "params" {
		if r.s.peek() == '{' {
			return r.s.object(2, true, r.param)
		}
		r.note(errShape(`"params" has to be an object`))
		return r.s.value(2)
	}
	value, err := r.s.raw(2)
	if err != nil {
		return err
	}
	switch key {
	case "jsonrpc":
		r.jsonrpc, _ = asString(value)
	case "id":
		if err := checkID(value); err != nil {
			r.note(err)
			return nil
		}
		r.m.id = value
	case "method":
		r.hasMethod = true
		r.m.method, _ = asString(value)
	case "result", "error":
		r.m.response = true
	default:
		r.exact(key, inMessage)
	}
	return nil
}

// param is a member of params.
func (r *reader) param(key string) error {
	if key == "_meta" && r.s.peek() == '{' {
		return r.s.object(3, false, r.meta)
	}
	value, err := r.s.raw(3)
	if err != nil {
		return err
	}
	switch key {
	case "name":
		var ok bool
		if r.m.name, ok = asString(value); !ok {
			r.note(errShape(`"params.name" has to be a text`))
		}
	case "arguments":
		if !bytes.Equal(value, null) {
			r.m.arguments = value
		}
	case "requestId":
		r.m.requestID = value
	case "clientInfo":
		if r.m.client == (client{}) {
			r.m.client = readClient(value)
		}
	case "protocolVersion":
		r.m.asked, _ = asString(value)
	case "capabilities":
		r.m.declares = elicitsURLs(value)
	case "cursor":
		r.m.cursor, _ = asString(value)
	case "requestState":
		r.m.state = readState(value)
	case "inputResponses":
		r.m.reply = readReply(value)
	case "_meta":
		if !bytes.Equal(value, null) {
			r.note(errShape(`"params._meta" has to be an object`))
		}
	default:
		r.exact(key, inParams)
	}
	return nil
}

// meta is a member of params._meta.
func (r *reader) meta(key string) error {
	value, err := r.s.raw(4)
	if err != nil {
		return err
	}
	switch key {
	case metaProtocolVersion:
		r.m.version, _ = asString(value)
	case metaClientInfo:
		r.m.client = readClient(value)
	case metaCapabilities:
		r.m.capabilities = value[0] == '{'
		r.m.elicits = elicitsURLs(value)
	case metaTraceparent:
		r.m.traceparent, _ = asString(value)
	case metaTracestate:
		r.m.tracestate, _ = asString(value)
	case metaProgressToken:
		if checkID(value) == nil {
			r.m.progress = value
		}
	case metaIdempotencyKey, metaIdempotencyKeyPlain:
		r.m.readIdempotencyKey(key, value)
	default:
		r.m.readToolCallID(key, value, r.toolCallIDs)
	}
	return nil
}

// exact refuses a key that equals one of the names but for its case: another
// parser would take it for that name.
func (r *reader) exact(key string, names []string) {
	for _, name := range names {
		if key != name && strings.EqualFold(key, name) {
			r.note(errShape(fmt.Sprintf("the key %q has to be spelled %q", key, name)))
		}
	}
}

var null = []byte("null")

// readToolCallID keeps the value if its key is better than what was there.
func (m *message) readToolCallID(key string, value []byte, keys []string) {
	for i, k := range keys {
		if k != key || m.rank != 0 && m.rank <= i+1 {
			continue
		}
		if id := idText(value); id != "" {
			m.toolCallID, m.rank = id, i+1
		}
		return
	}
}

// readIdempotencyKey keeps the key, or that there is one which is none. The name
// that is ours alone counts before the plain one.
func (m *message) readIdempotencyKey(key string, value []byte) {
	if m.keyed || bytes.Equal(value, null) {
		return
	}
	text, ok := asString(value)
	m.keyed = key == metaIdempotencyKey
	m.badKey = !ok || !idempotency.ValidKey(text)
	m.key = ""
	if !m.badKey {
		m.key = text
	}
}

// callKey is the client's own id of the call where it can stand for a key: a
// plain number is a count, which begins anew with the next conversation.
func (m *message) callKey() string {
	if strings.Trim(m.toolCallID, "0123456789") == "" || !idempotency.ValidKey(m.toolCallID) {
		return ""
	}
	return m.toolCallID
}

// checkID holds an id to MCP: a text or an integer, never null.
func checkID(value []byte) error {
	if len(value) > maxID {
		return errShape(`"id" is longer than 256 bytes`)
	}
	switch c := value[0]; {
	case c == '"':
		return nil
	case (c == '-' || c >= '0' && c <= '9') && !bytes.ContainsAny(value, ".eE"):
		return nil
	}
	return errShape(`"id" has to be a text or an integer`)
}

// idText is an id as a text: "7" for both 7 and "7"; "" for what is no id.
func idText(value []byte) string {
	if checkID(value) != nil {
		return ""
	}
	if text, ok := asString(value); ok {
		return label(text)
	}
	return string(value)
}

// asString is the text that a checked JSON value holds, if it is one.
func asString(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	return unquote(value), true
}
