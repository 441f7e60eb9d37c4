package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// hubspotProperty is a property of a type of record.
type hubspotProperty struct {
	name, label, about, group string
	kind, field               string
	options                   []hubspotOption
	readOnly, unique, hidden  bool
	own                       bool // made by a user of the account
	archived                  bool
}

type hubspotOption struct {
	Label  string `json:"label"`
	Value  string `json:"value"`
	Order  int    `json:"displayOrder"`
	Hidden bool   `json:"hidden"`
}

func hubspotOptions(values ...string) []hubspotOption {
	var all []hubspotOption
	for i, v := range values {
		value, label, named := strings.Cut(v, "=")
		if !named {
			label = strings.ToUpper(value[:1]) + strings.ToLower(strings.ReplaceAll(value[1:], "_", " "))
		}
		all = append(all, hubspotOption{Label: label, Value: value, Order: i})
	}
	return all
}

// seedProperties defines the properties that every account has.
func (p *hubspotPortal) seedProperties() {
	choices := map[string][]hubspotOption{
		"lifecyclestage": hubspotOptions("subscriber", "lead", "marketingqualifiedlead=Marketing qualified lead", "salesqualifiedlead=Sales qualified lead", "opportunity", "customer", "evangelist", "other"),
		"industry":       hubspotOptions("MACHINERY", "FOOD_PRODUCTION", "COMPUTER_SOFTWARE", "LOGISTICS_AND_SUPPLY_CHAIN", "RETAIL"),
		"dealtype":       hubspotOptions("newbusiness=New business", "existingbusiness=Existing business"), "hs_ticket_priority": hubspotOptions("LOW", "MEDIUM", "HIGH", "URGENT"),
		"hs_ticket_category": hubspotOptions("PRODUCT_ISSUE", "BILLING_ISSUE", "FEATURE_REQUEST", "GENERAL_INQUIRY"),
		"hs_task_status":     hubspotOptions("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"), "hs_task_priority": hubspotOptions("LOW", "MEDIUM", "HIGH"),
		"hs_task_type": hubspotOptions("TODO", "CALL", "EMAIL"), "hs_call_direction": hubspotOptions("INBOUND", "OUTBOUND"),
		"hs_call_status":     hubspotOptions("QUEUED", "RINGING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED", "BUSY", "NO_ANSWER"),
		"hs_meeting_outcome": hubspotOptions("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"), "hs_email_direction": hubspotOptions("EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"),
		"hs_email_status": hubspotOptions("BOUNCED", "FAILED", "SCHEDULED", "SENDING", "SENT"),
	}
	labels := map[string]string{"firstname": "First name", "lastname": "Last name", "jobtitle": "Job title", "lifecyclestage": "Lifecycle stage", "dealname": "Deal name", "dealstage": "Deal stage",
		"closedate": "Close date", "dealtype": "Deal type", "numberofemployees": "Number of employees", "createdate": "Create date", "lastmodifieddate": "Last modified date", "hubspot_owner_id": "Owner", "domain": "Company domain name"}
	about := map[string]string{"lifecyclestage": "How far the contact has come in your sales process.", "amount": "The total value of the deal in the deal's currency.", "hs_ticket_priority": "How urgent the ticket is."}
	p.properties = map[string][]*hubspotProperty{}
	for kind, t := range hubspotTypes() {
		group := strings.NewReplacer("-", "_").Replace(t.singular) + "information"
		for _, name := range t.properties {
			d := &hubspotProperty{name: name, label: labels[name], about: about[name], group: group, kind: "string", field: "text", options: choices[name]}
			if d.label == "" {
				text := strings.ReplaceAll(strings.TrimPrefix(name, "hs_"), "_", " ")
				d.label = strings.ToUpper(text[:1]) + text[1:]
			}
			switch {
			case len(d.options) > 0:
				d.kind, d.field = "enumeration", "select"
			case name == "amount", name == "price", name == "quantity", name == "numberofemployees", name == "employees", name == "hs_call_duration", name == "hs_object_id":
				d.kind, d.field = "number", "number"
			case strings.HasSuffix(name, "date"), strings.HasSuffix(name, "_time"), name == "hs_timestamp":
				d.kind, d.field = "datetime", "date"
			case strings.HasSuffix(name, "_body"), name == "hs_email_html":
				d.field = "html"
			case name == "hubspot_owner_id", name == "dealstage", name == "pipeline", name == "hs_pipeline", name == "hs_pipeline_stage":
				d.kind, d.field = "enumeration", "select"
			}
			d.readOnly = name == "hs_object_id" || strings.HasSuffix(name, "modifieddate") || name == "createdate"
			d.unique = name == "email" || name == "domain" || name == "hs_object_id" || name == "site_code"
			p.properties[kind] = append(p.properties[kind], d)
		}
	}
}

// property is the definition of a property of a type, or nil.
func (p *hubspotPortal) property(kind, name string) *hubspotProperty {
	for _, d := range p.properties[kind] {
		if d.name == name && !d.archived {
			return d
		}
	}
	return nil
}

func (d *hubspotProperty) wire() answer {
	options := d.options
	if options == nil {
		options = []hubspotOption{}
	}
	return answer{
		"name": d.name, "label": d.label, "description": d.about, "groupName": d.group, "type": d.kind, "fieldType": d.field, "options": options, "displayOrder": -1,
		"calculated": false, "externalOptions": d.name == "hubspot_owner_id", "hasUniqueValue": d.unique, "hidden": d.hidden, "hubspotDefined": !d.own, "formField": !d.readOnly, "archived": d.archived,
		"createdAt": "2024-02-01T09:00:00.000Z", "updatedAt": "2026-10-01T09:00:00.000Z", "dataSensitivity": "non_sensitive",
		"modificationMetadata": answer{"archivable": d.own, "readOnlyDefinition": !d.own, "readOnlyValue": d.readOnly},
	}
}

// about checks the type of record whose properties or pipelines a request is about,
// and the scopes that it needs: those for the records serve for reading too.
func (p *hubspotPortal) about(verb string, next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind := hubspotType(r.PathValue("type"))
		if kind == "" {
			p.signed(nil, func(w http.ResponseWriter, r *http.Request) {
				p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Unable to infer object type from: "+r.PathValue("type"), nil)
			})(w, r)
			return
		}
		name := kind
		if kind == hubspotSites {
			name = "custom"
		}
		scopes := []string{"crm.schemas." + name + "." + verb}
		if kind == "tickets" {
			scopes = append(scopes, "tickets")
		}
		if verb == "read" {
			scopes = append(scopes, append(hubspotKindScopes(kind, "read"), hubspotKindScopes(kind, "write")...)...)
		}
		p.signed(scopes, func(w http.ResponseWriter, r *http.Request) { next(w, r, kind) })(w, r)
	}
}

func (p *hubspotPortal) listProperties(w http.ResponseWriter, r *http.Request, kind string) {
	results := []answer{}
	for _, d := range p.properties[kind] {
		if d.archived == (r.URL.Query().Get("archived") == "true") {
			results = append(results, d.wire())
		}
	}
	p.send(w, http.StatusOK, answer{"results": results})
}

func (p *hubspotPortal) listGroups(w http.ResponseWriter, _ *http.Request, kind string) {
	seen := map[string]bool{}
	for _, d := range p.properties[kind] {
		seen[d.group] = true
	}
	results := []answer{}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		results = append(results, answer{"name": name, "label": name, "displayOrder": 0, "archived": false})
	}
	p.send(w, http.StatusOK, answer{"results": results})
}

func (p *hubspotPortal) readProperty(w http.ResponseWriter, r *http.Request, kind string) {
	if d := p.property(kind, r.PathValue("name")); d != nil {
		p.send(w, http.StatusOK, d.wire())
		return
	}
	p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Property "+r.PathValue("name")+" does not exist", nil)
}

// hubspotDefinition is what a request says of a property.
type hubspotDefinition struct {
	Name    string          `json:"name"`
	Label   string          `json:"label"`
	About   string          `json:"description"`
	Group   string          `json:"groupName"`
	Kind    string          `json:"type"`
	Field   string          `json:"fieldType"`
	Options []hubspotOption `json:"options"`
	Unique  bool            `json:"hasUniqueValue"`
	Hidden  *bool           `json:"hidden"`
}

func (p *hubspotPortal) createProperty(w http.ResponseWriter, r *http.Request, kind string) {
	var in hubspotDefinition
	if !p.body(w, r, &in) {
		return
	}
	switch {
	case in.Name == "" || in.Label == "" || in.Group == "" || in.Kind == "" || in.Field == "":
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "name, label, groupName, type and fieldType are required", nil)
		return
	case p.property(kind, in.Name) != nil:
		p.fail(w, http.StatusConflict, "OBJECT_ALREADY_EXISTS", "A property named '"+in.Name+"' already exists.", nil)
		return
	case !slices.ContainsFunc(p.properties[kind], func(d *hubspotProperty) bool { return d.group == in.Group }):
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "The property group "+in.Group+" does not exist", nil)
		return
	}
	d := &hubspotProperty{name: in.Name, label: in.Label, about: in.About, group: in.Group, kind: in.Kind, field: in.Field, options: in.Options, unique: in.Unique, own: true}
	p.properties[kind] = append(p.properties[kind], d)
	p.send(w, http.StatusCreated, d.wire())
}

func (p *hubspotPortal) updateProperty(w http.ResponseWriter, r *http.Request, kind string) {
	var in hubspotDefinition
	if !p.body(w, r, &in) {
		return
	}
	d := p.property(kind, r.PathValue("name"))
	if d == nil {
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Property "+r.PathValue("name")+" does not exist", nil)
		return
	}
	for _, change := range []struct {
		to   *string
		what string
	}{{&d.label, in.Label}, {&d.about, in.About}, {&d.group, in.Group}} {
		if change.what != "" {
			*change.to = change.what
		}
	}
	if in.Options != nil {
		d.options = in.Options
	}
	if in.Hidden != nil {
		d.hidden = *in.Hidden
	}
	p.send(w, http.StatusOK, d.wire())
}
