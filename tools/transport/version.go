package transport

import (
	"net/http"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// modern reports whether the body names 2026-07-28 or later, the revisions
// without a handshake. Over HTTP the header has been held against it by then.
func (m *message) modern() bool { return mcp.IsModernProtocol(m.version) }

// statusOf is the HTTP status of a JSON-RPC error: 200 before 2026-07-28.
func statusOf(m *message, code int) int {
	if !m.modern() {
		return http.StatusOK
	}
	switch code {
	case mcp.METHOD_NOT_FOUND:
		return http.StatusNotFound
	case mcp.INTERNAL_ERROR:
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// checkVersion holds a message to the rules of the protocol version that it names
// in its body: it is one that we speak, and a request of a version without a
// handshake says what its client can do ("Overview", section "_meta").
func checkVersion(m *message) *answer {
	if !m.modern() {
		return nil
	}
	if !mcp.IsValidProtocolVersion(m.version) {
		return refuse(rpcError(m, http.StatusBadRequest, mcp.UNSUPPORTED_PROTOCOL_VERSION,
			"This server does not speak the protocol version "+label(m.version)+".",
			map[string]any{"supported": mcp.ValidProtocolVersions, "requested": label(m.version)}))
	}
	if m.request() && !m.capabilities {
		return refuse(rpcError(m, http.StatusBadRequest, mcp.INVALID_PARAMS, "missing or invalid _meta field "+metaCapabilities, nil))
	}
	return nil
}

func refuse(a answer) *answer { return &a }

// checkHeaders holds a POST to the version rules of HTTP: before 2026-07-28 the
// header, if there is one, has to name a version that we speak (2025-11-25,
// "Transports", section "Protocol Version Header"); from then on the headers
// repeat the body ("Streamable HTTP", section "Server Validation").
func checkHeaders(h http.Header, m *message) *answer {
	for _, name := range []string{mcp.HeaderProtocolVersion, mcp.HeaderMethod, mcp.HeaderName} {
		if len(h[name]) > 1 {
			return refuse(mismatch(m, name+" is sent twice"))
		}
	}
	header := h.Get(mcp.HeaderProtocolVersion)
	if !m.modern() && !mcp.IsModernProtocol(header) {
		if header != "" && m.method != "initialize" && !mcp.IsValidProtocolVersion(header) {
			return refuse(rpcError(m, http.StatusBadRequest, mcp.INVALID_REQUEST, "Unsupported protocol version: "+label(header), nil))
		}
		return nil
	}
	if m.response {
		return refuse(rpcError(m, http.StatusBadRequest, mcp.INVALID_REQUEST, "A client sends no responses in this protocol version.", nil))
	}
	switch {
	case h.Get(mcp.HeaderLastEventID) != "":
		return refuse(mismatch(m, "Last-Event-ID has no meaning here: send the request again"))
	case header == "":
		return refuse(mismatch(m, mcp.HeaderProtocolVersion+" is missing"))
	case m.version == "" && m.request():
		return refuse(rpcError(m, http.StatusBadRequest, mcp.INVALID_PARAMS, "missing or invalid _meta field "+metaProtocolVersion, nil))
	case m.version != "" && m.version != header:
		return refuse(mismatch(m, mcp.HeaderProtocolVersion+" does not match the body's "+metaProtocolVersion))
	case m.notification():
		return nil // no header rules are defined for them
	}
	if a := checkVersion(m); a != nil {
		return a
	}
	if h.Get(mcp.HeaderMethod) != m.method {
		return refuse(mismatch(m, mcp.HeaderMethod+" does not match the body's method"))
	}
	if m.method != "tools/call" {
		return nil // mcp-go compares the names of the others
	}
	if name, ok := mcp.DecodeHeaderValue(h.Get(mcp.HeaderName)); !ok || name != m.name {
		return refuse(mismatch(m, mcp.HeaderName+" does not match the name of the tool"))
	}
	return nil
}

func mismatch(m *message, what string) answer {
	return rpcError(m, http.StatusBadRequest, mcp.HEADER_MISMATCH, "Header mismatch: "+what+".", nil)
}

// batches reports whether a client of that protocol version may send several
// messages in one array: 2025-06-18 took that away again.
func batches(version string) bool {
	return slices.Contains([]string{"", mcp.ProtocolVersion20241105, mcp.ProtocolVersion20250326}, version)
}
