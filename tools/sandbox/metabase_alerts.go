package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// metaFind is one of a list by its id; nil where there is none.
func metaFind(list []map[string]any, id int64) map[string]any {
	for _, one := range list {
		if one["id"] == id {
			return one
		}
	}
	return nil
}

// alertJSON is an alert with what Metabase adds when it shows one: the question and
// the people.
func (m *metabase) alertJSON(a map[string]any) map[string]any {
	out := maps.Clone(a)
	payload, _ := a["payload"].(map[string]any)
	shown := maps.Clone(payload)
	if c := m.card(metaInt(payload["card_id"])); c != nil {
		shown["card"] = map[string]any{"id": c.id, "name": c.name}
	}
	out["payload"] = shown
	handlers := []any{}
	list, _ := a["handlers"].([]any)
	for _, v := range list {
		h, _ := v.(map[string]any)
		h = maps.Clone(h)
		recipients := []any{}
		people, _ := h["recipients"].([]any)
		for _, v := range people {
			r, ok := v.(map[string]any)
			if !ok {
				continue
			}
			r = maps.Clone(r)
			if who := metaFind(metaPeople(), metaInt(r["user_id"])); who != nil {
				r["user"] = who
			}
			recipients = append(recipients, r)
		}
		h["recipients"] = recipients
		handlers = append(handlers, h)
	}
	out["handlers"] = handlers
	return out
}

func (m *metabase) listAlerts(w http.ResponseWriter, r *http.Request, _ bool) {
	q := r.URL.Query()
	all := []map[string]any{}
	for _, a := range m.alerts {
		payload, _ := a["payload"].(map[string]any)
		if card := q.Get("card_id"); card != "" && card != fmt.Sprint(metaInt(payload["card_id"])) {
			continue
		}
		if a["active"] == true || q.Get("include_inactive") == "true" {
			all = append(all, m.alertJSON(a))
		}
	}
	metaJSON(w, http.StatusOK, all)
}

func (m *metabase) getAlert(w http.ResponseWriter, r *http.Request, _ bool) {
	a := metaFind(m.alerts, metaID(r))
	if a == nil {
		metaMissing(w)
		return
	}
	metaJSON(w, http.StatusOK, m.alertJSON(a))
}

// readAlert takes an alert of a request; it answers itself where it is wrong. What
// Metabase itself adds when it shows one is dropped.
func (m *metabase) readAlert(w http.ResponseWriter, body map[string]any) map[string]any {
	payload, _ := body["payload"].(map[string]any)
	c := m.card(metaInt(payload["card_id"]))
	if body["payload_type"] != "notification/card" || payload == nil {
		metaInvalid(w, "payload", "value must be a valid notification payload.")
		return nil
	}
	if c == nil {
		metaMissing(w)
		return nil
	}
	payload["card_id"] = c.id
	delete(payload, "card")
	handlers, _ := body["handlers"].([]any)
	for _, v := range handlers {
		h, _ := v.(map[string]any)
		people, _ := h["recipients"].([]any)
		for _, v := range people {
			one, _ := v.(map[string]any)
			delete(one, "user")
			if id := metaInt(one["user_id"]); id > 0 {
				one["user_id"] = id
				if metaFind(metaPeople(), id) == nil {
					metaInvalid(w, "handlers", "there is no such user.")
					return nil
				}
			}
		}
	}
	if body["active"] == nil {
		body["active"] = true
	}
	return body
}

func (m *metabase) postAlert(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	a := m.readAlert(w, body)
	if a == nil {
		return
	}
	id := m.next("alert")
	a["id"], a["payload_id"], a["creator_id"], a["creator"] = id, id, 11, map[string]any{"id": 11, "common_name": "Sandbox editor"}
	m.alerts = append(m.alerts, a)
	metaJSON(w, http.StatusOK, m.alertJSON(a))
}

func (m *metabase) putAlert(w http.ResponseWriter, r *http.Request, edit bool) {
	id := metaID(r)
	at := slices.IndexFunc(m.alerts, func(a map[string]any) bool { return a["id"] == id })
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case at < 0:
		metaMissing(w)
		return
	case !edit:
		metaForbidden(w)
		return
	}
	a := m.readAlert(w, body)
	if a == nil {
		return
	}
	a["id"] = id
	m.alerts[at] = a
	metaJSON(w, http.StatusOK, m.alertJSON(a))
}

// pulseJSON is a subscription with the people's names.
func (m *metabase) pulseJSON(p map[string]any) map[string]any {
	out := maps.Clone(p)
	channels := []any{}
	list, _ := p["channels"].([]any)
	for _, v := range list {
		ch, _ := v.(map[string]any)
		ch = maps.Clone(ch)
		recipients := []any{}
		people, _ := ch["recipients"].([]any)
		for _, v := range people {
			one, _ := v.(map[string]any)
			if who := metaFind(metaPeople(), metaInt(one["id"])); who != nil {
				recipients = append(recipients, who)
			} else {
				recipients = append(recipients, one)
			}
		}
		ch["recipients"] = recipients
		channels = append(channels, ch)
	}
	out["channels"] = channels
	return out
}

func (m *metabase) listPulses(w http.ResponseWriter, r *http.Request, _ bool) {
	q := r.URL.Query()
	all := []map[string]any{}
	for _, p := range m.pulses {
		if id := q.Get("dashboard_id"); id != "" && id != fmt.Sprint(metaInt(p["dashboard_id"])) {
			continue
		}
		if p["archived"] == (q.Get("archived") == "true") {
			all = append(all, m.pulseJSON(p))
		}
	}
	metaJSON(w, http.StatusOK, all)
}

func (m *metabase) getPulse(w http.ResponseWriter, r *http.Request, _ bool) {
	p := metaFind(m.pulses, metaID(r))
	if p == nil {
		metaMissing(w)
		return
	}
	metaJSON(w, http.StatusOK, m.pulseJSON(p))
}

func (m *metabase) postPulse(w http.ResponseWriter, r *http.Request, edit bool) {
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case !edit:
		metaForbidden(w)
		return
	}
	for _, key := range []string{"name", "cards", "channels"} {
		if body[key] == nil {
			metaInvalid(w, key, "value must be present.")
			return
		}
	}
	p := map[string]any{"id": m.next("pulse"), "archived": false, "parameters": []any{}, "creator": map[string]any{"id": 11, "common_name": "Sandbox editor"}}
	m.changePulse(p, body)
	m.pulses = append(m.pulses, p)
	metaJSON(w, http.StatusOK, m.pulseJSON(p))
}

func (m *metabase) putPulse(w http.ResponseWriter, r *http.Request, edit bool) {
	p := metaFind(m.pulses, metaID(r))
	body := metaBody(w, r)
	switch {
	case body == nil:
		return
	case p == nil:
		metaMissing(w)
		return
	case !edit:
		metaForbidden(w)
		return
	}
	m.changePulse(p, body)
	metaJSON(w, http.StatusOK, m.pulseJSON(p))
}

// changePulse takes what the body names; of people it keeps the ids.
func (m *metabase) changePulse(p, body map[string]any) {
	for key, v := range body {
		p[key] = v
	}
	p["dashboard_id"] = metaNull(metaInt(p["dashboard_id"]))
	list, _ := p["channels"].([]any)
	for _, v := range list {
		ch, _ := v.(map[string]any)
		people, _ := ch["recipients"].([]any)
		for i, v := range people {
			one, _ := v.(map[string]any)
			people[i] = map[string]any{"id": metaInt(one["id"])}
		}
	}
}
