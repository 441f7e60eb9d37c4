// Package webhook posts signed messages to somebody's URL, as
// standard-webhooks.com says: each message has an id that stays when it is sent
// again, a time, and an HMAC-SHA256 over id, time and body. The receiver tells
// repeats by the id, and refuses what is old or not signed.
//
// The URL may be a secret as well as the key (many receivers have a token in
// their path): no error of this package holds it.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"toolvault/vault"
)

// Media types of bodies.
const (
	JSON = "application/json"
	Text = "text/plain; charset=utf-8"
)

const (
	timeout   = 10 * time.Second // for one message
	maxAnswer = 64 << 10         // bytes that are read of an answer, which nobody looks at
)

// Hook is where messages go. It is a value that may be copied and used by many
// goroutines at once.
type Hook struct {
	URL    vault.Secret
	Secret vault.Secret // what the messages are signed with; empty: they are not

	Client *http.Client     // nil: NewClient(nil)
	Now    func() time.Time // nil: time.Now
}

// NewID makes the id of a message. Whoever can tell a message by something of its
// own, such as a record's index, makes the id of that instead, so that it stays
// the same after a restart too.
func NewID() string { return "msg_" + uuid.NewString() }

// StatusError is the answer of a receiver that did not take a message.
type StatusError struct {
	Code  int           // of HTTP
	After time.Duration // what it asks to wait (Retry-After); 0: it does not say
}

func (e *StatusError) Error() string { return fmt.Sprintf("it answered HTTP %d", e.Code) }

// RetryAfter is After, for those who do not know this package.
func (e *StatusError) RetryAfter() time.Duration { return e.After }

// Send posts one message once. A message that is sent again must have the same
// id. The error is a *StatusError for an answer that is not 2xx; redirects are
// such answers too, since a body must not go where the config did not send it.
func (h Hook) Send(ctx context.Context, contentType, id string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return errors.New("the address of the webhook is no URL")
	}
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	at := strconv.FormatInt(now().Unix(), 10)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "toolvault")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	if !h.Secret.Empty() {
		r.Header.Set("Webhook-Signature", "v1,"+sign(h.Secret, id, at, body))
	}
	client := h.Client
	if client == nil {
		client = NewClient(nil)
	}
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("it cannot be reached: %w", bareURL(err))
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return &StatusError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), now())}
	}
	return nil
}

// NewClient is a client for hooks: it gives up after ten seconds and follows no
// redirect. A nil transport is the default one, whose
// connections all share.
func NewClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func sign(key vault.Secret, id, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// bareURL is the error of a request without its URL.
func bareURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
