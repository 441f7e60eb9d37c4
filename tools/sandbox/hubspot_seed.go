package sandbox

import "time"

// seed fills the account: the same in every run, but for the time of the last
// change.
func (p *hubspotPortal) seed() {
	p.owners = []hubspotOwner{
		{"1283904417", "Marta", "Klein", "marta.klein@northwind.example", "Support"},
		{"1283904522", "Jonas", "Brekke", "jonas.brekke@northwind.example", "Support"},
		{"1283907760", "Tomoko", "Nomura", "tomoko.nomura@northwind.example", "Accounts"},
	}
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
	}
	acme := p.add("companies", at(3, 2, 9), map[string]string{"name": "Acme", "domain": "acme.example", "industry": "MACHINERY", "city": "Rotterdam", "country": "Netherlands", "hubspot_owner_id": "1283907760"})
	borealis := p.add("companies", at(5, 11, 10), map[string]string{"name": "Borealis Foods", "domain": "borealis.example", "industry": "FOOD_PRODUCTION", "city": "Tromsø", "country": "Norway", "hubspot_owner_id": "1283907760"})
	person := func(first, last, email, company, job, stage string, created time.Time) *hubspotRecord {
		return p.add("contacts", created, map[string]string{"firstname": first, "lastname": last, "email": email, "company": company, "jobtitle": job, "lifecyclestage": stage, "hubspot_owner_id": "1283907760"})
	}
	dana := person("Dana", "Whitfield", "dana.whitfield@acme.example", "Acme", "Operations lead", "customer", at(3, 2, 9))
	dana.properties["phone"] = "+31 10 555 0142"
	marcus := person("Marcus", "Oyelaran", "marcus.oyelaran@acme.example", "Acme", "Data analyst", "customer", at(4, 8, 12))
	ingrid := person("Ingrid", "Solberg", "ingrid.solberg@borealis.example", "Borealis Foods", "IT manager", "customer", at(5, 11, 10))
	person("Rafael", "Lindqvist", "rafael@lindqvist.example", "", "Consultant", "lead", at(9, 30, 8))
	person("Yuki", "Abe", "yuki.abe@kestrel.example", "Kestrel Labs", "Founder", "opportunity", at(10, 14, 16))

	ticket := p.add("tickets", at(11, 23, 7), map[string]string{
		"subject": "Export to CSV times out", "content": "Exports of more than 50,000 rows stop after 30 seconds with \"gateway timeout\". Smaller ones work. It worked until last month.",
		"hs_pipeline": "0", "hs_pipeline_stage": "1", "hs_ticket_priority": "HIGH", "hubspot_owner_id": "1283904522",
	})
	other := p.add("tickets", at(11, 20, 15), map[string]string{
		"subject": "Cannot invite a second admin", "content": "The invitation never arrives.", "hs_pipeline": "0", "hs_pipeline_stage": "2", "hs_ticket_priority": "LOW", "hubspot_owner_id": "1283904417",
	})
	renewal := p.add("deals", at(10, 1, 9), map[string]string{"dealname": "Acme annual renewal", "amount": "48000", "dealstage": "contractsent", "pipeline": "default", "closedate": "2027-01-15T00:00:00Z", "hubspot_owner_id": "1283907760"})
	p.add("deals", at(11, 3, 9), map[string]string{"dealname": "Kestrel pilot", "amount": "6500", "dealstage": "qualifiedtobuy", "pipeline": "default", "closedate": "2026-12-20T00:00:00Z", "hubspot_owner_id": "1283907760"})

	p.link("contacts", dana.id, "companies", acme.id)
	p.link("contacts", marcus.id, "companies", acme.id)
	p.link("contacts", ingrid.id, "companies", borealis.id)
	p.link("contacts", dana.id, "tickets", ticket.id)
	p.link("contacts", ingrid.id, "tickets", other.id)
	p.link("companies", acme.id, "tickets", ticket.id)
	p.link("contacts", dana.id, "deals", renewal.id)
	p.link("companies", acme.id, "deals", renewal.id)
}
