package otlp

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Failure is a request that a collector has not taken.
type Failure struct {
	Status  int           // of HTTP; 0: it gave no answer
	After   time.Duration // when it wants to be asked again, an hour at most; 0: it did not say
	Message string        // what it said: one line, cut, without our headers
	Err     error         // where there is no status
}

func (e *Failure) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("the collector cannot be reached: %v", e.Err)
	case e.Message != "":
		return fmt.Sprintf("the collector answered HTTP %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("the collector answered HTTP %d", e.Status)
}

func (e *Failure) Unwrap() error { return e.Err }

// Temporary reports whether the same request should be sent again: there was no
// answer, or one of those that the specification lists as retryable.
func (e *Failure) Temporary() bool {
	switch e.Status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Partial is a request of which a collector has taken a part. Which part it does
// not say, and the specification forbids to send the request again.
type Partial struct {
	Rejected int64  // spans or log records that it has not taken
	Message  string // what it said, as in Failure
}

func (p *Partial) Error() string {
	if p.Message == "" {
		return fmt.Sprintf("the collector has refused %d of what was sent", p.Rejected)
	}
	return fmt.Sprintf("the collector has refused %d of what was sent: %s", p.Rejected, p.Message)
}

const (
	longestMessage = 200 // characters
	longestAfter   = time.Hour
)

// clean makes one line of what a collector says, without the secrets that were
// sent to it.
func (c *Client) clean(message string) string {
	for _, secret := range c.Headers {
		if !secret.Empty() {
			message = strings.ReplaceAll(message, secret.Reveal(), "[secret]")
		}
	}
	var b strings.Builder
	n := 0
	for _, r := range message {
		if !unicode.IsPrint(r) {
			r = ' '
		}
		if n++; n > longestMessage {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// retryAfter reads a Retry-After, in seconds or as a date (RFC 9110, section
// 10.2.3); a date is seen from the answer's own, since clocks differ.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, longestAfter)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(until.Sub(now), 0), longestAfter)
}
