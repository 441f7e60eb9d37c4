package transport

import (
	"context"
	"log/slog"
	"net/http"

	"toolvault/auth"
	"toolvault/tools"
)

// The gateway of the product fits.
var _ Gateway = (*tools.Gateway)(nil)

func (b *bed) options(change ...func(*Options)) Options {
	o := Options{
		Gateway: b.gateway, Name: "toolvault", Version: "1.2.3",
		Auth: people{
			alice: identity(b.t, "alice", "notes:read"),
			bob:   identity(b.t, "bob", "notes:write"),

			// Known, but not what a bearer token may look like.
			"token with spaces": identity(b.t, "mallory", "notes:write"),
			"tökén":             identity(b.t, "mallory", "notes:write"),
		},
		Logger:  slog.New(slog.NewTextHandler(b.logs, nil)),
		MaxBody: 64 << 10,
		Scopes:  func() []string { return []string{"notes:read", "notes:write"} },
		Refused: func(_ context.Context, reason string, _ *http.Request) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused = append(b.refused, reason)
		},
		Denied: func(_ context.Context, id auth.Identity, c tools.Call, needed string) string {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.denied = append(b.denied, id.Agent+" "+c.Tool+" "+needed)
			return "denied-call"
		},
	}
	for _, f := range change {
		f(&o)
	}
	return o
}
