package googlecalendar

import (
	"strings"
	"time"
	_ "time/tzdata" // a series is in a time zone, also on machines without zone files

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

// zoned finds a time zone by its IANA name, such as Europe/Berlin.
func zoned(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" || !strings.Contains(name, "/") && name != "UTC" {
		return nil, fault.Wrong("timezone: %q is no time zone. Write an IANA name, such as Europe/Berlin or UTC.", upstream.Clean(name, 60))
	}
	return loc, nil
}

// dayForm is a day without a time of day.
var dayForm = pattern.New(`(?i)^(\d{4}-\d{2}-\d{2}|today|tomorrow|yesterday|((next|last) )?(mon|tues|wednes|thurs|fri|satur|sun)day)$`)

// moment is a point in time as it was given: on a day, or at a time of it.
type moment struct {
	time.Time      // of a day: its midnight
	day       bool // without a time of day
}

// read reads a time in a zone; what it is relative to is a time in that zone.
func read(argument, word string, relative time.Time, loc *time.Location) (moment, error) {
	word = strings.TrimSpace(word)
	t, err := when.Parse(argument, word, when.Clock{Now: relative, Zone: loc, Ahead: true})
	if err != nil {
		f := fault.From(err)
		f.NotSent = true
		return moment{}, f
	}
	return moment{t.In(loc), dayForm.MatchString(word)}, nil
}

// window is the span that a list or a search is about.
type window struct {
	from, to time.Time
	loc      *time.Location
}

const mostDays = 366 // of a window

// windowOf reads from and to. A day as the end is in the window. without says how long
// it is where no end is given.
func (s *service) windowOf(from, to string, loc *time.Location, without time.Duration) (window, error) {
	now := s.now().In(loc).Truncate(time.Second)
	w := window{from: now, loc: loc}
	if from != "" {
		m, err := read("from", from, now, loc)
		if err != nil {
			return w, err
		}
		w.from = m.Time
	}
	w.to = w.from.Add(without)
	if to != "" {
		m, err := read("to", to, now, loc)
		if err != nil {
			return w, err
		}
		if w.to = m.Time; m.day {
			w.to = nextDay(m.Time)
		}
	}
	switch {
	case !w.from.Before(w.to):
		return w, fault.Wrong("to: the end, %s, is not after the beginning, %s.", stamp(w.to), stamp(w.from))
	case w.to.Sub(w.from) > mostDays*24*time.Hour:
		return w, fault.Wrong("to: more than %d days are too many at once.", mostDays)
	}
	return w, nil
}

// nextDay is the midnight after that of a day.
func nextDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, t.Location())
}

func stamp(t time.Time) string { return t.Format(time.RFC3339) }

// days is how many days a day is after another.
func daysBetween(a, b time.Time) int {
	utc := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(utc(b).Sub(utc(a)).Hours() / 24)
}

// pointModel is a start or an end as the API has it: a day, or a time with the zone in
// which a series is expanded.
type pointModel struct {
	Date     string `json:"date,omitempty"`
	DateTime string `json:"dateTime,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}

// in reads it, a day as the midnight in a zone. ok is false for what is none.
func (p pointModel) in(loc *time.Location) (t time.Time, day, ok bool) {
	if p.Date != "" {
		t, err := time.ParseInLocation(time.DateOnly, p.Date, loc)
		return t, true, err == nil
	}
	t, err := time.Parse(time.RFC3339, p.DateTime)
	return t.In(loc), false, err == nil && t.Year() > 0 && t.Year() < 10000
}

// ofPoint is a point as the API takes it, also in the place of one of the other kind.
func ofPoint(t time.Time, day bool) map[string]any {
	if day {
		return map[string]any{"date": t.Format(time.DateOnly), "dateTime": nil, "timeZone": nil}
	}
	return map[string]any{"date": nil, "dateTime": stamp(t), "timeZone": t.Location().String()}
}

// spanText is when something is, for a reader: the last day of whole days counts.
func spanText(start, end string, day bool) string {
	a, err1 := time.Parse(time.RFC3339, start)
	b, err2 := time.Parse(time.RFC3339, end)
	if day {
		a, err1 = time.Parse(time.DateOnly, start)
		b, err2 = time.Parse(time.DateOnly, end)
	}
	switch {
	case err1 != nil || err2 != nil:
		return word(start) + " to " + word(end)
	case day && a.Equal(b):
		return a.Format("Mon 2006-01-02") + " all day"
	case day:
		return a.Format("Mon 2006-01-02") + " to " + b.Format("Mon 2006-01-02") + ", all days"
	case a.Format(time.DateOnly) == b.Format(time.DateOnly):
		return a.Format("Mon 2006-01-02 15:04–") + b.Format("15:04")
	}
	return a.Format("Mon 2006-01-02 15:04") + " to " + b.Format("Mon 2006-01-02 15:04")
}
