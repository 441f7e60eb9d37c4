package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// hubspotEngagement is a note or a task in the form of engagements v1, which has
// numbers for ids and milliseconds for times.
type hubspotEngagement struct {
	Engagement struct {
		Type      string `json:"type"`
		Owner     int64  `json:"ownerId"`
		Timestamp int64  `json:"timestamp"` // milliseconds
	} `json:"engagement"`
	Associations struct {
		Contacts  []int64 `json:"contactIds"`
		Companies []int64 `json:"companyIds"`
		Deals     []int64 `json:"dealIds"`
		Tickets   []int64 `json:"ticketIds"`
	} `json:"associations"`
	Metadata struct {
		Body    string `json:"body"`
		Subject string `json:"subject"`
		Status  string `json:"status"`
	} `json:"metadata"`
}

// legacyEngagements registers engagements v1. An engagement is the same record as
// the note or task of the dated API.
func (p *hubspotPortal) legacyEngagements() {
	read, write := []string{"crm.objects.contacts.read"}, []string{"crm.objects.contacts.write"}
	p.mux.HandleFunc("POST /engagements/v1/engagements", p.signed(write, p.legacyCreateEngagement))
	p.mux.HandleFunc("GET /engagements/v1/engagements/{id}", p.signed(read, func(w http.ResponseWriter, r *http.Request) {
		if kind, rec := p.legacyEngagement(w, r); rec != nil {
			p.send(w, http.StatusOK, p.wireEngagement(kind, rec))
		}
	}))
	p.mux.HandleFunc("PATCH /engagements/v1/engagements/{id}", p.signed(write, p.legacyUpdateEngagement))
}

func (p *hubspotPortal) legacyCreateEngagement(w http.ResponseWriter, r *http.Request) {
	var in hubspotEngagement
	if !p.body(w, r, &in) {
		return
	}
	kind := map[string]string{"NOTE": "notes", "TASK": "tasks"}[in.Engagement.Type]
	if kind == "" || in.Engagement.Timestamp <= 0 {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid engagement: type must be NOTE or TASK, and timestamp be set", nil)
		return
	}
	type target struct{ kind, id string }
	var targets []target
	for to, ids := range map[string][]int64{"contacts": in.Associations.Contacts, "companies": in.Associations.Companies, "deals": in.Associations.Deals, "tickets": in.Associations.Tickets} {
		for _, n := range ids {
			id := strconv.FormatInt(n, 10)
			if p.find(to, "hs_object_id", id) == nil {
				p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "The object "+id+" to associate does not exist", nil)
				return
			}
			targets = append(targets, target{to, id})
		}
	}
	rec := p.add(kind, p.now(), in.properties(kind))
	for _, t := range targets {
		p.link(kind, rec.id, t.kind, t.id)
	}
	p.send(w, http.StatusOK, p.wireEngagement(kind, rec))
}

// properties are the dated API's names for what the engagement says; what it does
// not say has none.
func (in hubspotEngagement) properties(kind string) map[string]string {
	properties := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			properties[name] = value
		}
	}
	if in.Engagement.Timestamp > 0 {
		set("hs_timestamp", time.UnixMilli(in.Engagement.Timestamp).UTC().Format("2006-01-02T15:04:05.999Z"))
	}
	if in.Engagement.Owner > 0 {
		set("hubspot_owner_id", strconv.FormatInt(in.Engagement.Owner, 10))
	}
	if kind == "notes" {
		set("hs_note_body", in.Metadata.Body)
		return properties
	}
	set("hs_task_body", in.Metadata.Body)
	set("hs_task_subject", in.Metadata.Subject)
	set("hs_task_status", in.Metadata.Status)
	return properties
}

// legacyEngagement finds the record of a request, or answers 404.
func (p *hubspotPortal) legacyEngagement(w http.ResponseWriter, r *http.Request) (string, *hubspotRecord) {
	for _, kind := range []string{"notes", "tasks"} {
		if rec := p.find(kind, "hs_object_id", r.PathValue("id")); rec != nil {
			return kind, rec
		}
	}
	p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "No engagement with that id", nil)
	return "", nil
}

func (p *hubspotPortal) legacyUpdateEngagement(w http.ResponseWriter, r *http.Request) {
	kind, rec := p.legacyEngagement(w, r)
	if rec == nil {
		return
	}
	var in hubspotEngagement
	if !p.body(w, r, &in) {
		return
	}
	for name, value := range in.properties(kind) {
		rec.properties[name] = value
	}
	p.stampUp(rec, kind)
	p.send(w, http.StatusOK, p.wireEngagement(kind, rec))
}

func (p *hubspotPortal) wireEngagement(kind string, rec *hubspotRecord) answer {
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n }
	at, _ := time.Parse(time.RFC3339, rec.properties["hs_timestamp"])
	engagement := answer{
		"id": number(rec.id), "portalId": hubspotPortalID, "active": true, "createdAt": rec.created.UnixMilli(), "lastUpdated": rec.updated.UnixMilli(),
		"type": map[string]string{"notes": "NOTE", "tasks": "TASK"}[kind], "timestamp": at.UnixMilli(),
	}
	if owner := rec.properties["hubspot_owner_id"]; owner != "" {
		engagement["ownerId"] = number(owner)
	}
	associations := answer{"ownerIds": []int64{}, "workflowIds": []int64{}}
	for name, to := range map[string]string{"contactIds": "contacts", "companyIds": "companies", "dealIds": "deals", "ticketIds": "tickets"} {
		ids := []int64{}
		for _, other := range p.records[to] {
			if p.links[hubspotLink{kind, rec.id, to, other.id}] {
				ids = append(ids, number(other.id))
			}
		}
		associations[name] = ids
	}
	metadata := answer{"body": rec.properties["hs_note_body"]}
	if kind == "tasks" {
		metadata = answer{"body": rec.properties["hs_task_body"], "subject": rec.properties["hs_task_subject"], "status": rec.properties["hs_task_status"], "forObjectType": "CONTACT"}
	}
	return answer{"engagement": engagement, "associations": associations, "attachments": []answer{}, "metadata": metadata}
}
