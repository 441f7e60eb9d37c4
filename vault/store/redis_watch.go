package store

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// Silence for so long is answered with a message of our own, and a second
	// silence means that the subscription is dead.
	watchSilence = 400 * time.Millisecond
	// watchBeat is that message. It is no key, since those have no control
	// characters.
	watchBeat = "\x00beat"
)

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
//
// A connection that lives proves nothing: after a failover it may be one to a
// master of before, which nobody writes to any more. So the message that breaks
// the silence takes the way that a writer's takes: through the client, which
// knows the master of now.
func (s *redisStore) follow(ctx context.Context, events chan<- Event) (began bool) {
	sub := s.client.Subscribe(ctx, s.names.changes)
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
			if s.beat(ctx) != nil {
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
			if m.Payload == watchBeat {
				continue
			}
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

func (s *redisStore) beat(ctx context.Context) error {
	_, err := awaitFor(ctx, s, watchSilence, func(ctx context.Context) (int64, error) {
		node, err := s.owner(ctx) // a Cluster would send it to any node, one that hangs too
		if err != nil {
			return 0, err
		}
		return node.Publish(ctx, s.names.changes, watchBeat).Result()
	})
	return err
}
