package vault

import "fmt"

// reason is an error in words of its own that belongs to a kind. The kind is for
// errors.Is; in front of the words it would only say the same twice.
type reason struct{ kind, err error }

// because says why, in words, something of a kind cannot be done. What %w wraps
// stays wrapped.
func because(kind error, format string, args ...any) error {
	return &reason{kind, fmt.Errorf(format, args...)}
}

// Error implements error.
func (r *reason) Error() string { return r.err.Error() }

// Unwrap makes the error one of its kind and of what caused it.
func (r *reason) Unwrap() []error { return []error{r.kind, r.err} }
