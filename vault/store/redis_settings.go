package store

import (
	"context"
	"fmt"
	"strings"
)

// warnings looks at the settings on which durability hangs
// (redis.io/docs/latest/operate/oss_and_stack/management/persistence). Where
// CONFIG is forbidden, as with most hosted Redis, INFO still tells of the first.
func (s *redisStore) warnings(ctx context.Context) []string {
	set, err := await(ctx, s, func(ctx context.Context) (map[string]string, error) {
		all := map[string]string{}
		for _, name := range []string{"appendonly", "appendfsync", "maxmemory-policy"} {
			one, err := s.client.ConfigGet(ctx, name).Result()
			if err != nil {
				return nil, err
			}
			all[name] = one[name]
		}
		return all, nil
	})
	if err != nil {
		set = s.told(ctx)
	}
	var found []string
	warn := func(format string, args ...any) {
		found = append(found, s.where+": "+fmt.Sprintf(format, args...))
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
	return found
}

// told is what INFO says of the same settings.
func (s *redisStore) told(ctx context.Context) map[string]string {
	text, err := await(ctx, s, func(ctx context.Context) (string, error) {
		persistence, err := s.client.Info(ctx, "persistence").Result()
		if err != nil {
			return "", err
		}
		memory, err := s.client.Info(ctx, "memory").Result()
		return persistence + "\n" + memory, err
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
		}
	}
	return set
}
