package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
)

// session is how mcp-go sees the client of a stdio server: where its
// notifications go.
type session struct {
	notifications chan mcp.JSONRPCNotification
	initialized   atomic.Bool
}

func newSession() *session {
	return &session{notifications: make(chan mcp.JSONRPCNotification, 64)}
}

func (s *session) SessionID() string                                   { return "stdio" }
func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }
func (s *session) Initialize()                                         { s.initialized.Store(true) }
func (s *session) Initialized() bool                                   { return s.initialized.Load() }

// forward sends notifications until the context ends.
func (s *session) forward(ctx context.Context, send func(answer)) {
	for {
		select {
		case n := <-s.notifications:
			if done, ok := n.Params.AdditionalFields[flushed].(chan struct{}); ok {
				close(done)
			} else if body, err := json.Marshal(n); err == nil {
				send(answer{status: http.StatusOK, body: body})
			}
		case <-ctx.Done():
			return
		}
	}
}

// flushed marks what flush puts between the notifications; it is never sent.
const flushed = "toolvault/flushed"

// flush waits until all notifications up to now have been sent, so that those
// about a request come before its answer.
func (s *session) flush(ctx context.Context) {
	done := make(chan struct{})
	mark := mcp.JSONRPCNotification{}
	mark.Params.AdditionalFields = map[string]any{flushed: done}
	select {
	case s.notifications <- mark:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}
