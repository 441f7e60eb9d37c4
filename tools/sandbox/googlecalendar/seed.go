package googlecalendar

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// seed fills the calendars: the same in every run. The customer of the story, Dana
// Whitfield of Acme, has a call about her exports on Wednesday.
func (s *server) seed() {
	people := []string{marta, jonas, priya, tomoko}
	s.calendars = []*calendar{
		{id: marta, name: marta, zone: "Europe/Berlin", roles: map[string]string{marta: "owner", jonas: "freeBusyReader", priya: "freeBusyReader", tomoko: "freeBusyReader"}, listed: []string{marta}},
		{id: jonas, name: "Jonas Brekke", zone: "Europe/Oslo", roles: map[string]string{jonas: "owner", marta: "reader", priya: "freeBusyReader"}, listed: []string{jonas, marta}},
		{id: priya, name: priya, zone: "Asia/Kolkata", roles: map[string]string{priya: "owner", marta: "freeBusyReader", jonas: "freeBusyReader"}, listed: []string{priya}},
		{id: tomoko, name: tomoko, zone: "Asia/Tokyo", roles: map[string]string{tomoko: "owner"}, listed: []string{tomoko}},
		{id: team, name: "Support team", zone: "Europe/Berlin", roles: map[string]string{marta: "owner", jonas: "writer", priya: "reader"}, listed: people[:3]},
		{id: feasts, name: "Holidays in Germany", zone: "Europe/Berlin", roles: map[string]string{marta: "reader", jonas: "reader"}, listed: people[:2]},
		{id: robot, name: robot, zone: "UTC", roles: map[string]string{robot: "owner"}, listed: []string{robot}},
	}
	berlin := func(start, end string) string {
		return `"start":{"dateTime":"` + start + `:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"` + end + `:00+01:00","timeZone":"Europe/Berlin"}`
	}
	days := func(start, end string) string {
		return `"start":{"date":"` + start + `"},"end":{"date":"` + end + `"}`
	}
	guests := func(all ...string) string {
		var list []string
		for _, g := range all {
			email, response, _ := strings.Cut(g, " ")
			list = append(list, `{"email":"`+email+`","responseStatus":"`+response+`"}`)
		}
		return `"attendees":[` + strings.Join(list, ",") + `]`
	}
	s.put(marta, "standup0team", `{"summary":"Support stand-up","description":"What is open, who takes it.",`+berlin("2026-11-02T09:00", "2026-11-02T09:15")+
		`,"recurrence":["RRULE:FREQ=WEEKLY;BYDAY=MO,TH"],`+guests(marta+" accepted", jonas+" accepted")+`}`)
	s.put(marta, "dana0csv0call", `{"summary":"Export time-outs: call with Dana","description":"Exports of more than 50k rows time out.<br>Ticket TCK-1042.","location":"Google Meet","hangoutLink":"https://meet.google.com/nwd-dana-mee",`+
		berlin("2026-11-25T14:00", "2026-11-25T14:45")+`,`+guests(marta+" accepted", dana+" accepted", jonas+" needsAction")+`}`)
	s.put(marta, "focus0release0notes", `{"summary":"Release notes","eventType":"focusTime",`+berlin("2026-11-24T13:00", "2026-11-24T15:00")+`}`)
	s.put(marta, "dentist0marta0k2", `{"summary":"Dentist","visibility":"private",`+berlin("2026-11-26T15:00", "2026-11-26T16:00")+`}`)
	s.put(marta, "offsite0december", `{"summary":"Support offsite","location":"Hamburg",`+days("2026-12-01", "2026-12-03")+`}`)
	s.put(tomoko, "acme0contract", `{"summary":"Acme renewal review","description":"Dana's contract ends in January.",`+
		`"start":{"dateTime":"2026-11-27T19:00:00+09:00","timeZone":"Asia/Tokyo"},"end":{"dateTime":"2026-11-27T20:00:00+09:00","timeZone":"Asia/Tokyo"},`+guests(tomoko+" accepted", marta+" needsAction", jonas+" tentative")+`}`)
	s.put(jonas, "globe0onboarding", `{"summary":"Globex onboarding",`+berlin("2026-11-25T10:00", "2026-11-25T11:30")+`}`)
	s.put(jonas, "jonas0absent", `{"summary":"Out of office","eventType":"outOfOffice",`+berlin("2026-11-27T12:00", "2026-11-27T17:00")+`}`)
	s.put(jonas, "jonas0bank0appt", `{"summary":"Bank","visibility":"private",`+berlin("2026-11-26T13:00", "2026-11-26T14:00")+`}`)
	s.put(priya, "csv0release0job", `{"summary":"Export worker: release","start":{"dateTime":"2026-11-25T15:30:00+05:30","timeZone":"Asia/Kolkata"},"end":{"dateTime":"2026-11-25T17:30:00+05:30","timeZone":"Asia/Kolkata"}}`)
	s.put(team, "rota0planning0dec", `{"summary":"Rota for December",`+berlin("2026-11-27T09:00", "2026-11-27T10:00")+`}`)
	s.put(team, "oncall0jonas0k48", `{"summary":"On call: Jonas","transparency":"transparent",`+days("2026-11-23", "2026-11-30")+`}`)
	s.put(feasts, "feast0advent02026", `{"summary":"First Sunday of Advent","transparency":"transparent","visibility":"public",`+days("2026-11-29", "2026-11-30")+`}`)
	s.put(feasts, "feast0christmas026", `{"summary":"Christmas Day","transparency":"transparent","visibility":"public",`+days("2026-12-25", "2026-12-26")+`}`)

	moved, _ := s.find(s.calendar(marta), "standup0team_20261126T080000Z")
	s.keep(moved)
	merge(moved.data, parsed(`{`+berlin("2026-11-26T10:00", "2026-11-26T10:15")+`}`))
	left, _ := s.find(s.calendar(marta), "standup0team_20261130T080000Z")
	s.keep(left)
	left.cancelled = true
}

func parsed(text string) answer {
	var m answer
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		panic(err) // a mistake in a literal
	}
	return m
}

func (s *server) put(home, id, text string) {
	s.revision++
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	s.events = append(s.events, &event{id: id, home: home, data: parsed(text), version: s.revision, created: at, updated: at})
}

// snapshot is what the calendars hold. An answer of a guest is a thing of its own, and
// so is a mail that went out.
func (s *server) snapshot() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for _, e := range s.events {
		if e.cancelled {
			if e.series != nil { // a date that a series leaves out
				all["event "+e.series.id] += " without " + e.key
			}
			continue
		}
		name := "event " + e.id
		data := maps.Clone(e.data)
		delete(data, "attendees")
		b, _ := json.Marshal(data)
		all[name] = e.home + " " + string(b) + all[name]
		for _, a := range e.attendees() {
			email, _ := a["email"].(string)
			b, _ := json.Marshal(a)
			all[name+" guest "+email] = string(b)
		}
		for _, cal := range slices.Sorted(maps.Keys(e.gone)) {
			all[name] += " removed by " + cal
		}
		if e.series != nil {
			all["event "+e.series.id] += " differs on " + e.key
		}
	}
	for i, m := range s.mails {
		all["mail "+string(rune('a'+i%26))+strings.Repeat("+", i/26)] = m
	}
	return all
}
