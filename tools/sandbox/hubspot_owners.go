package sandbox

import (
	"net/http"
	"strconv"
	"strings"
)

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
	for i, o := range p.owners {
		if e := q.Get("email"); e == "" || strings.EqualFold(e, o.email) {
			list = append(list, o.wire(i))
		}
	}
	from, to := min(after, len(list)), min(after+limit, len(list))
	body := answer{"results": list[from:to]}
	if to < len(list) {
		body["paging"] = answer{"next": answer{"after": strconv.Itoa(to)}}
	}
	p.send(w, http.StatusOK, body)
}

func (o hubspotOwner) wire(i int) answer {
	a := answer{"id": o.id, "email": o.email, "type": "PERSON", "firstName": o.first, "lastName": o.last, "userId": 71920000 + i, "archived": false,
		"createdAt": "2024-02-01T09:00:00.000Z", "updatedAt": "2026-10-01T09:00:00.000Z"}
	if o.team != "" {
		a["teams"] = []answer{{"id": "178203", "name": o.team, "primary": true}}
	}
	return a
}

func (p *hubspotPortal) readOwner(w http.ResponseWriter, r *http.Request) {
	for i, o := range p.owners {
		if id := r.PathValue("id"); id == o.id || r.URL.Query().Get("idProperty") == "userId" && id == strconv.Itoa(71920000+i) {
			p.send(w, http.StatusOK, o.wire(i))
			return
		}
	}
	p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "The owner does not exist", nil)
}
