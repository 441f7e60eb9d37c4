package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	minTimeout = time.Second
	maxTimeout = 10 * time.Minute
)

func (r *reader) server(n *node) {
	m := r.mapping(n, "server", "listen", "public_url", "allowed_hosts", "allowed_origins", "tool_call_id_keys")
	if s, ok := r.text(m["listen"], "server.listen"); ok {
		if err := checkListen(s); err != nil {
			r.fail(m["listen"].at, "server.listen", "%v", err)
		}
		r.Server.Listen = s
	}
	if s, ok := r.text(m["public_url"], "server.public_url"); ok {
		var err error
		if r.Server.PublicURL, err = publicURL(s); err != nil {
			r.fail(m["public_url"].at, "server.public_url", "%v", err)
		}
	}
	r.Server.AllowedHosts = r.texts(m["allowed_hosts"], "server.allowed_hosts", allowedHost)
	r.Server.AllowedOrigins = r.texts(m["allowed_origins"], "server.allowed_origins", origin)
	r.Server.ToolCallIDKeys = r.texts(m["tool_call_id_keys"], "server.tool_call_id_keys", func(s string) (string, error) {
		if len(s) > 128 || strings.ContainsAny(s, " \t\n") {
			return "", errors.New("a key of _meta has at most 128 characters and no spaces")
		}
		return s, nil
	})
}

func (r *reader) storage(n *node) {
	const field = "storage.url"
	m := r.mapping(n, "storage", "url")
	s, ok := r.text(m["url"], field)
	if !ok {
		return
	}
	at := m["url"].at
	switch scheme, rest, _ := strings.Cut(s, ":"); scheme {
	case "env":
		r.Storage.URL = r.reference(s, at, field, kindEnv)
	case "file":
		path, err := folder(rest)
		if err != nil {
			r.fail(at, field, "%v", err)
			return
		}
		r.Storage.URL = "file:" + r.absolute(path)
	case "redis", "rediss", "redis-sentinel", "redis-cluster":
		if err := checkRedis(s); err != nil {
			r.fail(at, field, "%v", err)
			return
		}
		r.Storage.URL = s
	default:
		r.fail(at, field, `this must be "file:DIR", "redis://HOST", "rediss://HOST", "redis-sentinel://HOST", "redis-cluster://HOST" or "env:NAME"`)
	}
}

func (r *reader) keys(n *node) {
	m := r.mapping(n, "keys", "master")
	if s, ok := r.text(m["master"], "keys.master"); ok {
		r.Keys.Master = r.reference(s, m["master"].at, "keys.master", kindEnv, kindFile)
	}
}

func (r *reader) services(n *node) {
	for _, p := range r.pairs(n, "services", "a mapping from the name of a service to its settings") {
		field := join("services", key(p.key))
		if !r.checkService(p.key, p.at, field) {
			continue
		}
		r.Services[p.key] = r.service(p.value, field)
	}
}

func (r *reader) service(n *node, field string) Service {
	var s Service
	m := r.mapping(n, field, "base_url", "oauth", "timeout")
	if raw, ok := r.text(m["base_url"], field+".base_url"); ok {
		var err error
		if s.BaseURL, err = baseURL(raw); err != nil {
			r.fail(m["base_url"].at, field+".base_url", "%v", err)
		}
	}
	if raw, ok := r.text(m["timeout"], field+".timeout"); ok {
		d, err := time.ParseDuration(raw)
		if err != nil || d < minTimeout || d > maxTimeout {
			r.fail(m["timeout"].at, field+".timeout", `this must be a duration from 1s to 10m, such as "30s"`)
		}
		s.Timeout = d
	}
	field += ".oauth"
	o := r.mapping(m["oauth"], field, "client_id", "client_secret")
	if raw, ok := r.text(o["client_id"], field+".client_id"); ok {
		s.OAuth.ClientID = r.clientID(raw, o["client_id"].at, field+".client_id")
	}
	if raw, ok := r.text(o["client_secret"], field+".client_secret"); ok {
		s.OAuth.ClientSecret = r.reference(raw, o["client_secret"].at, field+".client_secret", kindEnv, kindFile)
	}
	if o["client_secret"] != nil && o["client_id"] == nil {
		r.fail(o["client_secret"].at, field, "client_secret needs a client_id beside it")
	}
	return s
}

// checkService reports a service that the program does not know.
func (r *reader) checkService(name string, at Position, field string) bool {
	if r.known.Catalogs[name] != nil {
		return true
	}
	all := slices.Sorted(maps.Keys(r.known.Catalogs))
	hint := didYouMean(name, all)
	if hint == "" && len(all) > 0 {
		hint = "; the services are " + strings.Join(all, ", ")
	}
	r.fail(at, field, "there is no service %s%s", show(name), hint)
	return false
}
