package segment

import (
	"strings"
	"time"

	"toolvault/tools/sandbox/double"
)

// newRegion is a workspace as it starts. The one in the United States is Northwind's:
//
//	sources       Website, Support app, Billing (off)
//	destinations  Amplitude and HubSpot of Website, Warehouse of Support app (off)
//	plan          Northwind product, on Website
//	profiles      Dana Whitfield (usr_2041) and Marcus Oyelaran (usr_2042) of Acme,
//	              Ingrid Solberg (usr_2043) of Borealis Foods, Rafael Lindqvist (usr_2044)
//
// The one in Europe has the sources, and Ingrid alone.
func newRegion(name string, now time.Time) *region {
	id := func(what string) string { return double.Fake("segment "+name+" "+what, 22) }
	own := Of(name)
	in := &region{
		name: name, id: id("workspace"), slug: "northwind", title: "Northwind", public: own.PublicToken, profiles: own.ProfileToken, space: own.Space,
		views: map[string]string{}, suppressed: map[string]bool{}, seen: map[string]time.Time{}, tokens: map[string]granted{}, used: map[string]bool{},
	}
	if name == "eu" {
		in.slug, in.title = "northwind-eu", "Northwind Europe"
	}
	for _, x := range []struct {
		slug, name, kind string
		on               bool
	}{{"website", "Website", "Javascript", true}, {"support_app", "Support app", "Python", true}, {"billing", "Billing", "Node.js", false}} {
		in.sources = append(in.sources, &source{id: id(x.slug), slug: x.slug, name: x.name, kind: x.kind, enabled: x.on, keys: []string{writeKey(name, x.slug)}})
	}
	in.destinations = []*destination{
		{id: id("amplitude"), name: "Amplitude", kind: "Amplitude (Actions)", source: in.sources[0].id, enabled: true, settings: map[string]any{"apiKey": double.Fake("segment "+name+" amplitude key", 32), "region": "EU"}},
		{id: id("crm"), name: "HubSpot", kind: "HubSpot Cloud Mode (Actions)", source: in.sources[0].id, enabled: true, settings: map[string]any{"token": double.Fake("segment "+name+" crm key", 40)}},
		{id: id("warehouse"), name: "Warehouse", kind: "Webhooks (Actions)", source: in.sources[1].id, settings: map[string]any{"url": "https://events.northwind.example"}},
	}
	in.plans = []*plan{{
		id: "tp_" + id("plan"), name: "Northwind product", description: "Names and properties of what happens in the product. Object and action, in title case.", updated: now.AddDate(0, -1, 0),
		rules: rules(),
	}}
	in.sources[0].plan = in.plans[0].id
	in.people(now)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	in.note(ago(20), "Source Created", "priya.sharma@northwind.example", "Support app", in.sources[1].id, "SOURCE")
	in.note(ago(9), "Tracking Plan Updated", "priya.sharma@northwind.example", in.plans[0].name, in.plans[0].id, "TRACKING_PLAN")
	in.note(ago(3), "Destination Disabled", "jonas.brekke@northwind.example", "Warehouse", in.destinations[2].id, "DESTINATION")
	in.regulations = []*regulation{{id: "reg_" + id("regulation"), kind: "SUPPRESS_WITH_DELETE", status: "FINISHED", subjects: []string{"usr_1977"}, created: ago(31)}}
	in.suppressed["usr_1977"] = true
	return in
}

func rules() []rule {
	event := func(part string, required []string, types map[string]string) map[string]any {
		fields := map[string]any{}
		for name, t := range types {
			fields[name] = map[string]any{"type": t}
		}
		return map[string]any{
			"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
			"properties": map[string]any{part: map[string]any{"type": "object", "required": required, "properties": fields}},
		}
	}
	return []rule{
		{"TRACK", "CSV Export Failed", 1, event("properties", []string{"rows", "reason"}, map[string]string{"rows": "integer", "reason": "string", "ticket": "string"})},
		{"TRACK", "CSV Export Started", 1, event("properties", []string{"rows"}, map[string]string{"rows": "integer"})},
		{"TRACK", "Signed Up", 2, event("properties", []string{"plan"}, map[string]string{"plan": "string", "referrer": "string"})},
		{"IDENTIFY", "", 1, event("traits", []string{"email"}, map[string]string{"email": "string", "name": "string", "plan": "string"})},
	}
}

// people are the profiles, with what they did in the last days.
func (in *region) people(now time.Time) {
	website, app := in.sources[0], in.sources[1]
	for _, x := range []struct {
		id, name, group, company, plan string
		sessions                       int
		us                             bool
	}{
		{"usr_2041", "Dana Whitfield", "acme", "Acme", "business", 14, true},
		{"usr_2042", "Marcus Oyelaran", "acme", "Acme", "business", 9, true},
		{"usr_2043", "Ingrid Solberg", "borealis", "Borealis Foods", "team", 22, false},
		{"usr_2044", "Rafael Lindqvist", "", "", "free", 1, true},
	} {
		if in.name == "eu" && x.us {
			continue
		}
		first, last, _ := strings.Cut(x.name, " ")
		email := strings.ToLower(first+"."+last) + "@" + x.group + ".example"
		if x.group == "" {
			email = strings.ToLower(first + "@" + last + ".example")
		}
		made := now.AddDate(0, -8, 0)
		p := in.person(event{UserID: x.id, AnonymousID: double.Fake("anonymous "+x.id, 24)}, website, made)
		p.updated, p.lastSource, p.lastMessage = now.Add(-5*time.Hour), website.id, "msg-"+x.id+"-1"
		p.set(map[string]any{
			"email": email, "name": x.name, "plan": x.plan, "sessions_last_30_days": x.sessions, "export_trouble": x.id == "usr_2041",
			"address": map[string]any{"country": "Netherlands"}, "newsletter": false,
		}, website.id, made)
		p.classes["sessions_last_30_days"], p.classes["export_trouble"] = "computed_trait", "audience"
		if x.group != "" {
			account := in.account(x.group, app, made)
			account.set(map[string]any{"name": x.company, "plan": x.plan, "seats": 80, "industry": "Manufacturing"}, app.id, made)
			link(p, account)
		}
		for i, e := range []happened{
			{event: "CSV Export Failed", at: now.Add(-5 * time.Hour), properties: map[string]any{"rows": 61200, "reason": "gateway timeout"}},
			{event: "CSV Export Started", at: now.Add(-5*time.Hour - time.Minute), properties: map[string]any{"rows": 61200}},
			{event: "Report Opened", at: now.Add(-29 * time.Hour), properties: map[string]any{"report": "weekly"}},
			{event: "CSV Export Failed", at: now.Add(-50 * time.Hour), properties: map[string]any{"rows": 58011, "reason": "gateway timeout"}},
			{event: "Signed Up", at: now.AddDate(0, 0, -40), properties: map[string]any{"plan": x.plan}},
		} {
			if x.id != "usr_2041" && strings.HasPrefix(e.event, "CSV") {
				continue
			}
			e.messageID, e.source = "msg-"+x.id+"-"+string(rune('1'+i)), website.id
			p.events = append(p.events, &e)
		}
	}
}

// counted are the events of which the workspace sees many.
func (in *region) counted() []counted {
	website, app := in.sources[0].id, in.sources[1].id
	return []counted{
		{event: "Page Viewed", kind: "page", source: website, aDay: 48_200},
		{event: "CSV Export Started", kind: "track", source: website, aDay: 910},
		{event: "CSV Export Failed", kind: "track", source: website, aDay: 140, fails: "invalid_request"},
		{event: "Signed Up", kind: "track", source: website, aDay: 64, fails: "rate_limited"},
		{event: "Ticket Opened", kind: "track", source: app, aDay: 210},
	}
}
