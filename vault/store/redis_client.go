package store

import (
	"errors"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// RedisClient makes a client of the Redis that a URL names, for what is kept there
// beside a store: the URL has the forms that OpenRedis takes, without namespace and
// replicas, which say how a store keeps things. It connects when it is first used.
// where names the hosts. No error holds a password.
func RedisClient(url string) (client redis.UniversalClient, where string, err error) {
	scheme, _, _ := strings.Cut(url, "://")
	if !slices.Contains([]string{"redis", "rediss", "redis-sentinel", "redis-cluster"}, scheme) {
		return nil, "", errors.New("a URL of Redis begins with redis://, rediss://, redis-sentinel:// or redis-cluster://")
	}
	client, where, extra, err := redisClient(url)
	if err != nil {
		return nil, "", err
	}
	if extra.namespace != "" || extra.replicas >= 0 {
		_ = client.Close()
		return nil, "", errors.New("namespace and replicas are for storage.url: leave them out")
	}
	return client, where, nil
}

func redisClient(url string) (redis.UniversalClient, string, redisExtra, error) {
	o, extra, err := redisOptions(url)
	if err != nil {
		return nil, "", redisExtra{}, err
	}
	redis.SetLogger(quiet{}) // its own writes to stderr, past every setting of ours
	return redis.NewUniversalClient(o), "redis at " + strings.Join(o.Addrs, ", "), extra, nil
}
