package store

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// Silence for so long is answered with a ping, and a second silence means that
// the connection is dead.
const watchSilence = 400 * time.Millisecond

// Watch subscribes to the channel on which writers tell what they changed. Each
// time a subscription begins, anything may have changed before.
func (s *redisStore) Watch(ctx context.Context) <-chan Event {
	events := make(chan Event, watchBatch)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(events)
		defer cancel()
		go func() {
			select {
			case <-s.closed:
				cancel()
			case <-ctx.Done():
			}
		}()
		for wait := watchPoll; ; wait = min(2*wait, 500*time.Millisecond) {
			if s.follow(ctx, events) {
				wait = watchPoll
			}
			if sleep(ctx, wait) != nil {
				return
			}
		}
	}()
	return events
}

// follow passes on what one subscription brings until it breaks, and reports
// whether it ever began.
func (s *redisStore) follow(ctx context.Context, events chan<- Event) (began bool) {
	sub := s.client.Subscribe(ctx, redisChanges)
	defer func() { _ = sub.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // the client does not notice a cancelled context
	defer stop()
	asked := false
	for {
		msg, err := sub.ReceiveTimeout(ctx, watchSilence)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout() && !asked:
			asked = true
			if sub.Ping(ctx) != nil {
				return began
			}
			continue
		case err != nil:
			return began
		}
		asked = false
		var e Event
		switch m := msg.(type) {
		case *redis.Subscription:
			began = true
		case *redis.Message:
			e.Key = m.Payload
		default:
			continue
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return began
		}
	}
}
