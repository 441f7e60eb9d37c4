package transport

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/tools"
	"toolvault/tools/fault"
)

// answer is one JSON-RPC response on one line, and the HTTP status that goes
// with it.
type answer struct {
	status int
	body   []byte
}

// repeatMeta is the key of _meta that holds the id of the first call, where this
// one was a repeat.
const repeatMeta = "toolvault/repeat_of"

// untrustedMeta is the key of _meta that says that the result holds what others
// wrote: data, not instructions.
const untrustedMeta = "toolvault/untrusted"

// accountMeta and labelMeta are the keys of _meta that say whose account of the
// service acted: by the config's name for it, and by the service's.
const (
	accountMeta = "toolvault/account"
	labelMeta   = "toolvault/account_label"
)

// errorMeta is the key of _meta that holds what a program needs to know of a
// failure.
const errorMeta = "toolvault/error"

// failureMeta is what stands there.
type failureMeta struct {
	Kind       fault.Kind `json:"kind"`
	Retryable  bool       `json:"retryable"`
	RetryAfter int        `json:"retry_after_s,omitempty"` // seconds
	Needed     []string   `json:"needed_scopes,omitempty"`
	Status     int        `json:"upstream_status,omitempty"`
	Code       string     `json:"upstream_code,omitempty"`
	Link       string     `json:"link,omitempty"`
}

// result is the answer to a call that was made (CallToolResult). It is written
// by hand since every call pays for it.
func (c *core) result(m *message, r tools.Result) answer {
	b := make([]byte, 0, 512+2*len(r.Text)+len(r.Structured))
	b = append(b, `{"jsonrpc":"2.0","id":`...)
	b = append(b, m.id...)
	b = append(b, `,"result":{`...)
	if m.modern() {
		b = append(b, `"resultType":"complete",`...)
	}
	b = append(b, `"content":[`...)
	text := r.Text
	switch {
	case r.Failure != nil:
		text = failureText(r.Failure)
	case text == "" && len(r.Content) == 0:
		text = string(r.Structured)
	}
	if r.Account.OfMany {
		text = strings.TrimSuffix("Account: "+r.Account.String()+"\n"+text, "\n")
	}
	if text != "" || len(r.Content) == 0 {
		b = append(b, `{"type":"text","text":`...)
		b = appendText(b, text)
		b = append(b, '}')
	}
	for i, content := range r.Content {
		if i > 0 || text != "" {
			b = append(b, ',')
		}
		b = appendContent(b, content)
	}
	b = append(b, ']')
	if r.Failure != nil {
		b = append(b, `,"isError":true`...)
	} else if len(r.Structured) > 0 {
		b = append(b, `,"structuredContent":`...)
		b = appendJSON(b, r.Structured)
	}
	b = append(b, `,"_meta":{"call_id":`...)
	b = appendText(b, r.CallID)
	if r.Untrusted {
		b = append(b, `,"`+untrustedMeta+`":true`...)
	}
	if r.RepeatOf != "" {
		b = append(b, `,"`+repeatMeta+`":`...)
		b = appendText(b, r.RepeatOf)
	}
	if r.Account.Name != "" {
		b = append(b, `,"`+accountMeta+`":`...)
		b = appendText(b, r.Account.Name)
	}
	if r.Account.Label != "" {
		b = append(b, `,"`+labelMeta+`":`...)
		b = appendText(b, r.Account.Label)
	}
	if r.Failure != nil {
		b = append(b, `,"`+errorMeta+`":`...)
		b = append(b, failureJSON(r.Failure)...)
	}
	if m.modern() {
		b = append(b, `,"`+mcp.MetaKeyServerInfo+`":`...)
		b = append(b, c.self...)
	}
	b = append(b, "}}}"...)
	return answer{status: http.StatusOK, body: b}
}

// failureText is a failure as the model reads it: the sentence, and whether
// trying again can help.
func failureText(f *fault.Error) string {
	var b strings.Builder
	b.WriteString(f.Message)
	if f.Link != "" {
		b.WriteString(askInText(f))
	}
	fmt.Fprintf(&b, "\n(%s", f.Kind)
	switch {
	case f.Retryable && f.RetryAfter > 0:
		fmt.Fprintf(&b, "; may be tried again in %d s", seconds(f))
	case f.Retryable:
		b.WriteString("; may be tried again")
	case f.Kind == fault.NeedsConsent: // it says itself what helps
	case f.Kind != fault.UpstreamUnavailable && f.Kind != fault.Timeout && f.Kind != fault.UpstreamError:
		b.WriteString("; trying the same again will not help")
	}
	if len(f.Needed) > 0 {
		fmt.Fprintf(&b, "; needs the scope %s", strings.Join(f.Needed, " "))
	}
	b.WriteString(")")
	return b.String()
}

func seconds(f *fault.Error) int { return int(math.Ceil(f.RetryAfter.Seconds())) }

func failureJSON(f *fault.Error) []byte {
	b, err := json.Marshal(failureMeta{
		Kind: f.Kind, Retryable: f.Retryable, RetryAfter: seconds(f),
		Needed: f.Needed, Status: f.Status, Code: f.Code, Link: f.Link,
	})
	if err != nil {
		return []byte("{}") // texts and numbers always marshal
	}
	return b
}

// appendContent writes one ContentBlock.
func appendContent(b []byte, c tools.Content) []byte {
	field := func(name, value string) {
		b = append(b, `,"`+name+`":`...)
		b = appendText(b, value)
	}
	b = append(b, `{"type":`...)
	b = appendText(b, c.Type)
	switch c.Type {
	case "image", "audio":
		field("data", base64.StdEncoding.EncodeToString(c.Data))
		field("mimeType", c.MIME)
	case "resource":
		b = append(b, `,"resource":{"uri":`...)
		b = appendText(b, c.URI)
		if c.MIME != "" {
			field("mimeType", c.MIME)
		}
		if c.Data != nil {
			field("blob", base64.StdEncoding.EncodeToString(c.Data))
		} else {
			field("text", c.Text)
		}
		b = append(b, '}')
	default:
		field("text", c.Text)
	}
	return append(b, '}')
}

// appendText writes a JSON string. Only what has to be escaped is.
func appendText(b []byte, s string) []byte {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text always encodes
	return append(b, bytes.TrimRight(buf.Bytes(), "\n")...)
}

// appendJSON writes a JSON value without line breaks, which end a message on
// stdio.
func appendJSON(b []byte, value json.RawMessage) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(b, value...)
	}
	var buf bytes.Buffer
	if json.Compact(&buf, value) != nil {
		return append(b, "null"...)
	}
	return append(b, buf.Bytes()...)
}

// unknownTool is the answer for a tool that does not exist or that the caller may
// not see; nothing tells which ("Tools", section "Error Handling").
func unknownTool(m *message, hint, callID string) answer {
	text := "There is no tool of that name. Ask for the list of tools (tools/list) and choose one of those."
	if hint != "" {
		text = "There is no tool of that name. Did you mean " + hint + "?"
	}
	return rpcError(m, statusOf(m, mcp.INVALID_PARAMS), mcp.INVALID_PARAMS, text, map[string]any{"call_id": callID})
}

// rpcError is a JSON-RPC error response. A message whose id could not be read is
// answered with null (JSON-RPC 2.0 section 5).
func rpcError(m *message, status, code int, text string, data any) answer {
	b := []byte(`{"jsonrpc":"2.0","id":`)
	if m != nil && m.id != nil {
		b = append(b, m.id...)
	} else {
		b = append(b, null...)
	}
	b = append(b, `,"error":{"code":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, `,"message":`...)
	b = appendText(b, text)
	if data != nil {
		if d, err := json.Marshal(data); err == nil {
			b = append(b, `,"data":`...)
			b = append(b, d...)
		}
	}
	return answer{status: status, body: append(b, "}}"...)}
}
