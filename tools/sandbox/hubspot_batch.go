package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// page cuts a list at limit and after, as GET requests name them, or answers 400.
func (p *hubspotPortal) page(w http.ResponseWriter, q url.Values, n, usual, most int) (from, to int, paging answer, ok bool) {
	number := func(name string, otherwise int) (int, bool) {
		if q.Get(name) == "" {
			return otherwise, true
		}
		v, err := strconv.Atoi(q.Get(name))
		return v, err == nil
	}
	limit, ok1 := number("limit", usual)
	after, ok2 := number("after", 0)
	if !ok1 || !ok2 || limit < 1 || limit > most || after < 0 {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Invalid limit or after", nil)
		return 0, 0, nil, false
	}
	from, to = min(after, n), min(after+limit, n)
	if to < n {
		paging = answer{"next": answer{"after": strconv.Itoa(to)}}
	}
	return from, to, paging, true
}

// list answers records as they stand in the database.
func (p *hubspotPortal) list(w http.ResponseWriter, r *http.Request, kind string) {
	q := r.URL.Query()
	var all []*hubspotRecord
	for _, rec := range p.records[kind] {
		if rec.archived == (q.Get("archived") == "true") && rec.mergedInto == "" {
			all = append(all, rec)
		}
	}
	from, to, paging, ok := p.page(w, q, len(all), 10, 100)
	if !ok {
		return
	}
	results := []answer{}
	for _, rec := range all[from:to] {
		results = append(results, p.whole(kind, rec, r))
	}
	body := answer{"results": results}
	if paging != nil {
		body["paging"] = paging
	}
	p.send(w, http.StatusOK, body)
}

// hubspotInputs is the body of a batch.
type hubspotInputs struct {
	IDProperty string         `json:"idProperty"`
	Properties []string       `json:"properties"`
	Inputs     []hubspotInput `json:"inputs"`
}

// inputs reads the body of a batch, of at most a hundred rows.
func (p *hubspotPortal) inputs(w http.ResponseWriter, r *http.Request) (in hubspotInputs, ok bool) {
	if !p.body(w, r, &in) {
		return in, false
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > 100 {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "The batch must have between 1 and 100 inputs", nil)
		return in, false
	}
	return in, true
}

// batched answers a batch: 207 where some rows failed.
func (p *hubspotPortal) batched(w http.ResponseWriter, status int, results []answer, errs []answer) {
	now := p.now().UTC().Format("2006-01-02T15:04:05.000Z")
	body := answer{"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
	if len(errs) > 0 {
		status = http.StatusMultiStatus
		body["errors"], body["numErrors"] = errs, len(errs)
	}
	p.send(w, status, body)
}

func hubspotRowError(category, message string, context answer) answer {
	return answer{"status": "error", "category": category, "message": message, "context": context, "errors": []answer{}, "links": answer{}}
}

func (p *hubspotPortal) batchRead(w http.ResponseWriter, r *http.Request, kind string) {
	in, ok := p.inputs(w, r)
	if !ok {
		return
	}
	property := in.IDProperty
	if property == "" {
		property = "hs_object_id"
	}
	results, missing := []answer{}, []string{}
	for _, one := range in.Inputs {
		rec := p.find(kind, property, one.ID)
		if rec == nil {
			missing = append(missing, one.ID)
			continue
		}
		results = append(results, p.wire(kind, rec, in.Properties))
	}
	var errs []answer
	if len(missing) > 0 {
		errs = append(errs, hubspotRowError("OBJECT_NOT_FOUND", fmt.Sprintf("Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.", strings.ToUpper(kind)), answer{"ids": missing}))
	}
	p.batched(w, http.StatusOK, results, errs)
}

// batchWrite does the rows one by one. Rows that have a trace id fail for
// themselves; one without fails the whole batch before anything is done.
func (p *hubspotPortal) batchWrite(verb string) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, kind string) {
		in, ok := p.inputs(w, r)
		if !ok {
			return
		}
		results, errs := []answer{}, []answer{}
		for _, one := range in.Inputs {
			if why := p.check(verb, kind, one); why != nil && one.Trace == "" {
				p.refused(w, why)
				return
			}
		}
		for _, one := range in.Inputs {
			rec, added, why := p.row(verb, kind, one)
			if why != nil {
				errs = append(errs, hubspotRowError(why.category, why.message, answer{"objectWriteTraceId": []string{one.Trace}}))
				continue
			}
			a := p.wire(kind, rec, slices.Sorted(maps.Keys(one.Properties)))
			if verb == "upsert" { // whose answer has no nulls, by its description
				a["new"] = added
				values := a["properties"].(map[string]any)
				maps.DeleteFunc(values, func(_ string, v any) bool { return v == nil })
			}
			if one.Trace != "" {
				a["objectWriteTraceId"] = one.Trace
			}
			results = append(results, a)
		}
		p.batched(w, map[string]int{"create": http.StatusCreated, "update": http.StatusOK, "upsert": http.StatusOK}[verb], results, errs)
	}
}

// named finds the record of a row.
func (p *hubspotPortal) named(kind string, in hubspotInput) *hubspotRecord {
	if in.IDProperty == "" {
		return p.find(kind, "hs_object_id", in.ID)
	}
	return p.find(kind, in.IDProperty, in.ID)
}

// check says whether a row would be refused.
func (p *hubspotPortal) check(verb, kind string, in hubspotInput) *hubspotProblem {
	old := p.named(kind, in)
	switch {
	case verb == "update" && old == nil:
		return &hubspotProblem{status: http.StatusNotFound, category: "OBJECT_NOT_FOUND", message: "Object not found: " + in.ID}
	case verb == "upsert" && (p.property(kind, in.IDProperty) == nil || !p.property(kind, in.IDProperty).unique):
		return hubspotInvalid("The property " + in.IDProperty + " is not unique")
	}
	return p.valid(kind, in.Properties, old)
}

func (p *hubspotPortal) row(verb, kind string, in hubspotInput) (rec *hubspotRecord, added bool, why *hubspotProblem) {
	if why = p.check(verb, kind, in); why != nil {
		return nil, false, why
	}
	if rec = p.named(kind, in); verb == "create" || rec == nil {
		if verb == "upsert" {
			in.Properties = maps.Clone(in.Properties)
			in.Properties[in.IDProperty] = in.ID
		}
		rec, why = p.make(kind, in)
		return rec, true, why
	}
	return rec, false, p.change(kind, rec, in.Properties)
}

func (p *hubspotPortal) batchArchive(w http.ResponseWriter, r *http.Request, kind string) {
	in, ok := p.inputs(w, r)
	if !ok {
		return
	}
	for _, one := range in.Inputs {
		if rec := p.find(kind, "hs_object_id", one.ID); rec != nil {
			rec.archived = true
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// merge makes two records one: the first keeps its values, and gets those that it
// has not.
func (p *hubspotPortal) merge(w http.ResponseWriter, r *http.Request, kind string) {
	var in struct {
		Primary string `json:"primaryObjectId"`
		Merge   string `json:"objectIdToMerge"`
	}
	if !p.body(w, r, &in) {
		return
	}
	to, from := p.find(kind, "hs_object_id", in.Primary), p.find(kind, "hs_object_id", in.Merge)
	if to == nil || from == nil || to == from {
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "Objects to merge not found", nil)
		return
	}
	for name, v := range from.properties {
		if to.properties[name] == "" {
			to.properties[name] = v
		}
	}
	for l := range maps.Clone(p.links) {
		if l.fromType == kind && l.from == from.id {
			p.link(kind, to.id, l.toType, l.to)
		}
	}
	from.archived, from.mergedInto = true, to.id
	p.stampUp(to, kind)
	p.send(w, http.StatusOK, p.wire(kind, to, nil))
}
