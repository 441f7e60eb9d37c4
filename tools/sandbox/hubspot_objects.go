package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hubspotKind is a type of record: what else it is called, and the properties
// that it has.
type hubspotKind struct {
	singular, id string
	properties   []string
	always       []string // returned unless others are asked for
}

func hubspotTypes() map[string]hubspotKind {
	list := func(s string) []string {
		return strings.Fields(s + " hs_object_id createdate lastmodifieddate hs_lastmodifieddate hubspot_owner_id")
	}
	return map[string]hubspotKind{
		"contacts":  {"contact", "0-1", list("firstname lastname email phone company jobtitle lifecyclestage city country notes_last_updated"), []string{"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}},
		"companies": {"company", "0-2", list("name domain industry city country phone numberofemployees"), []string{"createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"}},
		"deals":     {"deal", "0-3", list("dealname amount dealstage pipeline closedate"), []string{"amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"}},
		"tickets":   {"ticket", "0-5", list("subject content hs_pipeline hs_pipeline_stage hs_ticket_priority hs_ticket_category"), []string{"content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority", "subject"}},
		"notes":     {"note", "0-46", list("hs_note_body hs_timestamp"), []string{"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}},
		"tasks":     {"task", "0-27", list("hs_task_subject hs_task_body hs_task_status hs_task_priority hs_timestamp"), []string{"hs_createdate", "hs_lastmodifieddate", "hs_object_id"}},
	}
}

// find looks a record up by its id or a property with unique values.
func (p *hubspotPortal) find(kind, property, value string) *hubspotRecord {
	for _, r := range p.records[kind] {
		if !r.archived && strings.EqualFold(r.properties[property], value) {
			return r
		}
	}
	return nil
}

func (p *hubspotPortal) stampUp(r *hubspotRecord, kind string) {
	r.updated = p.now().UTC().Truncate(time.Millisecond)
	last := "hs_lastmodifieddate"
	if kind == "contacts" {
		last = "lastmodifieddate"
	}
	r.properties[last] = r.updated.Format("2006-01-02T15:04:05.000Z")
}

func (p *hubspotPortal) add(kind string, created time.Time, properties map[string]string) *hubspotRecord {
	p.nextID += 104_729 // ids of HubSpot are not in a row
	r := &hubspotRecord{id: strconv.FormatInt(84_512_000_000+p.nextID, 10), properties: maps.Clone(properties), created: created.UTC().Truncate(time.Millisecond)}
	r.properties["hs_object_id"], r.properties["createdate"] = r.id, r.created.Format("2006-01-02T15:04:05.000Z")
	p.stampUp(r, kind)
	p.records[kind] = append(p.records[kind], r)
	return r
}

// wire is a record with the properties asked for: null where there is no value,
// and nothing at all for names that the type does not have.
func (p *hubspotPortal) wire(kind string, r *hubspotRecord, asked []string) answer {
	t := hubspotTypes()[kind]
	properties := map[string]any{}
	for _, name := range append(slices.Clone(t.always), asked...) {
		if slices.Contains(t.properties, name) {
			properties[name] = nil
			if v := r.properties[name]; v != "" {
				properties[name] = v
			}
		}
	}
	return answer{
		"id": r.id, "properties": properties, "archived": r.archived,
		"createdAt": r.created.Format("2006-01-02T15:04:05.000Z"), "updatedAt": r.updated.Format("2006-01-02T15:04:05.000Z"),
		"url": fmt.Sprintf("https://app.hubspot.com/contacts/%d/record/%s/%s", hubspotPortalID, t.id, r.id),
	}
}

// locate finds the record of a request, or answers 404.
func (p *hubspotPortal) locate(w http.ResponseWriter, r *http.Request, kind string) *hubspotRecord {
	property := r.URL.Query().Get("idProperty")
	if property == "" {
		property = "hs_object_id"
	}
	found := p.find(kind, property, r.PathValue("id"))
	if found == nil {
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.", nil)
	}
	return found
}

func asked(r *http.Request, name string) []string {
	var all []string
	for _, v := range r.URL.Query()[name] {
		all = append(all, strings.Split(v, ",")...)
	}
	return all
}

func (p *hubspotPortal) read(w http.ResponseWriter, r *http.Request, kind string) {
	rec := p.locate(w, r, kind)
	if rec == nil {
		return
	}
	a := p.wire(kind, rec, asked(r, "properties"))
	associations := map[string]any{}
	for _, to := range asked(r, "associations") {
		to = hubspotType(to)
		results := []answer{}
		for _, other := range p.records[to] {
			if p.links[hubspotLink{kind, rec.id, to, other.id}] {
				results = append(results, answer{"id": other.id, "type": hubspotTypes()[kind].singular + "_to_" + hubspotTypes()[to].singular})
			}
		}
		if len(results) > 0 {
			associations[to] = answer{"results": results}
		}
	}
	if len(associations) > 0 {
		a["associations"] = associations
	}
	p.send(w, http.StatusOK, a)
}

// body decodes the request; unknown keys and wrong types are HubSpot's 400.
func (p *hubspotPortal) body(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(r.Body)
	if err := dec.Decode(into); err != nil {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid input JSON: "+err.Error(), nil)
		return false
	}
	return true
}

// valid checks the properties of a write.
func (p *hubspotPortal) valid(w http.ResponseWriter, kind string, properties map[string]string) bool {
	type detail struct {
		Valid   bool   `json:"isValid"`
		Message string `json:"message"`
		Error   string `json:"error"`
		Name    string `json:"name"`
	}
	var wrong []detail
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(hubspotTypes()[kind].properties, name) {
			wrong = append(wrong, detail{false, fmt.Sprintf("Property %q does not exist", name), "PROPERTY_DOESNT_EXIST", name})
		}
	}
	if e := properties["email"]; e != "" {
		if _, err := mail.ParseAddress(e); err != nil {
			wrong = append(wrong, detail{false, fmt.Sprintf("Email address %s is invalid", e), "INVALID_EMAIL", "email"})
		}
	}
	if len(wrong) == 0 {
		return true
	}
	text, _ := json.Marshal(wrong)
	var errs []answer
	for _, d := range wrong {
		errs = append(errs, answer{"message": d.Message, "code": d.Error, "context": answer{"propertyName": []string{d.Name}}})
	}
	p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Property values were not valid: "+string(text), answer{"errors": errs})
	return false
}

func (p *hubspotPortal) create(w http.ResponseWriter, r *http.Request, kind string) {
	var in struct {
		Properties   map[string]string `json:"properties"`
		Associations []struct {
			To struct {
				ID string `json:"id"`
			} `json:"to"`
			Types []struct {
				Category string `json:"associationCategory"`
				ID       int    `json:"associationTypeId"`
			} `json:"types"`
		} `json:"associations"`
	}
	if !p.body(w, r, &in) || !p.valid(w, kind, in.Properties) {
		return
	}
	if (kind == "notes" || kind == "tasks") && in.Properties["hs_timestamp"] == "" {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Error creating "+strings.ToUpper(kind)+". Some required properties were not set.", answer{
			"errors": []answer{{"message": "required property hs_timestamp is missing", "code": "MISSING_PROPERTIES", "context": answer{"properties": []string{"hs_timestamp"}}}}})
		return
	}
	if kind == "contacts" && in.Properties["email"] != "" {
		if old := p.find(kind, "email", in.Properties["email"]); old != nil {
			p.fail(w, http.StatusConflict, "CONFLICT", "Contact already exists. Existing ID: "+old.id, nil)
			return
		}
	}
	targets := map[int]string{202: "contacts", 190: "companies", 214: "deals", 228: "tickets"}
	var links []hubspotLink
	for _, a := range in.Associations {
		to := ""
		if len(a.Types) == 1 && a.Types[0].Category == "HUBSPOT_DEFINED" && kind == "notes" {
			to = targets[a.Types[0].ID]
		}
		if to == "" || p.find(to, "hs_object_id", a.To.ID) == nil {
			p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", fmt.Sprintf("The object %s is not valid, or not of the type that the association needs", a.To.ID), nil)
			return
		}
		links = append(links, hubspotLink{toType: to, to: a.To.ID})
	}
	rec := p.add(kind, p.now(), in.Properties)
	for _, l := range links {
		p.link(kind, rec.id, l.toType, l.to)
	}
	p.send(w, http.StatusCreated, p.wire(kind, rec, slices.Sorted(maps.Keys(in.Properties))))
}

func (p *hubspotPortal) update(w http.ResponseWriter, r *http.Request, kind string) {
	rec := p.locate(w, r, kind)
	if rec == nil {
		return
	}
	var in struct {
		Properties map[string]string `json:"properties"`
	}
	if !p.body(w, r, &in) || !p.valid(w, kind, in.Properties) {
		return
	}
	for k, v := range in.Properties {
		if v == "" {
			delete(rec.properties, k)
		} else {
			rec.properties[k] = v
		}
	}
	p.stampUp(rec, kind)
	p.send(w, http.StatusOK, p.wire(kind, rec, slices.Sorted(maps.Keys(in.Properties))))
}

func (p *hubspotPortal) archive(w http.ResponseWriter, r *http.Request, kind string) {
	if rec := p.locate(w, r, kind); rec != nil {
		rec.archived = true
		w.WriteHeader(http.StatusNoContent)
	}
}

func (p *hubspotPortal) link(fromType, from, toType, to string) {
	p.links[hubspotLink{fromType, from, toType, to}] = true
	p.links[hubspotLink{toType, to, fromType, from}] = true
}

func (p *hubspotPortal) associate(w http.ResponseWriter, r *http.Request, kind string) {
	to, toID := hubspotType(r.PathValue("to")), r.PathValue("toID")
	from := p.find(kind, "hs_object_id", r.PathValue("id"))
	if to == "" || from == nil || p.find(to, "hs_object_id", toID) == nil {
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "One or more objects to associate do not exist", nil)
		return
	}
	p.link(kind, from.id, to, toID)
	now := p.now().UTC().Format(time.RFC3339)
	p.send(w, http.StatusOK, answer{
		"status": "COMPLETE", "startedAt": now, "completedAt": now,
		"results": []answer{{"from": answerOf("id", from.id), "to": answerOf("id", toID), "associationSpec": answer{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}}},
	})
}

func (p *hubspotPortal) listOwners(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if q.Get("limit") == "" {
		limit, err = 100, nil
	}
	after, err2 := strconv.Atoi(q.Get("after"))
	if q.Get("after") == "" {
		after, err2 = 0, nil
	}
	if err != nil || err2 != nil || limit < 1 || limit > 500 || after < 0 {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid limit or after", nil)
		return
	}
	list := []answer{}
	for _, o := range p.owners {
		if e := q.Get("email"); e != "" && !strings.EqualFold(e, o.email) {
			continue
		}
		a := answer{"id": o.id, "email": o.email, "type": "PERSON", "firstName": o.first, "lastName": o.last, "userId": 71920000 + len(list), "archived": false,
			"createdAt": "2024-02-01T09:00:00.000Z", "updatedAt": "2026-10-01T09:00:00.000Z"}
		if o.team != "" {
			a["teams"] = []answer{{"id": "178203", "name": o.team, "primary": true}}
		}
		list = append(list, a)
	}
	from, to := min(after, len(list)), min(after+limit, len(list))
	body := answer{"results": list[from:to]}
	if to < len(list) {
		body["paging"] = answer{"next": answer{"after": strconv.Itoa(to)}}
	}
	p.send(w, http.StatusOK, body)
}
