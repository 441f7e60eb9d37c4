package store

import "context"

// Warnings says, a sentence each, in what way the store is set up to promise
// less than the contract: that a write may be lost after it was acknowledged, or
// a record thrown out. It is for the log at the start. Nil: nothing is known to
// be wrong, which is all that can be said where the server does not tell.
func Warnings(ctx context.Context, s Store) []string {
	if w, ok := s.(interface {
		warnings(context.Context) []string
	}); ok {
		return w.warnings(ctx)
	}
	return nil
}
