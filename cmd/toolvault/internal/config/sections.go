package config

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minTimeout = time.Second
	maxTimeout = 10 * time.Minute
)

func (r *reader) server(n *node) {
	m := r.mapping(n, "server", "listen", "public_url", "allowed_hosts", "allowed_origins", "tool_call_id_keys", "metrics")
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
	r.metrics(m["metrics"])
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
		r.Keys.Master = r.reference(s, m["master"].at, "keys.master", kindEnv, kindFile, kindExec)
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
	s.OAuth = r.oauth(m["oauth"], field+".oauth")
	return s
}

func (r *reader) oauth(n *node, field string) OAuth {
	var o OAuth
	m := r.mapping(n, field, "client_id", "client_secret", "issuer", "auth_url", "token_url", "revoke_url", "scopes", "auth_style", "narrow", "concurrency")
	if raw, ok := r.text(m["client_id"], field+".client_id"); ok {
		o.ClientID = r.clientID(raw, m["client_id"].at, field+".client_id")
	}
	if raw, ok := r.text(m["client_secret"], field+".client_secret"); ok {
		o.ClientSecret = r.reference(raw, m["client_secret"].at, field+".client_secret", kindEnv, kindFile, kindExec)
	}
	for key := range m {
		if m["client_id"] == nil {
			r.fail(m[key].at, field, "%s needs a client_id beside it", key)
			break
		}
	}
	for key, to := range map[string]*string{"issuer": &o.Issuer, "auth_url": &o.AuthURL, "token_url": &o.TokenURL, "revoke_url": &o.RevokeURL} {
		raw, ok := r.text(m[key], join(field, key))
		if !ok {
			continue
		}
		var err error
		if *to, err = endpointURL(raw); err != nil {
			r.fail(m[key].at, join(field, key), "%v", err)
		}
	}
	if raw, ok := r.text(m["scopes"], field+".scopes"); ok {
		for _, w := range words(raw) {
			o.Scopes = append(o.Scopes, w.text)
		}
	}
	if style, ok := r.text(m["auth_style"], field+".auth_style"); ok {
		if !slices.Contains([]string{"basic", "body", "json"}, style) {
			r.fail(m["auth_style"].at, field+".auth_style", `this must be "basic" (HTTP Basic), "body" (form fields) or "json" (HTTP Basic and a JSON body)`)
		}
		o.AuthStyle = style
	}
	if narrow, ok := r.text(m["narrow"], field+".narrow"); ok {
		if !slices.Contains([]string{"refresh", "exchange"}, narrow) {
			r.fail(m["narrow"].at, field+".narrow", `this must be "refresh" (a refresh may ask for a narrower scope) or "exchange" (RFC 8693)`)
		}
		o.Narrow = narrow
	}
	if c := m["concurrency"]; c != nil {
		n, err := strconv.Atoi(c.text)
		if err != nil || n < 1 || n > 1000 {
			r.fail(c.at, field+".concurrency", "this must be a number from 1 to 1000: how many tokens are asked for at the same time")
		}
		o.Concurrency = n
	}
	return o
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
