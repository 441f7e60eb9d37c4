package transport

import (
	"context"
	"fmt"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/auth"
	"toolvault/tools"
)

const maxBatch = 32 // messages in one array

// parseBatch reads an array of messages (JSON-RPC 2.0 section 6), which servers
// of 2025-03-26 have to take and later versions do not know. A message that is
// none stands as its error.
func parseBatch(data []byte, toolCallIDs []string) (messages []*message, errs []error, err error) {
	if err := checkText(data); err != nil {
		return nil, nil, err
	}
	s := &scanner{data: data}
	s.space()
	err = s.elements(0, func() error {
		if len(messages) == maxBatch {
			return errShape(fmt.Sprintf("an array holds at most %d messages", maxBatch))
		}
		raw, err := s.raw(1)
		if err != nil {
			return err
		}
		m, err := parse(raw, toolCallIDs)
		if err == nil && m.method == "initialize" {
			err = errShape("initialize stands alone")
		}
		if err == nil && m.modern() {
			err = errShape("the protocol version " + label(m.version) + " has no arrays of messages")
		}
		messages, errs = append(messages, m), append(errs, err)
		return nil
	})
	if err == nil {
		err = s.end()
	}
	if err == nil && len(messages) == 0 {
		err = errShape("the array is empty")
	}
	return messages, errs, err
}

// serveBatch answers an array over HTTP. A call that lacks a scope refuses all of
// them, before any is dispatched: the answer is one HTTP status.
func (h *handler) serveBatch(w http.ResponseWriter, r *http.Request, id auth.Identity, body []byte, from arrival) {
	version := r.Header.Values(mcp.HeaderProtocolVersion)
	if len(version) > 1 || !batches(r.Header.Get(mcp.HeaderProtocolVersion)) {
		plainError("This protocol version has no arrays of messages: send them one by one.").write(w)
		return
	}
	messages, errs, err := parseBatch(body, h.ToolCallIDKeys)
	if err != nil {
		unreadable(nil, err).write(w)
		return
	}
	calls := make([]tools.Call, len(messages))
	for i, m := range messages {
		if errs[i] != nil || !m.request() || m.method != "tools/call" || h.fixture(m.name) {
			continue
		}
		calls[i] = h.newCall(id, m, h.clientOf(m, r), from)
		if needed, missing := h.Gateway.Missing(id, calls[i]); missing {
			h.insufficient(w, r, id, m, calls[i], needed)
			return
		}
	}
	a := h.answerBatch(r.Context(), id, messages, errs, calls)
	if a == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	a.write(w)
}

// answerBatch answers the messages one after another; nil if none wants an
// answer.
func (c *core) answerBatch(ctx context.Context, id auth.Identity, messages []*message, errs []error, calls []tools.Call) *answer {
	body := []byte{'['}
	for i, m := range messages {
		var a *answer
		switch {
		case errs[i] != nil:
			bad := unreadable(m, errs[i])
			a = &bad
		case !m.request():
			continue
		case calls[i].Tool != "":
			done := c.call(ctx, id, m, calls[i])
			a = &done
		default:
			a = c.other(ctx, id, m)
		}
		if a == nil {
			continue
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		body = append(body, a.body...)
	}
	if len(body) == 1 {
		return nil
	}
	return &answer{status: http.StatusOK, body: append(body, ']')}
}
