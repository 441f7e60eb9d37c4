package webhook

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// maxAfter bounds what a receiver may ask to wait.
const maxAfter = time.Hour

// Retry tries again what fails.
type Retry struct {
	Tries  int                         // 0: as long as the context lasts
	Wait   func(try int) time.Duration // after a try, from 0; nil: Backoff(1s, 5m)
	Failed func(try int, err error)    // hears of each try that failed, from 0; nil: nobody
}

// Do calls fn until it has no error, and returns the last error where the tries
// are used up, or the context's. A receiver that asks for it is left alone for
// longer, an hour at most.
func (r Retry) Do(ctx context.Context, fn func(context.Context) error) error {
	wait := r.Wait
	if wait == nil {
		wait = Backoff(time.Second, 5*time.Minute)
	}
	for try := 0; ; try++ {
		err := fn(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.Failed != nil {
			r.Failed(try, err)
		}
		if r.Tries > 0 && try+1 >= r.Tries {
			return err
		}
		t := time.NewTimer(max(wait(try), after(err)))
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
	}
}

// after is what a receiver asks to wait.
func after(err error) time.Duration {
	var s *StatusError
	if errors.As(err, &s) {
		return min(s.After, maxAfter)
	}
	return 0
}

// Backoff doubles from first up to most, and spreads what it says by a quarter,
// so that many that failed together do not come back together.
func Backoff(first, most time.Duration) func(try int) time.Duration {
	return func(try int) time.Duration {
		d := most
		if try < 32 && first<<try > 0 && first<<try < most {
			d = first << try
		}
		return d - time.Duration(rand.Int64N(int64(d)/4+1))
	}
}
