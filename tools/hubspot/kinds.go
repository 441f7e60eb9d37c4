package hubspot

import (
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// kind is a type of record.
type kind struct {
	name     string
	singular string   // in the pseudo-property associations.SINGULAR
	typeID   string   // in addresses of records
	title    []string // properties that together are its name
	defaults []string // properties that are read unless others are asked for
	pipeline string   // the property that holds a pipeline's id; "": it has none
	stage    string   // and the one that holds the stage's
	label    string   // what people call it, of a custom type
	custom   bool
}

// kinds are the standard types, with what a support or sales agent reads first.
// Type ids: developers.hubspot.com/docs/guides/crm/understanding-the-crm.
var kinds = []kind{
	{name: "contacts", singular: "contact", typeID: "0-1", title: list("firstname lastname"), defaults: list("firstname lastname email phone company jobtitle lifecyclestage hubspot_owner_id")},
	{name: "companies", singular: "company", typeID: "0-2", title: list("name"), defaults: list("name domain industry city country hubspot_owner_id")},
	{name: "deals", singular: "deal", typeID: "0-3", title: list("dealname"), defaults: list("dealname amount dealstage pipeline closedate hubspot_owner_id"), pipeline: "pipeline", stage: "dealstage"},
	{name: "tickets", singular: "ticket", typeID: "0-5", title: list("subject"), defaults: list("subject content hs_pipeline hs_pipeline_stage hs_ticket_priority createdate hubspot_owner_id"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "leads", singular: "lead", typeID: "0-136", title: list("hs_lead_name"), defaults: list("hs_lead_name hs_lead_type hs_lead_label hs_pipeline_stage hubspot_owner_id"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "line_items", singular: "line_item", typeID: "0-8", title: list("name"), defaults: list("name quantity price amount hs_product_id")},
	{name: "products", singular: "product", typeID: "0-7", title: list("name"), defaults: list("name description price hs_sku")},
	{name: "quotes", singular: "quote", typeID: "0-14", title: list("hs_title"), defaults: list("hs_title hs_status hs_expiration_date hs_quote_amount")},
	{name: "notes", singular: "note", typeID: "0-46", defaults: list("hs_note_body hs_timestamp hubspot_owner_id")},
	{name: "tasks", singular: "task", typeID: "0-27", title: list("hs_task_subject"), defaults: list("hs_task_subject hs_task_body hs_task_status hs_task_priority hs_timestamp hubspot_owner_id")},
	{name: "calls", singular: "call", typeID: "0-48", title: list("hs_call_title"), defaults: list("hs_call_title hs_call_body hs_call_direction hs_call_status hs_timestamp hubspot_owner_id")},
	{name: "meetings", singular: "meeting_event", typeID: "0-47", title: list("hs_meeting_title"), defaults: list("hs_meeting_title hs_meeting_body hs_meeting_start_time hs_meeting_end_time hubspot_owner_id")},
	{name: "emails", singular: "email", typeID: "0-49", title: list("hs_email_subject"), defaults: list("hs_email_subject hs_email_text hs_email_direction hs_timestamp hubspot_owner_id")},
	{name: "orders", singular: "order", typeID: "0-123", title: list("hs_order_name"), defaults: list("hs_order_name hs_total_price hs_currency_code hs_pipeline hs_pipeline_stage hubspot_owner_id"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "invoices", singular: "invoice", typeID: "0-53", title: list("hs_title"), defaults: list("hs_title hs_number hs_invoice_status hs_amount_billed hs_due_date")},
	{name: "subscriptions", singular: "subscription", typeID: "0-69", title: list("hs_name"), defaults: list("hs_name hs_status hs_recurring_billing_start_date")},
	{name: "appointments", singular: "appointment", typeID: "0-421", title: list("hs_appointment_name"), defaults: list("hs_appointment_name hs_appointment_start hs_appointment_end hs_pipeline_stage"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "courses", singular: "course", typeID: "0-410", title: list("hs_course_name"), defaults: list("hs_course_name hs_course_id hs_pipeline_stage"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "listings", singular: "listing", typeID: "0-420", title: list("hs_name"), defaults: list("hs_name hs_price hs_pipeline_stage"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "services", singular: "service", typeID: "0-162", title: list("hs_name"), defaults: list("hs_name hs_status hs_pipeline_stage hubspot_owner_id"), pipeline: "hs_pipeline", stage: "hs_pipeline_stage"},
	{name: "marketing_events", singular: "marketing_event", typeID: "0-54", title: list("hs_event_name"), defaults: list("hs_event_name hs_event_type hs_start_datetime hs_end_datetime")},
	{name: "postal_mail", singular: "postal_mail", typeID: "0-116", defaults: list("hs_postal_mail_body hs_timestamp hubspot_owner_id")},
	{name: "communications", singular: "communication", typeID: "0-18", defaults: list("hs_communication_body hs_communication_channel_type hs_timestamp hubspot_owner_id")},
	{name: "users", singular: "user", typeID: "0-115", title: list("hs_given_name hs_family_name"), defaults: list("hs_given_name hs_family_name hs_email hs_job_title")},
}

func list(s string) []string { return strings.Fields(s) }

// activities are the types that stand on a record's timeline, in the order in
// which they are read.
var activities = []string{"notes", "tasks", "calls", "meetings", "emails"}

// kindNames are the standard types and "custom", which stands for all others.
func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return append(names, "custom")
}

func standard(name string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// scope is the permission for records of the kind.
func (k kind) scope(verb string) string {
	if k.custom {
		return "crm.objects.custom." + verb
	}
	return "crm.objects." + k.name + "." + verb
}

// called is what a person calls the kind.
func (k kind) called() string {
	if k.label != "" {
		return k.label
	}
	return k.name
}

// readable refuses a type of record that the call was not granted: HubSpot would
// tell of it whatever the app's own token allows.
func readable(c *upstream.Client, k kind) error { return granted(c, k, "read", "see") }

// writable does the same for changes.
func writable(c *upstream.Client, k kind) error { return granted(c, k, "write", "change") }

func granted(c *upstream.Client, k kind, verb, does string) error {
	word := k.scope(verb)
	if c.Allows(word) {
		return nil
	}
	f := fault.New(fault.NotPermitted, "This agent may not %s %s: %s was not granted. Leave them out, or have an admin add the scope.", does, k.called(), word)
	f.Needed = []string{"hubspot:" + word}
	f.NotSent = true
	return f
}

// customForm is how HubSpot itself names a custom type: its id or its full name.
var customForm = pattern.New(`^(2-\d{1,20}|p\d{1,20}_\w{1,78})$`)

// mistaken refuses what only looks like a standard type. HubSpot itself takes
// "contact", "0-1" and more for contacts; here a type has one name, since what is
// unknown needs the permission for custom types, and that must not open contacts,
// and since a rule on object_type must not be evaded by another spelling.
func mistaken(word string) error {
	for _, k := range kinds {
		for _, other := range []string{k.name, k.singular, k.typeID} {
			if strings.EqualFold(strings.TrimSpace(word), other) {
				return fault.New(fault.InvalidArguments, "%q is not how the type is written here. Use %q.", upstream.Clean(word, 60), k.name)
			}
		}
	}
	return nil
}

// htmlProperties hold HTML, which is shown as text.
var htmlProperties = map[string]bool{
	"hs_note_body": true, "hs_task_body": true, "hs_call_body": true, "hs_meeting_body": true, "hs_internal_meeting_notes": true, "hs_email_html": true,
	"hs_communication_body": true, "hs_postal_mail_body": true,
}

// timeProperties hold a point in time, so that a word such as "friday" in them is
// read as one.
var timeProperties = map[string]bool{
	"createdate": true, "lastmodifieddate": true, "hs_createdate": true, "hs_lastmodifieddate": true, "closedate": true, "closed_date": true,
	"hs_timestamp": true, "hs_task_completion_date": true, "hs_meeting_start_time": true, "hs_meeting_end_time": true,
	"notes_last_updated": true, "notes_last_contacted": true, "notes_next_activity_date": true, "hs_last_sales_activity_timestamp": true,
	"hubspot_owner_assigneddate": true, "hs_appointment_start": true, "hs_appointment_end": true, "hs_start_datetime": true, "hs_end_datetime": true,
	"hs_lastactivitydate": true, "hs_last_activity_date": true, "hs_lead_status_date": true, "hs_date_entered_current_stage": true,
}
