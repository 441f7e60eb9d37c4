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
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		r.changes = append(r.changes, hubspotChange{name, properties[name], r.created})
	}
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
		if p.property(kind, name) != nil {
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
	if rec := p.locate(w, r, kind); rec != nil {
		p.send(w, http.StatusOK, p.whole(kind, rec, r))
	}
}

// whole is a record with all that the query asks for.
func (p *hubspotPortal) whole(kind string, rec *hubspotRecord, r *http.Request) answer {
	a := p.wire(kind, rec, asked(r, "properties"))
	history := map[string]any{}
	for _, name := range asked(r, "propertiesWithHistory") {
		changes := []answer{}
		for i := len(rec.changes) - 1; i >= 0; i-- {
			if ch := rec.changes[i]; ch.name == name {
				changes = append(changes, answer{"value": ch.value, "timestamp": ch.at.Format("2006-01-02T15:04:05.000Z"), "sourceType": "API"})
			}
		}
		history[name] = changes
	}
	if len(history) > 0 {
		a["propertiesWithHistory"] = history
	}
	associations := map[string]any{}
	for _, to := range asked(r, "associations") {
		to = hubspotType(to)
		results := []answer{}
		for _, other := range p.records[to] {
			if !other.archived && p.links[hubspotLink{kind, rec.id, to, other.id}] {
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
	return a
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

// hubspotProblem is why a write is refused.
type hubspotProblem struct {
	status            int
	category, message string
	extra             answer
	errors            []answer
}

func (p *hubspotPortal) refused(w http.ResponseWriter, why *hubspotProblem) {
	extra := answer{}
	for k, v := range why.extra {
		extra[k] = v
	}
	if why.errors != nil {
		extra["errors"] = why.errors
	}
	p.fail(w, why.status, why.category, why.message, extra)
}

func hubspotInvalid(message string) *hubspotProblem {
	return &hubspotProblem{status: http.StatusBadRequest, category: "VALIDATION_ERROR", message: message}
}

func isNumber(v string) bool {
	_, err := strconv.ParseFloat(v, 64)
	return err == nil
}

// valid checks the properties of a write; old is the record as it is, or nil.
func (p *hubspotPortal) valid(kind string, properties map[string]string, old *hubspotRecord) *hubspotProblem {
	type detail struct {
		Valid   bool   `json:"isValid"`
		Message string `json:"message"`
		Error   string `json:"error"`
		Name    string `json:"name"`
	}
	var wrong []detail
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		d, v := p.property(kind, name), properties[name]
		switch {
		case d == nil:
			wrong = append(wrong, detail{false, fmt.Sprintf("Property %q does not exist", name), "PROPERTY_DOESNT_EXIST", name})
		case d.readOnly:
			wrong = append(wrong, detail{false, fmt.Sprintf("%q is a read only property; its value cannot be set.", name), "READ_ONLY_VALUE", name})
		case v != "" && len(d.options) > 0 && !slices.ContainsFunc(d.options, func(o hubspotOption) bool { return o.Value == v }):
			var allowed []string
			for _, o := range d.options {
				allowed = append(allowed, fmt.Sprintf("label: %q value: %q", o.Label, o.Value))
			}
			wrong = append(wrong, detail{false, fmt.Sprintf("%s was not one of the allowed options: [%s]", v, strings.Join(allowed, ", ")), "INVALID_OPTION", name})
		case v != "" && d.kind == "number" && !isNumber(v):
			wrong = append(wrong, detail{false, fmt.Sprintf("%s was not a valid number.", v), "INVALID_DOUBLE", name})
		}
	}
	if e := properties["email"]; e != "" {
		if _, err := mail.ParseAddress(e); err != nil {
			wrong = append(wrong, detail{false, fmt.Sprintf("Email address %s is invalid", e), "INVALID_EMAIL", "email"})
		}
	}
	pipeline, stage := "pipeline", "dealstage"
	if kind == "tickets" {
		pipeline, stage = "hs_pipeline", "hs_pipeline_stage"
	}
	if in, at := properties[pipeline], properties[stage]; len(p.pipelines[kind]) > 0 && in+at != "" {
		if in == "" && old != nil {
			in = old.properties[pipeline]
		}
		if !p.placed(kind, in, at) {
			wrong = append(wrong, detail{false, fmt.Sprintf("%s is not a stage of the pipeline %s", at, in), "INVALID_OPTION", stage})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	text, _ := json.Marshal(wrong)
	why := hubspotInvalid("Property values were not valid: " + string(text))
	for _, d := range wrong {
		why.errors = append(why.errors, answer{"message": d.Message, "code": d.Error, "context": answer{"propertyName": []string{d.Name}}})
	}
	return why
}

// hubspotInput is what a request says of a record.
type hubspotInput struct {
	ID           string            `json:"id"`
	IDProperty   string            `json:"idProperty"`
	Trace        string            `json:"objectWriteTraceId"`
	Properties   map[string]string `json:"properties"`
	Associations []struct {
		To struct {
			ID string `json:"id"`
		} `json:"to"`
		Types []hubspotLinkType `json:"types"`
	} `json:"associations"`
}

type hubspotLinkType struct {
	Category string `json:"associationCategory"`
	ID       int    `json:"associationTypeId"`
}

func (p *hubspotPortal) create(w http.ResponseWriter, r *http.Request, kind string) {
	var in hubspotInput
	if !p.body(w, r, &in) {
		return
	}
	rec, why := p.make(kind, in)
	if why != nil {
		p.refused(w, why)
		return
	}
	p.send(w, http.StatusCreated, p.wire(kind, rec, slices.Sorted(maps.Keys(in.Properties))))
}

// make creates a record and its associations, or neither.
func (p *hubspotPortal) make(kind string, in hubspotInput) (*hubspotRecord, *hubspotProblem) {
	if why := p.valid(kind, in.Properties, nil); why != nil {
		return nil, why
	}
	if slices.Contains([]string{"notes", "tasks", "calls", "meetings", "emails"}, kind) && in.Properties["hs_timestamp"] == "" {
		return nil, &hubspotProblem{status: http.StatusBadRequest, category: "VALIDATION_ERROR", message: "Error creating " + strings.ToUpper(kind) + ". Some required properties were not set.",
			errors: []answer{{"message": "required property hs_timestamp is missing", "code": "MISSING_PROPERTIES", "context": answer{"properties": []string{"hs_timestamp"}}}}}
	}
	for _, d := range p.properties[kind] {
		if v := in.Properties[d.name]; d.unique && v != "" {
			if old := p.find(kind, d.name, v); old != nil {
				message := fmt.Sprintf("A %s with the %s %s already exists. Existing ID: %s", hubspotTypes()[kind].singular, d.name, v, old.id)
				if kind == "contacts" {
					message = "Contact already exists. Existing ID: " + old.id
				}
				return nil, &hubspotProblem{status: http.StatusConflict, category: "CONFLICT", message: message}
			}
		}
	}
	type end struct {
		kind, id string
		of       hubspotAssociation
	}
	var ends []end
	for _, a := range in.Associations {
		found := false
		for to := range hubspotTypes() {
			for _, of := range hubspotAssociations(kind, to) {
				if len(a.Types) == 1 && a.Types[0].Category == of.category && a.Types[0].ID == of.id && p.find(to, "hs_object_id", a.To.ID) != nil {
					ends, found = append(ends, end{to, a.To.ID, of}), true
				}
			}
		}
		if !found {
			return nil, hubspotInvalid(fmt.Sprintf("The object %s is not valid, or not of the type that the association needs", a.To.ID))
		}
	}
	properties := in.Properties
	if len(p.pipelines[kind]) > 0 {
		properties = maps.Clone(properties)
		for _, name := range []string{"pipeline", "hs_pipeline"} {
			if p.property(kind, name) != nil && properties[name] == "" {
				properties[name] = p.pipelines[kind][0].id
			}
		}
	}
	rec := p.add(kind, p.now(), properties)
	for _, e := range ends {
		p.relate(kind, rec.id, e.kind, e.id, e.of)
	}
	return rec, nil
}

func (p *hubspotPortal) update(w http.ResponseWriter, r *http.Request, kind string) {
	rec := p.locate(w, r, kind)
	if rec == nil {
		return
	}
	var in hubspotInput
	if !p.body(w, r, &in) {
		return
	}
	if why := p.change(kind, rec, in.Properties); why != nil {
		p.refused(w, why)
		return
	}
	p.send(w, http.StatusOK, p.wire(kind, rec, slices.Sorted(maps.Keys(in.Properties))))
}

// change sets properties of a record: all, or none.
func (p *hubspotPortal) change(kind string, rec *hubspotRecord, properties map[string]string) *hubspotProblem {
	if why := p.valid(kind, properties, rec); why != nil {
		return why
	}
	for k, v := range properties {
		if rec.properties[k] == v {
			continue
		}
		if v == "" {
			delete(rec.properties, k)
		} else {
			rec.properties[k] = v
		}
		rec.changes = append(rec.changes, hubspotChange{k, v, p.now().UTC()})
	}
	p.stampUp(rec, kind)
	return nil
}

// archive puts a record away; one that is not there, or away already, is no error.
func (p *hubspotPortal) archive(w http.ResponseWriter, r *http.Request, kind string) {
	if rec := p.find(kind, "hs_object_id", r.PathValue("id")); rec != nil {
		rec.archived = true
	}
	w.WriteHeader(http.StatusNoContent)
}
