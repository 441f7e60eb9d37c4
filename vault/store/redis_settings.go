package store

import (
	"context"
	"fmt"
	"strings"
)

// warnings looks at the settings on which durability hangs
// (redis.io/docs/latest/operate/oss_and_stack/management/persistence), on the
// server that holds the records. Where CONFIG is forbidden, as with most hosted
// Redis, INFO still tells of most.
func (s *redisStore) warnings(ctx context.Context) (where string, found []string) {
	set, err := await(ctx, s, func(ctx context.Context) (map[string]string, error) {
		node, err := s.owner(ctx)
		if err != nil {
			return nil, err
		}
		all := map[string]string{}
		for _, name := range []string{"appendonly", "appendfsync", "maxmemory-policy"} {
			one, err := node.ConfigGet(ctx, name).Result()
			if err != nil {
				return nil, err
			}
			all[name] = one[name]
		}
		return all, nil
	})
	told := s.told(ctx)
	if err != nil {
		set = told
	}
	warn := func(format string, args ...any) {
		found = append(found, fmt.Sprintf(format, args...))
	}
	switch fsync := set["appendfsync"]; {
	case set["appendonly"] == "no":
		warn("appendonly is no: a crash of Redis loses what was written since its last snapshot, among it tokens that a service has just renewed; set appendonly yes and appendfsync always")
	case set["appendonly"] == "yes" && fsync != "" && fsync != "always":
		warn("appendfsync is %s: a crash of Redis may lose writes that it has acknowledged, among them tokens that a service has just renewed; set appendfsync always", fsync)
	}
	if policy := set["maxmemory-policy"]; policy != "" && policy != "noeviction" {
		warn("maxmemory-policy is %s: Redis may throw out credentials when its memory is full; set maxmemory-policy noeviction", policy)
	}
	if n := told["connected_slaves"]; n != "" && n != "0" && s.replicas < 0 {
		warn("Redis has replicas (%s) and no write waits for them: a failover may lose the last ones, among them tokens that a service has just renewed; add ?replicas=1 to the storage url, or ?replicas=0 to accept it", n)
	}
	return s.where, found
}

// told is what INFO says of the same settings, and how many replicas there are.
func (s *redisStore) told(ctx context.Context) map[string]string {
	text, err := await(ctx, s, func(ctx context.Context) (string, error) {
		node, err := s.owner(ctx)
		if err != nil {
			return "", err
		}
		var all strings.Builder
		for _, section := range []string{"persistence", "memory", "replication"} { // several at once from Redis 7 on
			one, err := node.Info(ctx, section).Result()
			if err != nil {
				return "", err
			}
			all.WriteString(one + "\n")
		}
		return all.String(), nil
	})
	if err != nil {
		return nil
	}
	set := map[string]string{}
	for line := range strings.Lines(text) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "aof_enabled":
			set["appendonly"] = map[string]string{"0": "no", "1": "yes"}[value]
		case "maxmemory_policy":
			set["maxmemory-policy"] = value
		case "connected_slaves":
			set[name] = value
		}
	}
	return set
}
