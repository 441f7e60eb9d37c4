package auth

import "context"

// Sweep is what Run does every ten minutes.
func (t *Tokens) Sweep(ctx context.Context) error { return t.sweep(ctx) }
