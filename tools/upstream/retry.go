package upstream

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"toolvault/tools/fault"
)

const (
	maxAttempts   = 3
	firstBackoff  = 250 * time.Millisecond // doubled each time, less up to a half
	maxRetryAfter = 24 * time.Hour
)

// again decides whether the request is made once more after f, and waits until
// it is time. A request is repeated where the fault says that this can help, and
// that is safe: it only reads, or it is certain that nothing was done. An error
// ends the call in place of f.
func (c *Client) again(ctx context.Context, req *Request, f *fault.Error, attempt int) (bool, error) {
	if ctx.Err() != nil || attempt >= maxAttempts || c.streamed {
		return false, nil
	}
	if f.Kind == fault.CredentialInvalid { // whoever refuses a credential has done nothing
		if c.renewed {
			return false, nil
		}
		c.renewed = true
		began := time.Now()
		fresh, err := c.cred.Renew(ctx)
		c.trace.Step("renew the credential", began, time.Now())
		return fresh, err
	}
	if !f.Retryable || !req.Read && !f.NotSent {
		return false, nil
	}
	wait := max(f.RetryAfter, backoff(attempt))
	if wait > patience(ctx) {
		return false, nil // the caller can plan better with the answer than without
	}
	began := time.Now()
	err := c.pool.wait(ctx, wait)
	c.trace.Step("wait before the next attempt", began, time.Now())
	if err != nil {
		return false, fault.From(err)
	}
	return true, nil
}

// wait waits, and has the time pass for the limits even where a test does not
// wait for it.
func (p *Pool) wait(ctx context.Context, d time.Duration) error {
	began := time.Now()
	err := p.sleep(ctx, d)
	if cut := d - time.Since(began); err == nil && cut > 0 {
		p.limits.cut.Add(int64(cut))
	}
	return err
}

// backoff is exponential with jitter, so that callers who failed together do not
// come back together.
func backoff(attempt int) time.Duration {
	d := firstBackoff << (attempt - 1)
	return d/2 + rand.N(d/2)
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// RetryAfter reads the header of that name, RFC 9110 section 10.2.3: seconds or
// a date. 0 means that there is none; a day is the most.
func RetryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil {
		return min(time.Duration(max(0, min(n, 24*3600)))*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, min(time.Until(t), maxRetryAfter))
	}
	return 0
}
