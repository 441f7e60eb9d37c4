package main

import (
	"encoding/json"
	"time"
)

func hubspotJobs() []task {
	const mail = "dana.whitfield@acme.example"
	due := time.Now().UTC().AddDate(0, 0, 7).Truncate(time.Hour)
	said := due.AddDate(0, 0, -8)
	number := func(id string) json.Number { return json.Number(id) } // engagements v1 has numbers for ids
	theirOwner := func(s *session) json.Number {
		// theirs cannot look an owner up, but reads whose record it is
		found := s.call("hubspot-search-objects", object{"objectType": "contacts", "query": mail, "properties": []string{"hubspot_owner_id"}})
		return number(found.text("results", 0, "properties", "hubspot_owner_id"))
	}
	return []task{
		{
			key: "hubspot-note", words: "Write a note on a contact", writes: true,
			ours: func(s *session) {
				s.call("hubspot_create_note", object{"body": "Called back, all well.", "owner": "Tomoko Nomura", "timestamp": said.Format(time.RFC3339), "associate_to": []object{{"type": "contacts", "id": ourNamed(s, "contacts", mail)}}})
			},
			theirs: func(s *session) {
				dana := theirRecord(s, "contacts", "email", mail)
				s.call("hubspot-create-engagement", object{
					"type": "NOTE", "ownerId": theirOwner(s), "timestamp": said.UnixMilli(), "associations": object{"contactIds": []json.Number{number(dana)}},
					"metadata": object{"body": "<p>Called back, all well.</p>"},
				})
			},
		},
		{
			key: "hubspot-task", words: "Make a task on a deal", writes: true,
			ours: func(s *session) {
				s.call("hubspot_create_task", object{
					"subject": "Send the contract", "body": "Two copies", "due": due.Format(time.RFC3339), "owner": "Tomoko Nomura",
					"associate_to": []object{{"type": "deals", "id": ourNamed(s, "deals", "Acme annual renewal")}},
				})
			},
			theirs: func(s *session) {
				deal := theirNamed(s, "deals", "Acme annual renewal", "dealname")
				s.call("hubspot-create-engagement", object{
					"type": "TASK", "ownerId": theirOwner(s), "timestamp": due.UnixMilli(), "associations": object{"dealIds": []json.Number{number(deal)}},
					"metadata": object{"subject": "Send the contract", "body": "<p>Two copies</p>", "status": "NOT_STARTED"},
				})
			},
		},
		{
			key: "hubspot-update", words: "Change the phone and the job of a contact", writes: true,
			ours: func(s *session) {
				s.call("hubspot_update_object", object{"object_type": "contacts", "id": mail, "properties": object{"phone": "+31 10 555 0199", "jobtitle": "Head of Operations"}})
			},
			theirs: func(s *session) {
				s.call("hubspot-batch-update-objects", object{"objectType": "contacts", "inputs": []object{{
					"id": theirRecord(s, "contacts", "email", mail), "properties": object{"phone": "+31 10 555 0199", "jobtitle": "Head of Operations"},
				}}})
			},
		},
		{
			key: "hubspot-associate", words: "Associate a contact with a deal", writes: true,
			ours: func(s *session) {
				contact, deal := ourNamed(s, "contacts", "Yuki Abe"), ourNamed(s, "deals", "Kestrel pilot")
				s.call("hubspot_associate", object{"from_type": "contacts", "from_id": contact, "to_type": "deals", "to_ids": []string{deal}})
			},
			theirs: func(s *session) {
				contact, deal := theirNamed(s, "contacts", "Yuki Abe", "email"), theirNamed(s, "deals", "Kestrel pilot", "dealname")
				s.call("hubspot-batch-create-associations", object{
					"fromObjectType": "contacts", "toObjectType": "deals", "types": theirType(s, "contacts", "deals"),
					"inputs": []object{{"from": object{"id": contact}, "to": object{"id": deal}}},
				})
			},
		},
		{
			key: "hubspot-company", words: "Add two companies at once", writes: true,
			ours: func(s *session) {
				for _, name := range []string{"Kestrel Labs", "Lindqvist AB"} {
					s.call("hubspot_create_object", object{"object_type": "companies", "properties": object{"name": name, "country": "Sweden"}})
				}
			},
			theirs: func(s *session) {
				s.call("hubspot-batch-create-objects", object{"objectType": "companies", "inputs": []object{
					{"properties": object{"name": "Kestrel Labs", "country": "Sweden"}}, {"properties": object{"name": "Lindqvist AB", "country": "Sweden"}},
				}})
			},
		},
		{
			key: "hubspot-filter", words: "Which deals are above 10,000?", facts: []string{"Acme annual renewal"},
			ours: func(s *session) {
				s.call("hubspot_search_objects", object{"object_type": "deals", "filters": []object{{"property": "amount", "op": "gt", "value": 10000}}})
			},
			theirs: func(s *session) {
				s.call("hubspot-search-objects", object{
					"objectType": "deals", "properties": []string{"dealname", "amount"},
					"filterGroups": []object{{"filters": []object{{"propertyName": "amount", "operator": "GT", "value": "10000"}}}},
				})
			},
		},
		{
			key: "hubspot-properties", words: "Which properties has a ticket?", facts: []string{"hs_ticket_priority", "hs_pipeline_stage"},
			ours:   func(s *session) { s.call("hubspot_list_properties", object{"object_type": "tickets"}) },
			theirs: func(s *session) { s.call("hubspot-list-properties", object{"objectType": "tickets"}) },
		},
		{
			key: "hubspot-list", words: "Show the companies", facts: []string{"Acme", "Borealis Foods"},
			ours:   func(s *session) { s.call("hubspot_list_objects", object{"object_type": "companies"}) },
			theirs: func(s *session) { s.call("hubspot-list-objects", object{"objectType": "companies"}) },
		},
		{
			key: "hubspot-account", words: "Which account is this?", facts: []string{"48219057"},
			ours:   func(s *session) { s.call("hubspot_whoami", object{}) },
			theirs: func(s *session) { s.call("hubspot-get-user-details", object{}) },
		},
		{
			key: "hubspot-complete", words: "Mark a task as done", writes: true,
			ours: func(s *session) {
				s.call("hubspot_complete_task", object{"id": ourNamed(s, "tasks", "Send the renewal contract")})
			},
			theirs: func(s *session) {
				task := theirNamed(s, "tasks", "Send the renewal contract", "hs_task_subject")
				s.call("hubspot-update-engagement", object{"engagementId": number(task), "metadata": object{"status": "COMPLETED"}, "associations": object{}})
			},
		},
		{
			key: "hubspot-property", words: "Make a property of contacts", writes: true,
			ours: func(s *session) {
				s.call("hubspot_create_property", object{"object_type": "contacts", "name": "shoe_size", "label": "Shoe size", "type": "number", "description": "European", "group": "contactinformation"})
			},
			theirs: func(s *session) {
				s.call("hubspot-create-property", object{
					"objectType": "contacts", "name": "shoe_size", "label": "Shoe size", "type": "number", "fieldType": "number", "description": "European", "groupName": "contactinformation",
				})
			},
		},
		{
			key: "hubspot-workflow", words: "What is in the workflow Welcome new customers?", facts: []string{"Welcome new customers"},
			ours: func(s *session) { s.call("hubspot_get_workflow", object{"workflow": "Welcome new customers"}) },
			theirs: func(s *session) {
				found := s.call("hubspot-list-workflows", object{"limit": 20})
				s.call("hubspot-get-workflow", object{"flowId": found.where("results", "name", "Welcome new customers").text("id")})
			},
		},
		{
			key: "hubspot-types", words: "Which types of record has the account made itself?", facts: []string{"2-41987213"},
			ours:   func(s *session) { s.call("hubspot_list_object_types", object{}) },
			theirs: func(s *session) { s.call("hubspot-get-schemas", object{}) },
		},
	}
}
