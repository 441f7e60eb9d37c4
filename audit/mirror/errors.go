package mirror

import (
	"fmt"
	"net/http"
	"time"
)

// Later is a place that cannot take a lot now.
type Later struct {
	After time.Duration // when it wants to be asked again; 0: it did not say
	Err   error
}

func (e *Later) Error() string { return e.Err.Error() }
func (e *Later) Unwrap() error { return e.Err }

// TooLarge is a lot that is more than a place takes at once.
type TooLarge struct{ Err error }

func (e *TooLarge) Error() string { return e.Err.Error() }
func (e *TooLarge) Unwrap() error { return e.Err }

// Refused is a lot with something in it that a place will never take.
type Refused struct{ Err error }

func (e *Refused) Error() string { return e.Err.Error() }
func (e *Refused) Unwrap() error { return e.Err }

// Partly is a lot that a place has taken but for some records, without saying
// which. It is not sent again.
type Partly struct {
	Rejected int64 // records
	Err      error
}

func (e *Partly) Error() string { return e.Err.Error() }
func (e *Partly) Unwrap() error { return e.Err }

// Closed is a place that refuses the mirror itself: somebody has to mend the
// configuration here or there.
type Closed struct{ Err error }

func (e *Closed) Error() string { return e.Err.Error() }
func (e *Closed) Unwrap() error { return e.Err }

// Behind is a place that has lost records which it had acknowledged, or never had
// them: it needs all from Next on before it can take the lot.
type Behind struct{ Next int64 }

func (e *Behind) Error() string { return fmt.Sprintf("it has no record from %d on", e.Next) }

// ByStatus gives an error its class by the status of HTTP that a place answered
// with; 0 is no answer. after is its Retry-After.
func ByStatus(status int, after time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case status == http.StatusRequestEntityTooLarge:
		return &TooLarge{err}
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return &Refused{err}
	case status == 0, status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return &Later{after, err}
	}
	return &Closed{err}
}
