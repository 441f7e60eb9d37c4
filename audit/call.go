package audit

import "context"

// Call names the call for which something is done on the way: a refresh of its
// credential, say, so that the record of that tells whose it was.
type Call struct {
	ID            string // CallID of its records
	CorrelationID string // of them too
}

type callKey struct{}

// WithCall returns a context that carries the call.
func WithCall(ctx context.Context, c Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallOf is the call that a context carries; zero where something is done for none,
// as in the background.
func CallOf(ctx context.Context) Call {
	c, _ := ctx.Value(callKey{}).(Call)
	return c
}
