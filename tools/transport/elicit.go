package transport

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/requeststate"
)

// How a client is asked to have its user open a page (URL mode elicitation), by
// what it says that it can do:
//
//   - 2026-07-28 ("Multi Round-Trip Requests"): the answer to the call is what is
//     asked, and the client makes the call again with the user's reply.
//   - 2025-11-25 ("Elicitation", section "URL Elicitation Required Error"): the
//     answer is an error, and the client makes the call again when it likes.
//   - All others get a failure whose text has the link.

// questionID names the one thing that is asked.
const questionID = "consent"

// maxReplies bounds what is read of inputResponses, in bytes.
const maxReplies = 64 << 10

// elicitsURLs reports whether a client's capabilities, a JSON value that was
// checked, declare URL mode elicitation: elicitation.url is an object. No mode
// means forms only.
func elicitsURLs(capabilities []byte) bool {
	if !bytes.Contains(capabilities, []byte(`"elicitation"`)) {
		return false // nearly all clients
	}
	var all, modes map[string]json.RawMessage // keys count as they are spelled
	return json.Unmarshal(capabilities, &all) == nil &&
		json.Unmarshal(all["elicitation"], &modes) == nil &&
		bytes.HasPrefix(modes["url"], []byte("{"))
}

// elicitsSince reports whether the protocol version that was agreed upon knows
// URL mode elicitation.
func elicitsSince(asked string) bool {
	return mcp.NegotiateLegacyVersion(asked) >= mcp.ProtocolVersion20251125
}

// readReply is what the user said, of inputResponses; empty where nothing was
// said that is known, so that the question is asked again.
func readReply(value []byte) string {
	var all map[string]json.RawMessage
	if len(value) > maxReplies || json.Unmarshal(value, &all) != nil {
		return ""
	}
	var reply map[string]json.RawMessage
	if json.Unmarshal(all[questionID], &reply) != nil {
		return ""
	}
	switch action, _ := asString(reply["action"]); action {
	case tools.AnswerAccept, tools.AnswerDecline, tools.AnswerCancel:
		return action
	}
	return ""
}

// readState is a requestState, bounded; what is no text is none of ours, and is
// refused where it is opened.
func readState(value []byte) string {
	if bytes.Equal(value, null) {
		return ""
	}
	state, ok := asString(value)
	if !ok {
		state = string(value)
	}
	// A copy: what is kept must not hold the whole message.
	return strings.Clone(state[:min(len(state), requeststate.MaxSize+1)])
}

// mayAsk reports whether the client of the message can be asked to have a page
// opened. before says whether a client of an older version has declared it when
// it initialized.
func (m *message) mayAsk(before bool) bool {
	if m.modern() {
		return m.elicits
	}
	return before
}

// ask is the answer that asks the client, if there is something to ask it and it
// can be asked.
func (c *core) ask(m *message, r tools.Result) (answer, bool) {
	if r.Question == nil || r.Failure == nil || !m.asks {
		return answer{}, false
	}
	params := mcp.ElicitationParams{Mode: mcp.ElicitationModeURL, URL: r.Question.URL, Message: r.Question.Message}
	if !m.modern() {
		params.ElicitationID = r.CallID
		return rpcError(m, http.StatusOK, mcp.URL_ELICITATION_REQUIRED,
			r.Failure.Message+" Open the page that is shown with this, then call again with the same arguments.",
			map[string]any{"elicitations": []mcp.ElicitationParams{params}, "call_id": r.CallID, errorMeta: json.RawMessage(failureJSON(r.Failure))}), true
	}
	if r.Question.State == "" {
		return answer{}, false
	}
	question, err := json.Marshal(map[string]any{questionID: map[string]any{"method": mcp.MethodElicitationCreate, "params": params}})
	if err != nil {
		return answer{}, false // texts always marshal
	}
	b := append([]byte(`{"jsonrpc":"2.0","id":`), m.id...)
	b = append(b, `,"result":{"resultType":"input_required","inputRequests":`...)
	b = append(b, question...)
	b = append(b, `,"requestState":`...)
	b = appendText(b, r.Question.State)
	b = append(b, `,"_meta":{"call_id":`...)
	b = appendText(b, r.CallID)
	b = append(b, `,"`+errorMeta+`":`...)
	b = append(b, failureJSON(r.Failure)...)
	b = append(b, `,"`+mcp.MetaKeyServerInfo+`":`...)
	b = append(b, c.self...)
	return answer{status: http.StatusOK, body: append(b, "}}}"...)}, true
}

// askInText is the same for a client that cannot be asked: the model tells its
// user.
func askInText(f *fault.Error) string {
	return " Ask them to open this page, then call again with the same arguments: " + f.Link
}
