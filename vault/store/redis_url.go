package store

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisOptions reads a URL:
//
//	redis://[USER:PASSWORD@]HOST[:PORT][/DB]       one server; rediss:// with TLS
//	redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB]
//	redis-cluster://[USER:PASSWORD@]HOST[:PORT],…
//
// with what redisQuery knows behind a ?. It is read by hand, since a list of
// hosts is no URL for net/url, whose errors would quote the password.
func redisOptions(raw string) (*redis.UniversalOptions, redisExtra, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	user, hosts := "", authority
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		user, hosts = authority[:i], authority[i+1:]
	}
	o := &redis.UniversalOptions{
		ContextTimeoutEnabled:    true,        // else a deadline does not end a wait for a silent server
		DialTimeout:              time.Second, // leaves an operation time for another host
		DialerRetries:            1,           // the command is repeated instead
		ReadTimeout:              3 * time.Second,
		WriteTimeout:             3 * time.Second,
		MaxRetries:               2,
		DisableIdentity:          true, // CLIENT SETINFO is one right more, and no use to anybody
		IsClusterMode:            scheme == "redis-cluster",
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	var err error
	name, password, _ := strings.Cut(user, ":")
	if o.Username, err = url.PathUnescape(name); err == nil {
		o.Password, err = url.PathUnescape(password)
	}
	if err != nil {
		return nil, redisExtra{}, errors.New("the user or password has a % that begins no escape: write it as %25")
	}
	port := "6379"
	if scheme == "redis-sentinel" {
		port = "26379"
	}
	if o.Addrs, err = hostList(hosts, port); err != nil {
		return nil, redisExtra{}, err
	}
	if err := redisPath(o, scheme, path); err != nil {
		return nil, redisExtra{}, err
	}
	extra, err := redisQuery(o, query, scheme == "rediss")
	return o, extra, err
}

func redisPath(o *redis.UniversalOptions, scheme, path string) error {
	db := path
	switch scheme {
	case "redis-sentinel":
		o.MasterName, db, _ = strings.Cut(path, "/")
		if o.MasterName == "" {
			return errors.New("redis-sentinel:// needs the name of the master: redis-sentinel://HOST:26379/MASTER")
		}
	case "redis-cluster":
		if db != "" {
			return errors.New("a Redis Cluster has no numbered databases: leave out what follows the hosts")
		}
	default:
		if len(o.Addrs) > 1 {
			return fmt.Errorf("%s:// takes one host: for several write redis-sentinel:// or redis-cluster://", scheme)
		}
	}
	if db != "" {
		n, err := strconv.Atoi(db)
		if err != nil || n < 0 {
			return errors.New("the database must be a number, e.g. redis://HOST:6379/0")
		}
		o.DB = n
	}
	return nil
}

func hostList(hosts, port string) ([]string, error) {
	var addrs []string
	for h := range strings.SplitSeq(hosts, ",") {
		switch {
		case h == "":
			return nil, errors.New("it names no host, e.g. redis://127.0.0.1:6379/0")
		case strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]"): // IPv6 without a port
			h = net.JoinHostPort(strings.Trim(h, "[]"), port)
		case !strings.Contains(h, ":"):
			h = net.JoinHostPort(h, port)
		}
		_, p, err := net.SplitHostPort(h)
		if n, perr := strconv.Atoi(p); err != nil || perr != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%q is not HOST:PORT", h)
		}
		addrs = append(addrs, h)
	}
	return addrs, nil
}
