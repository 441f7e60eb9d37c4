package auth

import "context"

// Sweep is what Run does every ten minutes.
func (t *Tokens) Sweep(ctx context.Context) error { return t.sweep(ctx) }

// Revocations is how many the process has in memory.
func (t *Tokens) Revocations() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.revoked)
}
