package client

// InvalidError says what is wrong with a client: one sentence for whoever made it.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func invalid(reason string) error { return &InvalidError{Reason: reason} }
