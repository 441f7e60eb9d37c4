package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/issuer"
)

func (r *reader) client(n *node, field string) {
	m := r.mapping(n, field, "client_id", "name", "redirect_uris", "secret", "key", "jwks_url", "agents", "admin", "trusted")
	c := r.proof(m, field)
	id, ok := r.required(m["client_id"], n.at, join(field, "client_id"), "a client needs a client_id")
	switch {
	case !ok:
	case len(id) > 128 || strings.ContainsAny(id, " \t\n") || strings.Contains(id, "://"):
		r.fail(m["client_id"].at, join(field, "client_id"), "a client_id has at most 128 characters, without spaces; one that is a URL describes itself and need not be here")
	case slices.ContainsFunc(r.Auth.Clients, func(o OAuthClient) bool { return o.ID == id }):
		r.fail(m["client_id"].at, join(field, "client_id"), "there are two clients %s", show(id))
	default:
		c.ID = id
	}
	c.Name = r.short(m["name"], join(field, "name"), 100)
	c.Redirects = r.texts(m["redirect_uris"], join(field, "redirect_uris"), func(s string) (string, error) { return s, client.CheckRedirect(s) })
	if m["agents"] != nil {
		c.Agents = append([]string{}, r.texts(m["agents"], join(field, "agents"), agentName)...)
	}
	c.Admin = r.adminScopes(m["admin"], join(field, "admin"))
	c.Trusted = r.flag(m["trusted"], join(field, "trusted"))
	switch {
	case len(c.Redirects) == 0 && m["redirect_uris"] == nil && len(c.Admin) == 0:
		r.fail(n.at, field, "this client can do nothing: give redirect_uris for one that people let act, admin for a program that administers, or the agent's client under agents[].client for a program that is an agent")
	case m["redirect_uris"] == nil && c.public():
		r.fail(n.at, field, "a program that administers proves who it is: give it a key, a jwks_url or a secret")
	}
	r.Auth.Clients = append(r.Auth.Clients, c)
}

func (c OAuthClient) public() bool { return len(c.Secrets) == 0 && c.Key == "" && c.KeysURL == "" }

// proof reads how a client proves who it is.
func (r *reader) proof(m map[string]*node, field string) OAuthClient {
	var c OAuthClient
	n := 0
	if s := m["secret"]; s != nil {
		n++
		items, f := []*node{s}, join(field, "secret")
		if s.kind == list {
			items = r.list(s, f)
		}
		for i, item := range items {
			if len(items) > 1 {
				f = fmt.Sprintf("%s.secret[%d]", field, i)
			}
			if text, ok := r.text(item, f); ok {
				if ref := r.reference(text, item.at, f, kindEnv, kindFile, kindExec); ref != "" {
					c.Secrets = append(c.Secrets, ref)
				}
			}
		}
	}
	if s, ok := r.text(m["key"], join(field, "key")); ok {
		n++
		c.Key = r.reference(s, m["key"].at, join(field, "key"), kindFile)
	}
	if s, ok := r.text(m["jwks_url"], join(field, "jwks_url")); ok {
		n++
		var err error
		if c.KeysURL, err = endpointURL(s); err != nil {
			r.fail(m["jwks_url"].at, join(field, "jwks_url"), "%v", err)
		}
	}
	if n > 1 {
		r.fail(r.places[field], field, "a client proves who it is in one way: a key, a jwks_url or a secret")
	}
	return c
}

func agentName(s string) (string, error) {
	if !agentID.MatchString(s) {
		return "", errors.New("this must be the agentId of an agent")
	}
	return s, nil
}

func (r *reader) issuer(n *node, field string) {
	m := r.mapping(n, field, "issuer", "use", "audience", "jwks_url", "jwks_file", "algorithms", "plain_jwt", "introspection", "rules")
	i := Issuer{}
	i.URL, _ = r.required(m["issuer"], n.at, join(field, "issuer"), "whose tokens? give the issuer, as its tokens name it")
	i.SPIFFE = strings.HasPrefix(i.URL, "spiffe://")
	uses := []string{string(issuer.AccessTokens), string(issuer.Workloads), string(issuer.Assertions)}
	for _, use := range r.texts(m["use"], join(field, "use"), func(s string) (string, error) {
		if !slices.Contains(uses, s) {
			hint := didYouMean(s, uses)
			if hint == "" {
				hint = "; there are " + strings.Join(uses, ", ")
			}
			return "", fmt.Errorf("tokens are not taken for %s%s", show(s), hint)
		}
		return s, nil
	}) {
		i.Uses = append(i.Uses, issuer.Use(use))
	}
	if m["use"] == nil {
		r.fail(n.at, field, "what are its tokens taken for? give use, some of %s", strings.Join(uses, ", "))
	}
	i.Audience = r.short(m["audience"], join(field, "audience"), 512)
	i.KeysURL = r.short(m["jwks_url"], join(field, "jwks_url"), 2048)
	if s, ok := r.text(m["jwks_file"], join(field, "jwks_file")); ok {
		i.KeysFile = r.absolute(strings.TrimPrefix(s, kindFile+":"))
	}
	i.Algorithms = r.texts(m["algorithms"], join(field, "algorithms"), func(s string) (string, error) {
		if !slices.Contains(issuer.Algorithms(), s) {
			return "", fmt.Errorf("a signature is one of %s", strings.Join(issuer.Algorithms(), ", "))
		}
		return s, nil
	})
	i.PlainJWT = r.flag(m["plain_jwt"], join(field, "plain_jwt"))
	if in := m["introspection"]; in != nil {
		f := join(field, "introspection")
		im := r.mapping(in, f, "url", "client_id", "client_secret")
		i.Introspect = &issuer.Introspection{}
		i.Introspect.URL, _ = r.required(im["url"], in.at, join(f, "url"), "where is it asked? give the url of its introspection endpoint")
		if s, ok := r.required(im["client_id"], in.at, join(f, "client_id"), "as whom do we ask? give the client_id"); ok {
			i.IntrospectionID = r.clientID(s, im["client_id"].at, join(f, "client_id"))
			i.Introspect.ClientID = i.IntrospectionID
		}
		if s, ok := r.text(im["client_secret"], join(f, "client_secret")); ok {
			i.IntrospectionSecret = r.reference(s, im["client_secret"].at, join(f, "client_secret"), kindEnv, kindFile, kindExec)
		}
	}
	for k, item := range r.list(m["rules"], join(field, "rules")) {
		i.Rules = append(i.Rules, r.rule(item, fmt.Sprintf("%s.rules[%d]", field, k)))
	}
	r.Auth.Issuers = append(r.Auth.Issuers, i)
}

func (r *reader) rule(n *node, field string) issuer.Rule {
	m := r.mapping(n, field, "subject", "claims", "agent", "user", "task", "scope", "scope_claim", "ttl")
	rule := issuer.Rule{
		Subject: r.short(m["subject"], join(field, "subject"), 512), Agent: r.short(m["agent"], join(field, "agent"), 256),
		User: r.short(m["user"], join(field, "user"), 256), Task: r.short(m["task"], join(field, "task"), 63),
		ScopeClaim: r.flag(m["scope_claim"], join(field, "scope_claim")),
		TTL:        r.duration(m["ttl"], join(field, "ttl"), time.Minute, auth.MaxTTL),
	}
	for _, p := range r.pairs(m["claims"], join(field, "claims"), "a mapping from a claim to the pattern that it fits") {
		if s, ok := r.text(p.value, join(field, "claims."+key(p.key))); ok {
			if rule.Claims == nil {
				rule.Claims = map[string]string{}
			}
			rule.Claims[p.key] = s
		}
	}
	if s, ok := r.text(m["scope"], join(field, "scope")); ok {
		for _, w := range words(s) {
			if _, err := r.known.Catalogs.ParseGrants(w.text); err != nil {
				r.unknownScope(err, w.text, r.wordAt(m["scope"], w), join(field, "scope"))
			}
		}
		rule.Scope = s
	}
	return rule
}

// issuersTogether checks the issuers as whoever uses them will.
func (r *reader) issuersTogether(n *node, field string) {
	if n == nil || len(r.errs.all) > 0 {
		return
	}
	var all []issuer.Issuer
	for _, i := range r.Auth.Issuers {
		all = append(all, i.Issuer)
	}
	if err := issuer.Check(all, r.known.Catalogs); err != nil {
		r.fail(n.at, field, "%v", err)
	}
}

// agentsNamed checks, when all agents are known, that those exist which the auth
// section and other agents name.
func (r *reader) agentsNamed() {
	ids := make([]string, 0, len(r.Agents))
	clients := map[string]bool{}
	for _, c := range r.Auth.Clients {
		clients[c.ID] = true
	}
	for _, a := range r.Agents {
		ids = append(ids, a.ID)
	}
	check := func(id, field string) {
		if !slices.Contains(ids, id) {
			r.fail(r.places[field], field, "there is no agent %s in this file%s", show(id), didYouMean(id, ids))
		}
	}
	for i, c := range r.Auth.Clients {
		for k, id := range c.Agents {
			check(id, fmt.Sprintf("auth.clients[%d].agents[%d]", i, k))
		}
	}
	for i, issuer := range r.Auth.Issuers {
		for k, rule := range issuer.Rules {
			if rule.Agent != "" && !strings.Contains(rule.Agent, "{") {
				check(rule.Agent, fmt.Sprintf("auth.issuers[%d].rules[%d].agent", i, k))
			}
		}
	}
	for i, a := range r.Agents {
		for k, id := range a.Delegates {
			f := fmt.Sprintf("agents[%d].delegates[%d]", i, k)
			if id == a.ID {
				r.fail(r.places[f], f, "an agent need not pass its right on to itself")
				continue
			}
			check(id, f)
		}
		if a.Client != nil && clients[a.ID] {
			f := fmt.Sprintf("agents[%d].client", i)
			r.fail(r.places[f], f, "there is a client %s under auth.clients already: the agent's client has the agent's id", show(a.ID))
		}
	}
}
