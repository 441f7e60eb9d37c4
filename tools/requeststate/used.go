package requeststate

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"toolvault/vault/store"
)

const (
	prefix = "request-state/" // of records in the store
	// sweepAfter is how long after its end the use of a state stays on record: a
	// clock that is set back by less does not let a state be used again.
	sweepAfter  = 24 * time.Hour
	sweepAtOnce = 8 // records: more than one use adds
	sweepFor    = 2 * time.Second
)

// name is where the use of the state stands on record. In order of names, what
// ends first comes first.
func (t *content) name() string {
	return fmt.Sprintf("%s%012d/%s", prefix, t.Ends, hex.EncodeToString(t.ID))
}

// use puts on record that the state was used by the call: store.ErrConflict if
// another one has used it.
func (s *States) use(ctx context.Context, t *content, callID string) error {
	// It does not end with the caller: a write that is broken off may have been
	// done, and nobody would know.
	ctx = context.WithoutCancel(ctx)
	err := s.store.Put(ctx, store.Item{Key: t.name(), Version: 1, Value: []byte(callID)}, nil)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	// A store that asks its server again after a broken connection may meet what
	// it has written itself.
	item, gerr := s.store.Get(ctx, t.name())
	if gerr == nil && string(item.Value) == callID {
		return nil
	}
	return err
}

// sweep removes the records of states that have ended. What is left over does no
// harm, and is the next one's to remove.
func (s *States) sweep(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepFor)
	defer cancel()
	items, err := s.store.List(ctx, prefix, "", sweepAtOnce)
	if err != nil {
		return
	}
	for _, item := range items {
		ends, _, _ := strings.Cut(strings.TrimPrefix(item.Key, prefix), "/")
		seconds, err := strconv.ParseInt(ends, 10, 64)
		if err != nil || now.Before(time.Unix(seconds, 0).Add(sweepAfter)) {
			return
		}
		if err := s.store.Forget(ctx, item.Key, item.Version); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return
		}
	}
}
