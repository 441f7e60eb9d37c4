package main

import (
	"fmt"
	"strings"
)

// theirRecord finds the id of one record with the vendor's search, by a property.
func theirRecord(s *session, kind, property, value string) string {
	return s.call("hubspot-search-objects", object{
		"objectType": kind, "properties": []string{property},
		"filterGroups": []object{{"filters": []object{{"propertyName": property, "operator": "EQ", "value": value}}}},
	}).text("results", 0, "id")
}

// theirNamed finds it by words, as one would without knowing the property.
func theirNamed(s *session, kind, words string, properties ...string) string {
	return s.call("hubspot-search-objects", object{"objectType": kind, "query": words, "properties": properties}).text("results", 0, "id")
}

// theirType is the number of the association from one type to another, looked up as
// the vendor's descriptions ask for.
func theirType(s *session, from, to string) []object {
	labels := s.call("hubspot-get-association-definitions", object{"fromObjectType": from, "toObjectType": to})
	return []object{{"associationCategory": labels.at("results", 0, "category"), "associationTypeId": labels.at("results", 0, "typeId")}}
}

func ourNamed(s *session, kind, words string) string {
	return s.call("hubspot_search_objects", object{"object_type": kind, "query": words}).text("results", 0, "id")
}

// The everyday tasks in HubSpot, beside @hubspot/mcp-server.
func hubspotTasks() []task {
	const mail = "dana.whitfield@acme.example"
	return []task{
		{
			key: "hubspot-deals", words: "Which deals does Dana Whitfield have, at what amount and stage, and who owns them?",
			facts: []string{"Acme annual renewal", "48000"}, more: []string{"Tomoko Nomura"},
			cannot: "gives the owner's number, not the name",
			ours: func(s *session) {
				dana := ourNamed(s, "contacts", "Dana Whitfield")
				s.call("hubspot_search_objects", object{"object_type": "deals", "associated_with": object{"type": "contacts", "id": dana}})
			},
			theirs: func(s *session) {
				dana := theirNamed(s, "contacts", "Dana Whitfield", "firstname", "lastname")
				deals := s.call("hubspot-list-associations", object{"objectType": "contacts", "objectId": dana, "toObjectType": "deals"})
				s.call("hubspot-batch-read-objects", object{
					"objectType": "deals", "inputs": []object{{"id": deals.text("results", 0, "toObjectId")}},
					"properties": []string{"dealname", "amount", "dealstage", "closedate", "hubspot_owner_id"},
				})
			},
		},
		{
			key: "hubspot-move", words: "Move the deal Kestrel pilot to Closed won", writes: true,
			cannot: "names no stages: the id is known by heart",
			ours: func(s *session) {
				s.call("hubspot_move_deal", object{"id": ourNamed(s, "deals", "Kestrel pilot"), "stage": "Closed won"})
			},
			theirs: func(s *session) {
				deal := theirNamed(s, "deals", "Kestrel pilot", "dealname", "dealstage", "pipeline")
				s.call("hubspot-batch-update-objects", object{"objectType": "deals", "inputs": []object{{"id": deal, "properties": object{"dealstage": "closedwon"}}}})
			},
		},
		{
			key: "hubspot-call", words: "Log a ten-minute call of this morning on the contact with the e-mail " + mail, writes: true,
			ours: func(s *session) {
				dana := s.call("hubspot_get_object", object{"object_type": "contacts", "id": mail}).text("record", "id")
				s.call("hubspot_log_call", object{
					"title": "Exports", "body": "Exports work again.", "direction": "outbound", "minutes": 10, "when": "2026-11-25T08:00:00Z",
					"associate_to": []object{{"type": "contacts", "id": dana}},
				})
			},
			theirs: func(s *session) {
				dana := theirRecord(s, "contacts", "email", mail)
				s.call("hubspot-batch-create-objects", object{"objectType": "calls", "inputs": []object{{
					"properties": object{
						"hs_call_title": "Exports", "hs_call_body": "<p>Exports work again.</p>", "hs_call_direction": "OUTBOUND", "hs_call_status": "COMPLETED",
						"hs_call_duration": "600000", "hs_timestamp": "2026-11-25T08:00:00Z",
					},
					"associations": []object{{"to": object{"id": dana}, "types": theirType(s, "calls", "contacts")}},
				}}})
			},
		},
		{
			key: "hubspot-contact", words: "Add Nils Aker of Borealis Foods as a contact, with his company", writes: true,
			ours: func(s *session) {
				s.call("hubspot_create_object", object{
					"object_type": "contacts", "properties": object{"firstname": "Nils", "lastname": "Aker", "email": "nils.aker@borealis.example"},
					"associate_to": []object{{"type": "companies", "id": ourNamed(s, "companies", "Borealis Foods")}},
				})
			},
			theirs: func(s *session) {
				company := theirNamed(s, "companies", "Borealis Foods", "name")
				s.call("hubspot-batch-create-objects", object{"objectType": "contacts", "inputs": []object{{
					"properties":   object{"firstname": "Nils", "lastname": "Aker", "email": "nils.aker@borealis.example"},
					"associations": []object{{"to": object{"id": company}, "types": theirType(s, "contacts", "companies")}},
				}}})
			},
		},
		{
			key: "hubspot-activity", words: "What happened with Dana Whitfield lately?",
			facts: []string{"Renewal call", "Wants the", "Quarterly review", "Export stops", "Send the renewal contract"},
			ours: func(s *session) {
				s.call("hubspot_get_activity", object{"object_type": "contacts", "id": ourNamed(s, "contacts", "Dana Whitfield")})
			},
			theirs: func(s *session) {
				dana := theirNamed(s, "contacts", "Dana Whitfield", "firstname", "lastname")
				for _, kind := range []string{"notes", "tasks", "calls", "meetings", "emails"} {
					theirActivities(s, dana, kind)
				}
			},
		},
	}
}

// theirActivities reads the activities of one type of a contact, where there are any.
func theirActivities(s *session, contact, kind string) {
	found, _ := s.call("hubspot-list-associations", object{"objectType": "contacts", "objectId": contact, "toObjectType": kind}).at("results").([]any)
	var ids []object
	for _, f := range found {
		o, _ := f.(map[string]any)
		ids = append(ids, object{"id": fmt.Sprint(o["toObjectId"])})
	}
	if len(ids) == 0 {
		return
	}
	properties := map[string]string{
		"notes": "hs_note_body", "tasks": "hs_task_subject hs_task_body hs_task_status", "calls": "hs_call_title hs_call_body hs_call_direction",
		"meetings": "hs_meeting_title hs_meeting_body hs_meeting_start_time", "emails": "hs_email_subject hs_email_text hs_email_direction",
	}[kind]
	s.call("hubspot-batch-read-objects", object{"objectType": kind, "inputs": ids, "properties": append(strings.Fields(properties), "hs_timestamp", "hubspot_owner_id")})
}
