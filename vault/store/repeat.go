package store

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Repeat does a piece of upkeep every so often until ctx ends, which is no error.
// What fails is logged as failed says, and done again. Processes that start together
// do not do it together: the first time comes after half of every and some of the
// other half.
func Repeat(ctx context.Context, every time.Duration, upkeep func(context.Context) error, log *slog.Logger, failed string) error {
	wait := time.NewTimer(every/2 + rand.N(every/2))
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		if err := upkeep(ctx); err != nil && ctx.Err() == nil {
			log.Warn(failed, "error", err)
		}
		wait.Reset(every)
	}
}
