package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// hubspotLinkPage is how many associations of a record one answer has.
const hubspotLinkPage = 500

// link associates two records, without a label.
func (p *hubspotPortal) link(fromType, from, toType, to string) {
	p.links[hubspotLink{fromType, from, toType, to}] = true
	p.links[hubspotLink{toType, to, fromType, from}] = true
}

// relate associates two records, with a label where there is one.
func (p *hubspotPortal) relate(fromType, from, toType, to string, of hubspotAssociation) {
	p.link(fromType, from, toType, to)
	if of.label == "" {
		return
	}
	for _, end := range []struct {
		link hubspotLink
		id   int
	}{{hubspotLink{fromType, from, toType, to}, of.id}, {hubspotLink{toType, to, fromType, from}, of.inverse}} {
		if !slices.Contains(p.labelled[end.link], end.id) {
			p.labelled[end.link] = append(p.labelled[end.link], end.id)
		}
	}
}

// unrelate takes a label away, or the association as a whole.
func (p *hubspotPortal) unrelate(fromType, from, toType, to string, of hubspotAssociation) {
	there, back := hubspotLink{fromType, from, toType, to}, hubspotLink{toType, to, fromType, from}
	if of.label == "" {
		delete(p.links, there)
		delete(p.links, back)
		delete(p.labelled, there)
		delete(p.labelled, back)
		return
	}
	p.labelled[there] = slices.DeleteFunc(p.labelled[there], func(id int) bool { return id == of.id })
	p.labelled[back] = slices.DeleteFunc(p.labelled[back], func(id int) bool { return id == of.inverse })
}

// between checks the two types of a request and that the token may do that to both.
func (p *hubspotPortal) between(verb string, next func(w http.ResponseWriter, r *http.Request, from, to string)) http.HandlerFunc {
	return p.object(verb, func(w http.ResponseWriter, r *http.Request, from string) {
		to := hubspotType(r.PathValue("to"))
		if to == "" {
			p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Unable to infer object type from: "+r.PathValue("to"), nil)
			return
		}
		p.signed(hubspotKindScopes(to, verb), func(w http.ResponseWriter, r *http.Request) { next(w, r, from, to) })(w, r)
	})
}

func (p *hubspotPortal) listLabels(w http.ResponseWriter, _ *http.Request, from, to string) {
	results := []answer{}
	for _, of := range hubspotAssociations(from, to) {
		a := answer{"category": of.category, "typeId": of.id}
		if of.label != "" {
			a["label"] = of.label
		}
		results = append(results, a)
	}
	p.send(w, http.StatusOK, answer{"results": results})
}

// linkedTo is what one record is associated with, in the order of the records.
func (p *hubspotPortal) linkedTo(fromType, from, toType string) []answer {
	all := []answer{}
	for _, other := range p.records[toType] {
		link := hubspotLink{fromType, from, toType, other.id}
		if other.archived || !p.links[link] {
			continue
		}
		types := []answer{}
		for _, of := range hubspotAssociations(fromType, toType) {
			if of.label == "" {
				types = append(types, answer{"category": of.category, "typeId": of.id})
			} else if slices.Contains(p.labelled[link], of.id) {
				types = append(types, answer{"category": of.category, "typeId": of.id, "label": of.label})
			}
		}
		all = append(all, answer{"toObjectId": other.id, "associationTypes": types})
	}
	return all
}

func (p *hubspotPortal) batchReadLinks(w http.ResponseWriter, r *http.Request, from, to string) {
	var in struct {
		Inputs []struct {
			ID    string `json:"id"`
			After string `json:"after"`
		} `json:"inputs"`
	}
	if !p.body(w, r, &in) {
		return
	}
	results, errs := []answer{}, []answer{}
	for _, one := range in.Inputs {
		all := p.linkedTo(from, one.ID, to)
		after, _ := strconv.Atoi(one.After)
		if len(all) == 0 {
			e := hubspotRowError("OBJECT_NOT_FOUND", "No "+to+" is associated with "+from+" "+one.ID+".", answer{"fromObjectId": []string{one.ID}})
			e["subCategory"] = "crm.associations.NO_ASSOCIATIONS_FOUND"
			errs = append(errs, e)
			continue
		}
		end := min(after+hubspotLinkPage, len(all))
		row := answer{"from": answer{"id": one.ID}, "to": all[min(after, len(all)):end]}
		if end < len(all) {
			row["paging"] = answer{"next": answer{"after": strconv.Itoa(end)}}
		}
		results = append(results, row)
	}
	p.batched(w, http.StatusOK, results, errs)
}

// listLinks is the same for one record.
func (p *hubspotPortal) listLinks(w http.ResponseWriter, r *http.Request, from, to string) {
	all := p.linkedTo(from, r.PathValue("id"), to)
	begin, end, paging, ok := p.page(w, r.URL.Query(), len(all), 500, 500)
	if !ok {
		return
	}
	body := answer{"results": all[begin:end]}
	if paging != nil {
		body["paging"] = paging
	}
	p.send(w, http.StatusOK, body)
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
		"results": []answer{{"from": answerOf("id", from.id), "to": answerOf("id", toID), "associationSpec": answer{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": hubspotAssociations(kind, to)[0].id}}},
	})
}

// ofType finds the kind of association of a request.
func ofType(from, to string, types []hubspotLinkType) (hubspotAssociation, bool) {
	if len(types) == 1 {
		for _, of := range hubspotAssociations(from, to) {
			if of.category == types[0].Category && of.id == types[0].ID {
				return of, true
			}
		}
	}
	return hubspotAssociation{}, false
}

func (p *hubspotPortal) associateLabelled(w http.ResponseWriter, r *http.Request, from, to string) {
	var types []hubspotLinkType
	if !p.body(w, r, &types) {
		return
	}
	of, ok := ofType(from, to, types)
	id, toID := r.PathValue("id"), r.PathValue("toID")
	if !ok || p.find(from, "hs_object_id", id) == nil || p.find(to, "hs_object_id", toID) == nil {
		p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "The association is not valid", nil)
		return
	}
	p.relate(from, id, to, toID, of)
	p.send(w, http.StatusCreated, p.labels(from, id, to, toID))
}

func (p *hubspotPortal) labels(from, id, to, toID string) answer {
	labels := []string{}
	for _, of := range hubspotAssociations(from, to) {
		if of.label != "" && slices.Contains(p.labelled[hubspotLink{from, id, to, toID}], of.id) {
			labels = append(labels, of.label)
		}
	}
	return answer{"fromObjectTypeId": hubspotTypes()[from].id, "fromObjectId": id, "toObjectTypeId": hubspotTypes()[to].id, "toObjectId": toID, "labels": labels}
}

func (p *hubspotPortal) disassociate(w http.ResponseWriter, r *http.Request, from, to string) {
	p.unrelate(from, r.PathValue("id"), to, r.PathValue("toID"), hubspotAssociation{})
	w.WriteHeader(http.StatusNoContent)
}

// batchLink makes the associations of a batch, or takes them away.
func (p *hubspotPortal) batchLink(what string) func(w http.ResponseWriter, r *http.Request, from, to string) {
	type end struct {
		ID string `json:"id"`
	}
	return func(w http.ResponseWriter, r *http.Request, from, to string) {
		var in struct {
			Inputs []struct {
				From  end               `json:"from"`
				To    end               `json:"to"`
				Types []hubspotLinkType `json:"types"`
			} `json:"inputs"`
		}
		if !p.body(w, r, &in) {
			return
		}
		results, errs := []answer{}, []answer{}
		for _, one := range in.Inputs {
			of, ok := hubspotAssociations(from, to)[0], true
			if what != "default" {
				of, ok = ofType(from, to, one.Types)
			}
			switch {
			case !ok, what != "labels" && (p.find(from, "hs_object_id", one.From.ID) == nil || p.find(to, "hs_object_id", one.To.ID) == nil):
				errs = append(errs, hubspotRowError("VALIDATION_ERROR", "One of the objects "+one.From.ID+" and "+one.To.ID+" does not exist, or they cannot be associated so", answer{"fromObjectId": []string{one.From.ID}, "toObjectId": []string{one.To.ID}}))
			case what == "labels":
				p.unrelate(from, one.From.ID, to, one.To.ID, of)
			default:
				p.relate(from, one.From.ID, to, one.To.ID, of)
				if what == "default" {
					results = append(results, answer{"from": answerOf("id", one.From.ID), "to": answerOf("id", one.To.ID), "associationSpec": answer{"associationCategory": of.category, "associationTypeId": of.id}})
				} else {
					results = append(results, p.labels(from, one.From.ID, to, one.To.ID))
				}
			}
		}
		if what == "labels" && len(errs) == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		p.batched(w, http.StatusOK, results, errs)
	}
}

// batchUnlink takes away all that is between the records of a batch.
func (p *hubspotPortal) batchUnlink(w http.ResponseWriter, r *http.Request, from, to string) {
	type end struct {
		ID string `json:"id"`
	}
	var in struct {
		Inputs []struct {
			From end   `json:"from"`
			To   []end `json:"to"`
		} `json:"inputs"`
	}
	if !p.body(w, r, &in) {
		return
	}
	for _, one := range in.Inputs {
		for _, other := range one.To {
			p.unrelate(from, one.From.ID, to, other.ID, hubspotAssociation{})
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
