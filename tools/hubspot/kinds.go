package hubspot

import (
	"regexp"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// kind is a type of record that every account has.
type kind struct {
	name     string
	singular string   // in the pseudo-property associations.SINGULAR
	typeID   string   // in addresses of records
	note     int      // association type from a note to it; 0: made afterwards
	title    []string // properties that together are its name
	defaults []string // properties that are read unless others are asked for
}

// kinds are the standard types, with what a support or sales agent reads first.
// Type ids and association types: developers.hubspot.com/docs/guides/api/crm/associations.
var kinds = []kind{
	{"contacts", "contact", "0-1", 202, []string{"firstname", "lastname"}, []string{"firstname", "lastname", "email", "phone", "company", "jobtitle", "lifecyclestage", "hubspot_owner_id"}},
	{"companies", "company", "0-2", 190, []string{"name"}, []string{"name", "domain", "industry", "city", "country", "hubspot_owner_id"}},
	{"deals", "deal", "0-3", 214, []string{"dealname"}, []string{"dealname", "amount", "dealstage", "pipeline", "closedate", "hubspot_owner_id"}},
	{"tickets", "ticket", "0-5", 228, []string{"subject"}, []string{"subject", "content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_priority", "createdate", "hubspot_owner_id"}},
	{"leads", "lead", "0-136", 0, []string{"hs_lead_name"}, []string{"hs_lead_name", "hs_lead_type", "hs_lead_label", "hs_pipeline_stage", "hubspot_owner_id"}},
	{"line_items", "line_item", "0-8", 0, []string{"name"}, []string{"name", "quantity", "price", "amount", "hs_product_id"}},
	{"products", "product", "0-7", 0, []string{"name"}, []string{"name", "description", "price", "hs_sku"}},
	{"quotes", "quote", "0-14", 0, []string{"hs_title"}, []string{"hs_title", "hs_status", "hs_expiration_date", "hs_quote_amount"}},
	{"notes", "note", "0-46", 0, nil, []string{"hs_note_body", "hs_timestamp", "hubspot_owner_id"}},
	{"tasks", "task", "0-27", 0, []string{"hs_task_subject"}, []string{"hs_task_subject", "hs_task_body", "hs_task_status", "hs_task_priority", "hs_timestamp", "hubspot_owner_id"}},
	{"calls", "call", "0-48", 0, []string{"hs_call_title"}, []string{"hs_call_title", "hs_call_body", "hs_call_direction", "hs_call_status", "hs_timestamp", "hubspot_owner_id"}},
	{"meetings", "meeting_event", "0-47", 0, []string{"hs_meeting_title"}, []string{"hs_meeting_title", "hs_meeting_body", "hs_meeting_start_time", "hs_meeting_end_time", "hubspot_owner_id"}},
	{"emails", "email", "0-49", 0, []string{"hs_email_subject"}, []string{"hs_email_subject", "hs_email_text", "hs_email_direction", "hs_timestamp", "hubspot_owner_id"}},
}

// kindNames are the standard types and "custom", which stands for all others.
func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return append(names, "custom")
}

// customForm is how a custom type is named: by its id or its full name.
var customForm = regexp.MustCompile(`^(2-\d{1,20}|p\d{1,20}_\w{1,78})$`)

// readable refuses a type of record that the call was not granted: HubSpot would
// tell of it whatever the app's own token allows.
func readable(c *upstream.Client, k kind) error {
	word := "crm.objects." + k.name + ".read"
	if !slices.Contains(kindNames(), k.name) {
		word = "crm.objects.custom.read"
	}
	if c.Allows(word) {
		return nil
	}
	f := fault.New(fault.NotPermitted, "This agent may not see %s: %s was not granted. Leave them out, or have an admin add the scope.", k.name, word)
	f.Needed = []string{"hubspot:" + word}
	f.NotSent = true
	return f
}

// parseKind reads a type of record. Only the spellings above are taken: HubSpot
// itself takes "contact", "0-1" and more for contacts, and then the permission
// for custom types, which is what an unknown name needs, would open contacts.
func parseKind(name string) (kind, error) {
	if i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name }); i >= 0 {
		return kinds[i], nil
	}
	if customForm.MatchString(name) {
		return kind{name: name, singular: name, typeID: name}, nil
	}
	return kind{}, fault.New(fault.InvalidArguments, "%q is no type of record. Use %s, or a custom type such as 2-123.", upstream.Clean(name, 60), strings.Join(kindNames()[:len(kinds)], ", "))
}

// htmlProperties hold HTML, which is shown as text.
var htmlProperties = map[string]bool{
	"hs_note_body": true, "hs_task_body": true, "hs_call_body": true, "hs_meeting_body": true, "hs_internal_meeting_notes": true, "hs_email_html": true,
}
