package auth

import (
	"context"
	"errors"
)

// whose adds to a refusal whose token it was. Each refusal is a value of its own.
func whose(err error, id Identity) error {
	var e *TokenError
	if errors.As(err, &e) {
		e.Who = id
	}
	return err
}

type refusedKey struct{}

// WithRefused returns a context that carries whose token was refused, for the
// record of that. Nobody may call with it.
func WithRefused(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, refusedKey{}, id)
}

// RefusedOf is what WithRefused has put there; zero where nobody knows.
func RefusedOf(ctx context.Context) Identity {
	id, _ := ctx.Value(refusedKey{}).(Identity)
	return id
}
