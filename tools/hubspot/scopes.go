package hubspot

import "toolvault/auth/scope"

// byContacts are the types that go by the permission for contacts at HubSpot.
var byContacts = []string{"notes", "tasks", "calls", "meetings", "postal_mail", "communications"}

// defined are the types whose properties can be made and changed: those of which
// HubSpot has a permission for that.
var defined = []string{"contacts", "companies", "deals", "tickets", "custom"}

// scopes are HubSpot's names, and for the kinds of record that have no scope of
// their own there (byContacts) names like them. "tickets" is HubSpot's one scope for
// both directions.
func scopes() *scope.Catalog {
	var defs []scope.Def
	for _, kind := range kindNames() {
		for _, verb := range []string{"read", "write"} {
			d := scope.Def{
				Name: "crm.objects." + kind + "." + verb, Write: verb == "write",
				Aliases: []string{kind + "." + verb, "crm." + kind + "." + verb},
			}
			if kind == "contacts" {
				for _, a := range byContacts {
					d.Implies = append(d.Implies, "crm.objects."+a+"."+verb)
				}
			}
			defs = append(defs, d)
		}
	}
	for _, kind := range defined {
		name := "crm.schemas." + kind + ".write"
		defs = append(defs, scope.Def{Name: name, Write: true, Aliases: []string{"schemas." + kind + ".write"}})
	}
	defs = append(defs,
		scope.Def{Name: "automation", Aliases: []string{"automation.read", "workflows.read"}}, // here for reading only
		scope.Def{Name: "sales-email-read", Implies: []string{"crm.objects.emails.read"}},
		scope.Def{Name: "crm.lists.read", Aliases: []string{"lists.read"}},
		scope.Def{Name: "crm.lists.write", Aliases: []string{"lists.write"}, Write: true, Implies: []string{"crm.lists.read"}},
		scope.Def{Name: "crm.objects.owners.read", Aliases: []string{"owners.read", "crm.owners.read"}},
		scope.Def{Name: "tickets", Write: true, Implies: []string{"crm.objects.tickets.read", "crm.objects.tickets.write", "crm.schemas.tickets.write"}},
	)
	return scope.NewCatalog(name, defs...)
}

// scopeNames are the scopes of HubSpot's that stand for ours: activities go by
// that of contacts, and "tickets" is one for both directions
// (developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes).
func scopeNames() map[string]string {
	names := map[string]string{}
	for _, verb := range []string{"read", "write"} {
		for _, activity := range append([]string{"emails"}, byContacts...) {
			names["crm.objects."+activity+"."+verb] = "crm.objects.contacts." + verb
		}
		names["crm.objects.tickets."+verb] = "tickets"
	}
	names["crm.objects.emails.read"] = "sales-email-read"
	names["crm.schemas.tickets.write"] = "tickets"
	return names
}

// optionalScopes belong to records that only larger plans have.
func optionalScopes() []string {
	all := []string{"crm.lists.read", "crm.lists.write", "automation", "sales-email-read"}
	for _, k := range kindNames() {
		switch k {
		case "contacts", "companies", "deals", "tickets":
		default:
			all = append(all, "crm.objects."+k+".read", "crm.objects."+k+".write")
		}
	}
	for _, k := range defined {
		all = append(all, "crm.schemas."+k+".write")
	}
	return all
}
