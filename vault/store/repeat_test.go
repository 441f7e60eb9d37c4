package store_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolvault/vault/store"
)

// TestRepeat: upkeep that fails is tried again, and said once each time; the end of the
// context is none of that.
func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var said bytes.Buffer
		var at []time.Duration
		start := time.Now()
		err := store.Repeat(ctx, time.Minute, func(context.Context) error {
			at = append(at, time.Since(start))
			if len(at) == 3 {
				cancel()
			}
			return errors.New("away")
		}, slog.New(slog.NewTextHandler(&said, nil)), "not done")
		if err != nil {
			t.Error(err)
		}
		if len(at) != 3 || at[0] < 30*time.Second || at[0] >= time.Minute || at[1]-at[0] != time.Minute || at[2]-at[1] != time.Minute {
			t.Errorf("done at %v", at)
		}
		if n := strings.Count(said.String(), `msg="not done" error=away`); n != 2 {
			t.Errorf("said %d times:\n%s", n, &said)
		}
	})
}
