package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// fail gives an error of Redis its class. A cancelled context stays what it is;
// a time that is up while the server is silent means that it is unavailable.
func (s *redisStore) fail(ctx context.Context, most time.Duration, err error) error {
	switch ended := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(ended, context.Canceled):
		return fmt.Errorf("store: %s: %w", s.where, ended)
	case ended != nil:
		return fmt.Errorf("%w: %s did not answer in time: %w", ErrUnavailable, s.where, ended)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s has not answered for %v: see whether it runs or hangs", ErrUnavailable, s.where, most)
	}
	if few := (fewReplicas{}); errors.As(err, &few) {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, s.where, few)
	}
	return fmt.Errorf("%w: %s: %s: %w", ErrUnavailable, s.where, s.hint(err), err)
}

// hint is what to do about an error.
func (s *redisStore) hint(err error) string {
	if errors.Is(err, redis.ErrClosed) {
		return "the store is closed"
	}
	for _, h := range []struct{ prefix, hint string }{
		{"WRONGPASS", "it refused the user and password of the storage url"},
		{"NOAUTH", "it refused the user and password of the storage url"},
		{"NOPERM", s.lacking()},
		{"READONLY", "it is a replica; name the master, or use redis-sentinel://"},
		{"NOREPLICAS", "it refuses writes, since fewer replicas are connected than its min-replicas-to-write asks for"},
		{"OOM", "its memory is full; give it more"},
		{"MISCONF", "it refuses writes, since it cannot save to its disk; see its log"},
		{"LOADING", "it is starting and reads its data; wait until it has"},
		{"MOVED", "it is a node of a Cluster: write redis-cluster:// and name several nodes"},
		{"CLUSTERDOWN", "a part of the Cluster is down; see CLUSTER INFO there"},
	} {
		if redis.HasErrorPrefix(err, h.prefix) {
			return h.hint
		}
	}
	switch text := err.Error(); {
	case strings.Contains(text, "executing the script can't"): // what Redis 7.0 says for NOPERM within a script
		return s.lacking()
	case errors.Is(err, io.EOF):
		return "it closed the connection; see whether it wants TLS, and the url should say rediss://"
	case strings.Contains(text, "all sentinels"):
		return "no sentinel knows the master of that name, or none can be reached; see the name in the storage url"
	case strings.Contains(text, "tls:"), strings.Contains(text, "x509:"):
		return "TLS failed; see its certificate and tls_ca, and whether the url should say rediss://"
	}
	return "see whether it runs and can be reached"
}

func (s *redisStore) lacking() string {
	return "its user lacks a right on " + s.names.tag + ":*; docs/run-on-redis.md has the ACL rule that is enough"
}
