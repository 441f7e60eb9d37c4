package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// hubspotList is a list of records, which HubSpot also calls a segment.
type hubspotList struct {
	id, name, kind string
	processing     string // MANUAL, SNAPSHOT, DYNAMIC
	members        []string
}

func (l *hubspotList) wire(p *hubspotPortal) answer {
	return answer{
		"listId": l.id, "name": l.name, "objectTypeId": hubspotTypes()[l.kind].id, "processingType": l.processing, "processingStatus": "COMPLETE", "listVersion": 1,
		"createdAt": "2026-01-12T09:00:00.000Z", "updatedAt": "2026-10-01T09:00:00.000Z",
	}
}

func (p *hubspotPortal) searchLists(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Query  string `json:"query"`
		Type   string `json:"objectTypeId"`
		Offset int    `json:"offset"`
		Count  int    `json:"count"`
	}
	if !p.body(w, r, &in) {
		return
	}
	if in.Count == 0 {
		in.Count = 20
	}
	var fit []*hubspotList
	for _, l := range p.lists {
		if strings.Contains(strings.ToLower(l.name), strings.ToLower(in.Query)) && (in.Type == "" || hubspotType(in.Type) == l.kind) {
			fit = append(fit, l)
		}
	}
	if in.Offset < 0 || in.Count < 1 || in.Count > 500 {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid offset or count", nil)
		return
	}
	from, to := min(in.Offset, len(fit)), min(in.Offset+in.Count, len(fit))
	lists := []answer{}
	for _, l := range fit[from:to] {
		a := l.wire(p)
		a["additionalProperties"] = answer{"hs_list_size": strconv.Itoa(len(l.members))}
		lists = append(lists, a)
	}
	p.send(w, http.StatusOK, answer{"lists": lists, "offset": to, "hasMore": to < len(fit), "total": len(fit)})
}

// ofList finds the list of a request, or answers 404.
func (p *hubspotPortal) ofList(w http.ResponseWriter, r *http.Request) *hubspotList {
	for _, l := range p.lists {
		if l.id == r.PathValue("list") {
			return l
		}
	}
	p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "List does not exist with ID "+r.PathValue("list")+".", nil)
	return nil
}

func (p *hubspotPortal) readList(w http.ResponseWriter, r *http.Request) {
	if l := p.ofList(w, r); l != nil {
		a := l.wire(p)
		a["size"] = len(l.members)
		p.send(w, http.StatusOK, answer{"list": a})
	}
}

func (p *hubspotPortal) listMembers(w http.ResponseWriter, r *http.Request) {
	l := p.ofList(w, r)
	if l == nil {
		return
	}
	from, to, paging, ok := p.page(w, r.URL.Query(), len(l.members), 100, 250)
	if !ok {
		return
	}
	results := []answer{}
	for _, id := range l.members[from:to] {
		results = append(results, answer{"recordId": id, "membershipTimestamp": "2026-10-01T09:00:00.000Z"})
	}
	body := answer{"results": results, "total": len(l.members)}
	if paging != nil {
		body["paging"] = paging
	}
	p.send(w, http.StatusOK, body)
}

func (p *hubspotPortal) changeMembers(w http.ResponseWriter, r *http.Request) {
	l := p.ofList(w, r)
	if l == nil {
		return
	}
	var in struct {
		Add    []string `json:"recordIdsToAdd"`
		Remove []string `json:"recordIdsToRemove"`
	}
	if !p.body(w, r, &in) {
		return
	}
	if l.processing == "DYNAMIC" {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Memberships of a list with processing type DYNAMIC cannot be changed.", nil)
		return
	}
	added, removed, missing := []string{}, []string{}, []string{}
	for _, id := range in.Add {
		switch {
		case p.find(l.kind, "hs_object_id", id) == nil:
			missing = append(missing, id)
		case !slices.Contains(l.members, id):
			l.members, added = append(l.members, id), append(added, id)
		}
	}
	for _, id := range in.Remove {
		if i := slices.Index(l.members, id); i >= 0 {
			l.members, removed = slices.Delete(l.members, i, i+1), append(removed, id)
		}
	}
	p.send(w, http.StatusOK, answer{"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing})
}
