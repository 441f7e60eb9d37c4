package sandbox

import (
	"slices"
	"strings"
)

// hubspotKind is a type of record: what else it is called, and the properties
// that it has from the start.
type hubspotKind struct {
	singular, id string
	full         string // of a custom type
	properties   []string
	always       []string // returned unless others are asked for
}

// hubspotSites is a type of record that the account has made itself.
const hubspotSites = "2-41987213"

func hubspotTypes() map[string]hubspotKind {
	list := func(s string) []string {
		return strings.Fields(s + " hs_object_id createdate lastmodifieddate hs_lastmodifieddate hubspot_owner_id")
	}
	own := []string{"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}
	return map[string]hubspotKind{
		"contacts":   {singular: "contact", id: "0-1", properties: list("firstname lastname email phone company jobtitle lifecyclestage city country notes_last_updated"), always: []string{"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}},
		"companies":  {singular: "company", id: "0-2", properties: list("name domain industry city country phone numberofemployees"), always: []string{"createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"}},
		"deals":      {singular: "deal", id: "0-3", properties: list("dealname amount dealstage pipeline closedate dealtype"), always: []string{"amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"}},
		"tickets":    {singular: "ticket", id: "0-5", properties: list("subject content hs_pipeline hs_pipeline_stage hs_ticket_priority hs_ticket_category"), always: []string{"content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority", "subject"}},
		"line_items": {singular: "line_item", id: "0-8", properties: list("name quantity price amount hs_product_id"), always: []string{"createdate", "hs_lastmodifieddate", "hs_object_id"}},
		"notes":      {singular: "note", id: "0-46", properties: list("hs_note_body hs_timestamp"), always: own},
		"tasks":      {singular: "task", id: "0-27", properties: list("hs_task_subject hs_task_body hs_task_status hs_task_priority hs_task_type hs_timestamp"), always: own},
		"calls":      {singular: "call", id: "0-48", properties: list("hs_call_title hs_call_body hs_call_direction hs_call_status hs_call_disposition hs_call_duration hs_timestamp"), always: own},
		"meetings":   {singular: "meeting_event", id: "0-47", properties: list("hs_meeting_title hs_meeting_body hs_meeting_start_time hs_meeting_end_time hs_meeting_location hs_meeting_outcome hs_timestamp"), always: own},
		"emails":     {singular: "email", id: "0-49", properties: list("hs_email_subject hs_email_text hs_email_html hs_email_status hs_email_direction hs_timestamp"), always: own},
		hubspotSites: {singular: "site", id: hubspotSites, full: "p48219057_site", properties: list("site_name site_code employees"), always: []string{"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}},
	}
}

// hubspotType is the type that HubSpot understands by a name: it takes singulars
// and ids too.
func hubspotType(name string) string {
	name = strings.ToLower(name)
	for kind, t := range hubspotTypes() {
		if name == kind || name == t.id || name == t.full || name == t.singular && t.full == "" || name == "meeting" && kind == "meetings" {
			return kind
		}
	}
	return ""
}

// hubspotKindScopes are those of which one is needed for records of a type.
func hubspotKindScopes(kind, verb string) []string {
	switch kind {
	case "notes", "tasks", "calls", "meetings":
		return []string{"crm.objects.contacts." + verb}
	case "emails":
		if verb == "read" {
			return []string{"sales-email-read"}
		}
		return []string{"crm.objects.contacts." + verb}
	case "tickets":
		return []string{"crm.objects.tickets." + verb, "tickets"}
	case hubspotSites:
		return []string{"crm.objects.custom." + verb}
	}
	return []string{"crm.objects." + kind + "." + verb}
}

// hubspotAssociation is a kind of association from one type to another; label is
// "" for the plain one. inverse is its id the other way round.
type hubspotAssociation struct {
	category    string
	id, inverse int
	label       string
}

// hubspotAssociations are the kinds of association between two types. The ids are
// HubSpot's where it documents them
// (developers.hubspot.com/docs/api-reference/crm-associations-v4/guide).
func hubspotAssociations(from, to string) []hubspotAssociation {
	documented := map[string]int{
		"contacts companies": 279, "companies contacts": 280, "deals contacts": 3, "contacts deals": 4, "deals companies": 341, "companies deals": 342,
		"tickets contacts": 16, "contacts tickets": 15, "tickets companies": 339, "companies tickets": 340,
	}
	for i, other := range []string{"companies", "contacts", "deals", "tickets"} {
		for kind, base := range map[string]int{"notes": 190, "tasks": 192, "calls": 182, "meetings": 188, "emails": 186} {
			id := base + 12*i
			if other == "tickets" {
				id += 2
			}
			documented[kind+" "+other], documented[other+" "+kind] = id, id-1
		}
	}
	var kinds []string
	for kind := range hubspotTypes() {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	plain := func(from, to string) int {
		if id := documented[from+" "+to]; id > 0 {
			return id
		}
		return 2000 + 50*slices.Index(kinds, from) + slices.Index(kinds, to)
	}
	all := []hubspotAssociation{{"HUBSPOT_DEFINED", plain(from, to), plain(to, from), ""}}
	switch from + " " + to {
	case "contacts companies":
		all = append(all, hubspotAssociation{"HUBSPOT_DEFINED", 1, 2, "Primary"}, hubspotAssociation{"USER_DEFINED", 35, 36, "Billing contact"})
	case "companies contacts":
		all = append(all, hubspotAssociation{"HUBSPOT_DEFINED", 2, 1, "Primary"}, hubspotAssociation{"USER_DEFINED", 36, 35, "Billing contact"})
	case "contacts deals":
		all = append(all, hubspotAssociation{"USER_DEFINED", 31, 32, "Decision maker"})
	case "deals contacts":
		all = append(all, hubspotAssociation{"USER_DEFINED", 32, 31, "Decision maker"})
	}
	return all
}
