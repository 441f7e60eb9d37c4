package googlecalendar

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

const (
	mostInstances = 1000
	mostYears     = 3 // ahead of its beginning that a series without end is looked at
)

// recurs reports whether it is a series.
func (e *event) recurs() bool {
	list, _ := e.data["recurrence"].([]any)
	return len(list) > 0 && e.series == nil
}

// rule is a RRULE (RFC 5545 section 3.3.10), as far as people's calendars have them.
type rule struct {
	freq            string
	interval, count int
	until           time.Time
	last            string   // the day of UNTIL, where that is one
	days            []string // "MO", "1MO", "-1FR"
}

var byDay = pattern.New(`^[+-]?([1-9]|[1-4]\d|5[0-3])?(SU|MO|TU|WE|TH|FR|SA)$`)

var weekdays = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

func parseRule(text string) (r rule, ok bool) {
	r.interval = 1
	for _, part := range strings.Split(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "FREQ":
			r.freq = value
		case "INTERVAL":
			r.interval, err = strconv.Atoi(value)
		case "COUNT":
			r.count, err = strconv.Atoi(value)
		case "UNTIL":
			if r.until, err = time.Parse("20060102T150405Z", value); err != nil {
				_, err = time.Parse("20060102", value)
				r.last = value
			}
		case "BYDAY":
			r.days = strings.Split(value, ",")
			for _, d := range r.days {
				if !byDay.MatchString(d) {
					return r, false
				}
			}
		case "WKST", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "BYHOUR", "BYMINUTE":
		default:
			return r, false
		}
		if err != nil {
			return r, false
		}
	}
	return r, slices.Contains([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, r.freq) && r.interval > 0 && r.count >= 0 && (r.count == 0 || r.until.IsZero() && r.last == "")
}

// starts are the moments at which a rule has an instance begin, the first of them the
// series' own.
func (r rule) starts(first time.Time) []time.Time {
	var all []time.Time
	add := func(t time.Time) bool {
		if t.Before(first) {
			return true
		}
		if !r.until.IsZero() && t.After(r.until) || r.last != "" && t.Format("20060102") > r.last || r.count > 0 && len(all) >= r.count || len(all) >= mostInstances || t.After(first.AddDate(mostYears, 0, 0)) {
			return false
		}
		all = append(all, t)
		return true
	}
	on := func(y int, m time.Month, d int) time.Time {
		return time.Date(y, m, d, first.Hour(), first.Minute(), first.Second(), 0, first.Location())
	}
	y, m, d := first.Date()
	for n := 0; ; n += r.interval {
		more := n <= 366*mostYears // a rule may fit no day at all
		switch r.freq {
		case "DAILY":
			t := on(y, m, d+n)
			if len(r.days) == 0 || slices.Contains(r.days, weekdays[t.Weekday()]) {
				more = more && add(t)
			}
		case "WEEKLY":
			monday := d - (int(first.Weekday())+6)%7 + 7*n
			if len(r.days) == 0 {
				more = more && add(on(y, m, d+7*n))
				break
			}
			for i := range 7 {
				if t := on(y, m, monday+i); more && slices.Contains(r.days, weekdays[t.Weekday()]) {
					more = add(t)
				}
			}
		case "MONTHLY":
			if len(r.days) == 0 {
				if t := on(y, m+time.Month(n), d); t.Day() == d {
					more = more && add(t)
				}
				break
			}
			for _, day := range r.days {
				if t := nth(on(y, m+time.Month(n), 1), day); more && !t.IsZero() {
					more = add(t)
				}
			}
		case "YEARLY":
			more = more && add(on(y+n, m, d))
		}
		if !more {
			return all
		}
	}
}

// nth is the day of a month that BYDAY names: 1MO is the first Monday, -1FR the last
// Friday.
func nth(month time.Time, day string) time.Time {
	n, err := strconv.Atoi(day[:len(day)-2])
	if err != nil {
		n = 1
	}
	var found []time.Time
	for t := month; t.Month() == month.Month(); t = t.AddDate(0, 0, 1) {
		if weekdays[t.Weekday()] == day[len(day)-2:] {
			found = append(found, t)
		}
	}
	switch {
	case n > 0 && n <= len(found):
		return found[n-1]
	case n < 0 && -n <= len(found):
		return found[len(found)+n]
	}
	return time.Time{}
}

// expand is a series as single events, those that differ in their own form, and those
// that were deleted as cancelled; nil is no bound.
func (s *server) expand(e *event, zone string, from, to *time.Time) []*event {
	first, day, ok := point(e.data["start"], zone)
	last, _, _ := point(e.data["end"], zone)
	if !ok {
		return nil
	}
	if at, _ := e.data["start"].(answer); at["timeZone"] != nil {
		if loc, err := time.LoadLocation(at["timeZone"].(string)); err == nil {
			first, last = first.In(loc), last.In(loc)
		}
	}
	var starts, except []time.Time
	lines, _ := e.data["recurrence"].([]any)
	for _, v := range lines {
		line, _ := v.(string)
		head, rest, _ := strings.Cut(line, ":")
		switch name, _, _ := strings.Cut(head, ";"); name {
		case "RRULE":
			r, _ := parseRule(rest)
			starts = append(starts, r.starts(first)...)
		case "EXDATE":
			for _, text := range strings.Split(rest, ",") {
				for _, layout := range []string{"20060102T150405Z", "20060102T150405", "20060102"} {
					if t, err := time.ParseInLocation(layout, text, first.Location()); err == nil {
						except = append(except, t)
						break
					}
				}
			}
		}
	}
	own := map[string]*event{}
	for _, o := range s.events {
		if o.series == e {
			own[o.key] = o
		}
	}
	var all []*event
	for _, t := range starts {
		if slices.ContainsFunc(except, func(x time.Time) bool { return x.Equal(t) }) {
			continue
		}
		key := t.UTC().Format("20060102T150405Z")
		if day {
			key = t.Format("20060102")
		}
		o := own[key]
		if o == nil {
			o = &event{id: e.id + "_" + key, home: e.home, data: clone(e.data), version: e.version, created: e.created, updated: e.updated, gone: e.gone, series: e, key: key, virtual: true}
			delete(o.data, "recurrence")
			days := int(last.Sub(first).Hours()+12) / 24
			if day {
				o.data["start"], o.data["end"] = answer{"date": t.Format(time.DateOnly)}, answer{"date": t.AddDate(0, 0, max(1, days)).Format(time.DateOnly)}
			} else {
				zone, _ := e.data["start"].(answer)
				o.data["start"] = answer{"dateTime": t.Format(time.RFC3339), "timeZone": zone["timeZone"]}
				o.data["end"] = answer{"dateTime": t.Add(last.Sub(first)).Format(time.RFC3339), "timeZone": zone["timeZone"]}
			}
		}
		if a, b := o.span(zone); from != nil && !b.After(*from) || to != nil && !a.Before(*to) {
			continue
		}
		all = append(all, o)
	}
	return all
}

// occurrences are the single events of a calendar in a span, also those that were
// cancelled.
func (s *server) occurrences(cal *calendar, from, to *time.Time) []*event {
	var all []*event
	for _, e := range s.events {
		switch {
		case !e.in(cal.id) || e.series != nil:
		case e.recurs():
			if !e.cancelled {
				for _, o := range s.expand(e, cal.zone, from, to) {
					if o.in(cal.id) {
						all = append(all, o)
					}
				}
			}
		default:
			if a, b := e.span(cal.zone); (from == nil || b.After(*from)) && (to == nil || a.Before(*to)) {
				all = append(all, e)
			}
		}
	}
	return all
}

// Dates are the moments at which a series that begins at a time has its instances, by
// the lines of its recurrence, for tests of what divides one. ok is false for lines
// that the API would refuse.
func Dates(lines []string, start time.Time, day bool) (all []time.Time, ok bool) {
	s, recurrence := &server{}, []any{}
	for _, l := range lines {
		recurrence = append(recurrence, l)
	}
	e := &event{id: "x", data: answer{"recurrence": recurrence}}
	if day {
		e.data["start"], e.data["end"] = answer{"date": start.Format(time.DateOnly)}, answer{"date": start.AddDate(0, 0, 1).Format(time.DateOnly)}
	} else {
		e.data["start"] = answer{"dateTime": start.Format(time.RFC3339), "timeZone": start.Location().String()}
		e.data["end"] = answer{"dateTime": start.Add(time.Hour).Format(time.RFC3339), "timeZone": start.Location().String()}
	}
	zone := start.Location().String()
	if checked(e.data, &calendar{zone: zone}) != nil {
		return nil, false
	}
	for _, o := range s.expand(e, zone, nil, nil) {
		a, _ := o.span(zone)
		all = append(all, a.In(start.Location()))
	}
	return all, true
}
