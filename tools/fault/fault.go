// Package fault is how a call fails: a stable kind for programs, one sentence
// that tells a model what to do next, and whether trying again can help.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is the stable name of a class of failure.
type Kind string

// The kinds. Clients and dashboards rely on these names.
const (
	InvalidArguments    Kind = "invalid_arguments"
	NotPermitted        Kind = "not_permitted"
	NeedsConsent        Kind = "needs_consent"
	CredentialInvalid   Kind = "credential_invalid"
	RateLimited         Kind = "rate_limited"
	UpstreamError       Kind = "upstream_error"
	UpstreamUnavailable Kind = "upstream_unavailable"
	Timeout             Kind = "timeout"
	NotFound            Kind = "not_found"
	Conflict            Kind = "conflict"
	Internal            Kind = "internal"

	// Cancelled is for the log: whoever cancelled hears no answer.
	Cancelled Kind = "cancelled"
)

// Error is a failed call.
type Error struct {
	Kind       Kind
	Message    string        // one or two sentences for the model: what happened, what to do next
	Retryable  bool          // the same call may succeed later
	RetryAfter time.Duration // when, where the service said so; 0: unknown
	Status     int           // the upstream's HTTP status; 0: none
	Code       string        // the upstream's own error code, e.g. "channel_not_found"
	Needed     []string      // scopes that would have been needed
	Link       string        // a page that a person must open, e.g. to consent
	NotSent    bool          // the service says, or it is certain, that nothing happened: a write may be tried again
	Cause      error         // for the log, never for the model
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Kind, e.Message, e.Cause)
	}
	return fmt.Sprintf("%s: %s", e.Kind, e.Message)
}

func (e *Error) Unwrap() error { return e.Cause }

// New returns an error of the kind; whether a retry can help follows from it.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{
		Kind:      kind,
		Message:   fmt.Sprintf(format, args...),
		Retryable: kind == RateLimited || kind == UpstreamUnavailable || kind == Timeout,
	}
}

// Wrong is an invalid_arguments that was found before anything was sent.
func Wrong(format string, args ...any) *Error {
	e := New(InvalidArguments, format, args...)
	e.NotSent = true
	return e
}

// Because sets the cause and returns e.
func (e *Error) Because(cause error) *Error {
	e.Cause = cause
	return e
}

// From turns any error into one of this package: an *Error in the chain as it
// is, the end of a context into a timeout, all else into internal, whose cause
// the model does not see.
func From(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return New(Timeout, "The call took too long and was stopped. Ask for less, or try again.").Because(err)
	case errors.Is(err, context.Canceled):
		return New(Cancelled, "The call was cancelled.").Because(err)
	}
	return New(Internal, "Something went wrong inside toolvault; the operator can find the cause in the log by this call id.").Because(err)
}
