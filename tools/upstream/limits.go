package upstream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/vault/store/bucket"
)

// Limiter keeps the token buckets of known limits; a store.Store is one that all
// processes share. Errors are of the limiter: the request is then held against the
// limits that this process knows of.
type Limiter interface {
	// Spend takes up to want tokens and no wait, or one for which to wait for most
	// at most, or none (got is 0), and says how long it would have been.
	Spend(ctx context.Context, name string, rate bucket.Rate, want int, most time.Duration) (got int, wait time.Duration, err error)
	// Pause closes a bucket for a time.
	Pause(ctx context.Context, name string, d time.Duration) error
}

// spend takes a token of each limit that holds for the request, and waits until
// they are there: for half of what is left of the deadline. Where it would take
// longer, the request is not made.
func (c *Client) spend(ctx context.Context, req *Request) *fault.Error {
	limits := c.limits(req)
	if len(limits) == 0 || !c.health.mayEnter() {
		return nil
	}
	var wait time.Duration
	for _, l := range limits {
		rate := bucket.Rate{Burst: l.Burst, Every: l.Every}
		if err := rate.Check(); err != nil {
			f := fault.From(fmt.Errorf("the limit of %s: %w", c.endpoint.Service, err))
			f.NotSent = true
			return f
		}
		got, d := c.pool.limits.spend(ctx, bucketName(c.endpoint.Service, l.Key), rate, patience(ctx))
		if got == 0 {
			return c.spent(ctx, l, d)
		}
		wait = max(wait, d)
	}
	if wait <= 0 {
		return nil
	}
	if c.pool.waited != nil {
		c.pool.waited(c.endpoint.Service, wait)
	}
	began := time.Now()
	err := c.pool.wait(ctx, wait)
	c.trace.Step("wait for the rate limit", began, time.Now())
	if err != nil {
		f := fault.From(err)
		f.NotSent = true
		return f
	}
	return nil
}

// limits are those of the service's own servers: a double, or a proxy that an
// admin has put in their place, has others.
func (c *Client) limits(req *Request) []Limit {
	if c.endpoint.Limits == nil || c.endpoint.Private || c.pool.unlimited {
		return nil
	}
	return c.endpoint.Limits(c, req)
}

// heed has all who share the bucket of the narrowest limit wait for as long as the
// service has said in refusing the request.
func (c *Client) heed(ctx context.Context, req *Request, f *fault.Error) {
	if f == nil || f.Kind != fault.RateLimited || f.RetryAfter <= 0 {
		return
	}
	if limits := c.limits(req); len(limits) > 0 {
		c.pool.limits.pause(ctx, bucketName(c.endpoint.Service, limits[0].Key), f.RetryAfter)
	}
}

// spent is the fault of a request for which there will be no token in time. It has
// no Status: the service has not said it.
func (c *Client) spent(ctx context.Context, l Limit, wait time.Duration) *fault.Error {
	if ctx.Err() != nil {
		f := fault.From(ctx.Err())
		f.NotSent = true
		return f
	}
	says := l.Says
	if says == "" {
		says = fmt.Sprintf("%s takes %s such requests for this account", c.endpoint.Service, pace(l.Every))
	}
	f := fault.New(fault.RateLimited, "%s; they are used up for now. Nothing was sent. Try again in %s, or ask for more at once.", says, plainly(wait))
	f.RetryAfter = time.Duration(math.Ceil(wait.Seconds())) * time.Second
	f.NotSent = true
	return f
}

// pace is how often something happens, in a unit in which that is a number.
func pace(every time.Duration) string {
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"a second", time.Second}, {"a minute", time.Minute}, {"an hour", time.Hour}} {
		if every <= unit.d {
			return fmt.Sprintf("%.0f %s", float64(unit.d)/float64(every), unit.name)
		}
	}
	return fmt.Sprintf("%.0f a day", max(1, float64(24*time.Hour)/float64(every)))
}

// plainly is a wait in words.
func plainly(d time.Duration) string {
	if s := math.Ceil(d.Seconds()); s < 120 {
		return fmt.Sprintf("%.0f s", max(1, s))
	}
	return fmt.Sprintf("%.0f min", math.Ceil(d.Minutes()))
}

// maxKeyShown is how long a key may be to stand in the name of a bucket.
const maxKeyShown = 160

// bucketName names the bucket of a limit. What is long, or has more in it than
// names and ids have, goes by its digest.
func bucketName(service, key string) string {
	key = strings.TrimPrefix(key, service+" ")
	if len(key) <= maxKeyShown && strings.Trim(key, plainText) == "" {
		return service + " " + key
	}
	sum := sha256.Sum256([]byte(key))
	return service + " #" + hex.EncodeToString(sum[:16])
}

const plainText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._:-/()"
