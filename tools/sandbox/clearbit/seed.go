package clearbit

import (
	"strings"

	"toolvault/tools/sandbox/double"
)

// seed fills in what is known, the same in every run: the customers of Northwind's
// support, and some that Clearbit has not looked at for long.
func (a *account) seed() {
	acme := firm("Acme", "acme.example", "Rotterdam, Netherlands", "Industrials", "Machinery", 240, "51-250", "$10M-$50M", 1998,
		"Acme makes conveyors and sorting machines for warehouses and ports.", []string{"Industrials", "Machinery", "B2B", "SAAS user"}, []string{"hubspot", "salesforce", "segment", "google_apps"})
	acme["legalName"] = "Acme Transportsystemen B.V."
	acme["phone"] = "+31 10 555 0100"
	borealis := firm("Borealis Foods", "borealis.example", "Tromsø, Norway", "Consumer Staples", "Food Production", 86, "51-250", "$10M-$50M", 2009,
		"Frozen fish and berries from the north, for shops and kitchens.", []string{"Food", "E-Commerce", "B2B"}, []string{"hubspot", "shopify"})
	kestrel := firm("Kestrel Labs", "kestrel.example", "Berlin, Germany", "Information Technology", "Internet Software & Services", 9, "1-10", "$0-$1M", 2024,
		"Sensors and software that count birds.", []string{"SAAS", "B2B", "Technology"}, []string{"segment", "notion"})
	kestrel["_cold"], kestrel["_stale"] = true, true
	kestrel["metrics"].(record)["raised"] = 1200000
	fjord := firm("Fjordline Freight", "fjordline.example", "Bergen, Norway", "Industrials", "Transportation", 31, "11-50", "$1M-$10M", 2001, "Freight between fjords.", nil, nil)
	fjord["_never"] = true
	a.companies = map[string]record{}
	for _, c := range []record{acme, borealis, kestrel, fjord} {
		a.companies[c["domain"].(string)] = c
	}

	a.people = map[string]record{}
	for _, p := range []record{
		somebody("Dana Whitfield", "dana.whitfield@acme.example", acme, "Operations lead", "operations", "manager", "Rotterdam, Netherlands", "Europe/Amsterdam"),
		somebody("Marcus Oyelaran", "marcus.oyelaran@acme.example", acme, "Data analyst", "engineering", nil, "Rotterdam, Netherlands", "Europe/Amsterdam"),
		somebody("Ingrid Solberg", "ingrid.solberg@borealis.example", borealis, "IT manager", "information_technology", "manager", "Tromsø, Norway", "Europe/Oslo"),
		somebody("Yuki Abe", "yuki.abe@kestrel.example", kestrel, "Founder", "founder", "executive", "Berlin, Germany", "Europe/Berlin"),
		somebody("Hanne Moe", "hanne.moe@fjordline.example", fjord, "Dispatcher", "operations", nil, "Bergen, Norway", "Europe/Oslo"),
	} {
		a.people[p["email"].(string)] = p
	}
	a.people["yuki.abe@kestrel.example"]["_cold"] = true
	a.people["hanne.moe@fjordline.example"]["_never"] = true
	a.people["marcus.oyelaran@acme.example"]["fuzzy"] = true

	a.networks = map[string]network{
		"203.0.113.7":   {"acme.example", "company", false, [3]string{"Rotterdam", "South Holland", "Netherlands"}},
		"203.0.113.50":  {"borealis.example", "company", true, [3]string{"Tromsø", "Troms", "Norway"}},
		"198.51.100.23": {"", "isp", true, [3]string{"Oslo", "", "Norway"}},
	}
	a.prospects = map[string][]record{}
	for i, p := range [][5]string{
		{"Dana Whitfield", "Operations lead", "operations", "manager", "Rotterdam, Netherlands"},
		{"Marcus Oyelaran", "Data analyst", "engineering", "", "Rotterdam, Netherlands"},
		{"Sanne de Wit", "Chief financial officer", "finance", "executive", "Rotterdam, Netherlands"},
		{"Ruben Bakker", "Head of marketing", "marketing", "director", "Utrecht, Netherlands"},
		{"Aylin Demir", "Warehouse manager", "operations", "manager", "Rotterdam, Netherlands"},
		{"Pieter Vos", "IT manager", "information_technology", "manager", "Delft, Netherlands"},
		{"Noor Jansen", "Sales director", "sales", "director", "Antwerp, Belgium"},
	} {
		r := record{
			"id": "e_" + double.Fake("clearbit prospect "+p[0], 12), "name": names(p[0]), "title": p[1], "role": p[2], "subRole": nil,
			"seniority": p[3], "location": p[4], "company": record{"name": "Acme"}, "verified": i%2 == 0, "phone": nil,
			"email": strings.ReplaceAll(strings.ToLower(p[0]), " ", ".") + "@acme.example",
		}
		if p[3] == "" {
			r["seniority"] = nil
		}
		a.prospects["acme.example"] = append(a.prospects["acme.example"], r)
	}
}

func names(full string) record {
	given, family, _ := strings.Cut(full, " ")
	return record{"fullName": full, "givenName": given, "familyName": family}
}

// somebody is a person as Clearbit answers one.
func somebody(full, email string, at record, job, role string, seniority any, place, zone string) record {
	city, country, _ := strings.Cut(place, ", ")
	return record{
		"id": double.Fake("clearbit person "+email, 32), "name": names(full), "email": email, "location": place, "timeZone": zone, "utcOffset": 1,
		"geo": record{"city": city, "state": nil, "country": country, "lat": nil, "lng": nil},
		"bio": nil, "site": nil, "avatar": nil,
		"employment":    record{"domain": at["domain"], "name": at["name"], "title": job, "role": role, "subRole": nil, "seniority": seniority},
		"linkedin":      record{"handle": "in/" + strings.ReplaceAll(strings.ToLower(full), " ", "-")},
		"github":        record{"handle": nil, "followers": nil},
		"twitter":       record{"handle": nil, "followers": nil},
		"fuzzy":         false,
		"emailProvider": false, "indexedAt": indexed, "activeAt": indexed, "inactiveAt": nil,
	}
}

// firm is a company as Clearbit answers one.
func firm(name, domain, place, sector, industry string, employees int, between, revenue string, founded int, about string, tags, tech []string) record {
	city, country, _ := strings.Cut(place, ", ")
	return record{
		"id": double.Fake("clearbit company "+domain, 32), "name": name, "legalName": nil, "domain": domain, "domainAliases": []string{},
		"site":     record{"phoneNumbers": []string{}, "emailAddresses": []string{"info@" + domain}},
		"category": record{"sector": sector, "industryGroup": industry, "industry": industry, "subIndustry": industry, "sicCode": "35", "naicsCode": "33"},
		"tags":     tags, "description": about, "foundedYear": founded, "location": place, "timeZone": "Europe/Oslo", "utcOffset": 1,
		"geo":  record{"city": city, "state": nil, "country": country},
		"logo": nil, "linkedin": record{"handle": "company/" + strings.TrimSuffix(domain, ".example")}, "phone": nil, "type": "private",
		"metrics": record{"trafficRank": "medium", "employees": employees, "employeesRange": between, "marketCap": nil, "raised": nil, "annualRevenue": nil, "estimatedAnnualRevenue": revenue, "alexaUsRank": nil},
		"tech":    tech, "techCategories": []string{"crm", "analytics"}, "parent": record{"domain": nil}, "ultimateParent": record{"domain": nil}, "indexedAt": indexed,
	}
}
