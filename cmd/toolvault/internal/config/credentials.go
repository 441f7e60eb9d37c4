package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/auth/scope"
	"toolvault/vault"
)

func (r *reader) credentials(n *node, field, agent string, seen *registry) []vault.Declaration {
	var all []vault.Declaration
	var items []*node // where they stand
	var fields []string
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
		if other, ok := seen.byID[d.ID]; ok && (other.Source != d.Source || other.Service != d.Service || other.Type != d.Type || other.BaseURL != d.BaseURL || !maps.Equal(other.Params, d.Params)) {
			r.fail(item.at, f, "two different credentials have the id %s; the first is on line %d: give one another id", show(d.ID), other.at.Line)
			continue
		}
		if !r.usersOwn(d, item.at, f, seen) {
			continue
		}
		seen.add(declared{d, item.at, f})
		all, items, fields = append(all, d), append(items, item), append(fields, f)
	}
	r.named(all, items, fields)
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
	typ := textOf(n, "type")
	keys := []string{"id", "service", "type", "source", "scope", "user", "account", "base_url", "broker"}
	m := r.mapping(n, field, slices.Concat(keys, paramNames(typ), r.schemeParamNames(textOf(n, "service"), typ))...)
	d.Owner.Agent = agent
	if user, ok := r.text(m["user"], field+".user"); ok {
		if !userName.MatchString(user) {
			r.fail(m["user"].at, field+".user", "the name of a user has at most 128 characters, without spaces and slashes")
		}
		d.Owner.User = user
	}
	d.Account = r.account(m["account"], field+".account")
	if source, ok := r.required(m["source"], n.at, field, "a credential needs a source: env:NAME, file:PATH, vault:NAME or exec:PROGRAM"); ok {
		d.Source = r.reference(source, m["source"].at, field+".source", kindEnv, kindFile, kindVault, kindExec)
	}
	service, ok := r.required(m["service"], n.at, field, "a credential needs a service")
	if ok && r.checkService(service, m["service"].at, field+".service") {
		d.Service = service
	}
	_, ok = r.required(m["type"], n.at, field, "a credential needs a type: "+oneOf(vault.Types()))
	if types := r.types(d.Service); ok && d.Service != "" && !slices.Contains(types, typ) {
		hint := didYouMean(typ, types)
		if hint == "" {
			hint = "; it takes " + strings.Join(types, ", ")
		}
		r.fail(m["type"].at, field+".type", "%s takes no credential of the type %s%s", d.Service, show(typ), hint)
	}
	d.Type = typ
	d.Params = r.params(d.Service, typ, m, n.at, field)
	if base, ok := r.text(m["base_url"], field+".base_url"); ok {
		var err error
		if d.BaseURL, err = baseURL(base); err != nil {
			r.fail(m["base_url"].at, field+".base_url", "%v", err)
		}
	}
	d.Broker = r.flag(m["broker"], field+".broker")
	granted, ok := r.required(m["scope"], n.at, field, "a credential needs a scope: what it may be used for, such as read-only")
	if ok && d.Service != "" {
		catalog := r.known.Catalogs[d.Service]
		for _, w := range words(granted) {
			if _, err := catalog.Parse(w.text); err != nil {
				r.unknownScope(err, w.text, r.wordAt(m["scope"], w), field+".scope")
			}
		}
		d.Scope, _ = catalog.Parse(granted)
		r.withinType(&d, catalog, m["scope"], field+".scope")
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

// withinType keeps the scope of a credential to what one of its type can grant at
// the service. A word that asks for more is a mistake; read-only and read-write ask
// for what there is.
func (r *reader) withinType(d *vault.Declaration, catalog *scope.Catalog, n *node, field string) {
	most := r.known.Schemes[d.Service][d.Type].Scopes
	if most == nil || catalog == nil {
		return
	}
	for _, w := range words(n.text) {
		if def, ok := catalog.Lookup(w.text); ok && !slices.Contains(most, def.Name) {
			r.fail(r.wordAt(n, w), field, "a credential of the type %s cannot grant %s at %s: it can grant %s", d.Type, w.text, d.Service, oneOf(most))
		}
	}
	can, err := catalog.Parse(strings.Join(most, " "))
	if err != nil {
		r.fail(n.at, field, "%v", err)
		return
	}
	if d.Scope = d.Scope.Intersect(can); d.Scope.Empty() {
		r.fail(n.at, field, "a credential of the type %s can grant nothing of this at %s: it can grant %s", d.Type, d.Service, oneOf(most))
	}
}

// textOf is what a key of a credential says before it is read, "" where it says
// nothing: type and service tell which keys there may be.
func textOf(n *node, key string) string {
	for _, p := range n.pairs {
		if p.key == key && p.value.kind == text {
			return p.value.text
		}
	}
	return ""
}

// oneOf lists what there is to choose from.
func oneOf(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// defaultID is the name of the record for a credential in the vault, else
// SERVICE/AGENT, with the user and the account, where there are any, after it.
func defaultID(d vault.Declaration) string {
	if name, ok := strings.CutPrefix(d.Source, kindVault+":"); ok {
		return name
	}
	id := d.Service + "/" + d.Owner.Agent
	if d.Owner.User != "" {
		id += "/" + d.Owner.User
	}
	if d.Account != "" {
		id += "/" + d.Account
	}
	return id
}
