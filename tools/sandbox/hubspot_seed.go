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
	p.lists = []*hubspotList{
		{"41", "Newsletter", "contacts", "MANUAL", []string{dana.id, ingrid.id}},
		{"42", "All customers", "contacts", "DYNAMIC", []string{dana.id, marcus.id, ingrid.id}},
		{"43", "Renewals of the quarter", "deals", "SNAPSHOT", []string{renewal.id}},
	}
}

// seedActivity fills the timelines, after all else, so that the ids of that stay.
func (p *hubspotPortal) seedActivity() {
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
	}
	log := func(kind string, when time.Time, properties map[string]string, with ...string) {
		properties["hs_timestamp"] = when.Format("2006-01-02T15:04:05.000Z")
		made := when
		if kind == "tasks" { // its time is when it is due
			made = at(11, 20, 9)
		}
		r := p.add(kind, made, properties)
		for i := 0; i+1 < len(with); i += 2 {
			p.link(kind, r.id, with[i], with[i+1])
		}
	}
	dana, acme := p.find("contacts", "email", "dana.whitfield@acme.example").id, p.find("companies", "domain", "acme.example").id
	renewal := p.find("deals", "dealname", "Acme annual renewal").id
	log("notes", at(11, 10, 14), map[string]string{"hs_note_body": "<p>Wants the <strong>annual</strong> plan again.<br>Budget is approved.</p>", "hubspot_owner_id": "1283907760"}, "contacts", dana, "deals", renewal)
	log("tasks", at(12, 4, 9), map[string]string{"hs_task_subject": "Send the renewal contract", "hs_task_body": "<p>With the new price list.</p>", "hs_task_status": "NOT_STARTED", "hs_task_priority": "HIGH", "hs_task_type": "TODO", "hubspot_owner_id": "1283907760"}, "contacts", dana, "deals", renewal)
	log("calls", at(11, 16, 10), map[string]string{"hs_call_title": "Renewal call", "hs_call_body": "<p>Asked about the export limit.</p>", "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED", "hs_call_duration": "720000", "hubspot_owner_id": "1283907760"}, "contacts", dana, "companies", acme)
	log("meetings", at(10, 6, 8), map[string]string{"hs_meeting_title": "Quarterly review", "hs_meeting_body": "<ul><li>Usage is up.</li></ul>", "hs_meeting_start_time": "2026-10-06T08:00:00.000Z", "hs_meeting_end_time": "2026-10-06T08:45:00.000Z", "hs_meeting_outcome": "COMPLETED", "hubspot_owner_id": "1283907760"}, "contacts", dana)
	log("emails", at(11, 23, 7), map[string]string{"hs_email_subject": "Export stops", "hs_email_text": "Hello, since last month the CSV export stops after 30 seconds.", "hs_email_direction": "INCOMING_EMAIL", "hs_email_status": "SENT"}, "contacts", dana)
	site := p.add(hubspotSites, at(6, 1, 9), map[string]string{"site_name": "Rotterdam plant", "site_code": "RTM-1", "employees": "240"})
	p.add(hubspotSites, at(6, 1, 9), map[string]string{"site_name": "Tromsø harbour", "site_code": "TOS-1", "employees": "35"})
	p.link(hubspotSites, site.id, "companies", acme)
}
