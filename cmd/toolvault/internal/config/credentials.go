package config

import (
	"fmt"
	"slices"
	"strings"

	"toolvault/vault"
)

func (r *reader) credentials(n *node, field, agent string, byID map[string]declared) []vault.Declaration {
	var all []vault.Declaration
	owned := map[[3]string]Position{} // service, user and id
	for i, item := range r.list(n, field) {
		f := fmt.Sprintf("%s[%d]", field, i)
		d, ok := r.credential(item, f, agent)
		if !ok {
			continue
		}
		own := [3]string{d.Service, d.Owner.User, d.ID}
		if before, ok := owned[own]; ok {
			r.fail(item.at, f, "the agent has two credentials for %s%s with the id %s; the first is on line %d: keep one, or give one another id", d.Service, ofUser(d.Owner.User), show(d.ID), before.Line)
			continue
		}
		owned[own] = item.at
		if other, ok := byID[d.ID]; ok && (other.Source != d.Source || other.Service != d.Service || other.Type != d.Type) {
			r.fail(item.at, f, "two different credentials have the id %s; the first is on line %d: give one another id", show(d.ID), other.at.Line)
			continue
		}
		byID[d.ID] = declared{d, item.at, f}
		all = append(all, d)
	}
	return all
}

func ofUser(user string) string {
	if user == "" {
		return ""
	}
	return " and the user " + show(user)
}

// credential reads one declaration. It is not ok if any part of it is wrong.
func (r *reader) credential(n *node, field, agent string) (vault.Declaration, bool) {
	var d vault.Declaration
	if n.kind != mapping {
		r.fail(n.at, field, "a credential is a mapping with service, type, source and scope")
		return d, false
	}
	before := len(r.errs.all)
	m := r.mapping(n, field, "id", "service", "type", "source", "scope", "user")
	d.Owner.Agent = agent
	if user, ok := r.text(m["user"], field+".user"); ok {
		if !userName.MatchString(user) {
			r.fail(m["user"].at, field+".user", "the name of a user has at most 128 characters, without spaces and slashes")
		}
		d.Owner.User = user
	}
	if source, ok := r.required(m["source"], n.at, field, "a credential needs a source: env:NAME, file:PATH or vault:NAME"); ok {
		d.Source = r.reference(source, m["source"].at, field+".source", kindEnv, kindFile, kindVault)
	}
	service, ok := r.required(m["service"], n.at, field, "a credential needs a service")
	if ok && r.checkService(service, m["service"].at, field+".service") {
		d.Service = service
	}
	typ, ok := r.required(m["type"], n.at, field, "a credential needs a type: api_key, service_token or oauth_token")
	if types := r.types(d.Service); ok && d.Service != "" && !slices.Contains(types, typ) {
		hint := didYouMean(typ, types)
		if hint == "" {
			hint = "; it takes " + strings.Join(types, ", ")
		}
		r.fail(m["type"].at, field+".type", "%s takes no credential of the type %s%s", d.Service, show(typ), hint)
	}
	d.Type = typ
	granted, ok := r.required(m["scope"], n.at, field, "a credential needs a scope: what it may be used for, such as read-only")
	if ok && d.Service != "" {
		catalog := r.known.Catalogs[d.Service]
		for _, w := range words(granted) {
			if _, err := catalog.Parse(w.text); err != nil {
				r.unknownScope(err, w.text, r.wordAt(m["scope"], w), field+".scope")
			}
		}
		d.Scope, _ = catalog.Parse(granted)
	}
	if id, ok := r.text(m["id"], field+".id"); ok {
		if len(id) > 200 || !vaultName.MatchString(id) || looksSecret(id) {
			r.fail(m["id"].at, field+".id", "an id has at most 200 letters, digits and . _ @ + - /, such as slack/support-agent-1")
		}
		d.ID = id
	} else {
		d.ID = defaultID(d)
	}
	return d, len(r.errs.all) == before
}

// defaultID is the name of the record for a credential in the vault, else
// SERVICE/AGENT or SERVICE/AGENT/USER.
func defaultID(d vault.Declaration) string {
	if name, ok := strings.CutPrefix(d.Source, kindVault+":"); ok {
		return name
	}
	id := d.Service + "/" + d.Owner.Agent
	if d.Owner.User != "" {
		id += "/" + d.Owner.User
	}
	return id
}
