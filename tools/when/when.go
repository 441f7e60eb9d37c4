// Package when reads a point in time as a person or a model writes it.
package when

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Clock is what a time is relative to.
type Clock struct {
	Now   time.Time
	Zone  *time.Location // of the account; nil: UTC
	Ahead bool           // "24h" is in 24 hours, and "monday" the next one; else ago, and the last one
}

// Forms says which spellings Parse takes, for an error or a description.
const Forms = `24h, 7d, a date such as 2026-11-24, "yesterday 9:00" or RFC 3339`

// FormsAhead says the same for a time to come.
const FormsAhead = `2h, 3d, a date such as 2026-11-24, "tomorrow 9:00", "next week" or RFC 3339`

var (
	spanForm  = regexp.MustCompile(`^([+-])?(\d{1,5})\s*(m|min|minutes?|h|hours?|d|days?|w|weeks?)(\s+ago)?$`)
	clockForm = regexp.MustCompile(`^(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm)?$`)
	epochForm = regexp.MustCompile(`^\d{10}(\d{3})?$`)
	layouts   = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}
	units     = map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	weekdays  = map[string]time.Weekday{
		"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
		"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
	}
)

// Parse reads a time: RFC 3339; a date, with or without a time of day, in the
// account's zone; a span such as 24h, 7d, "+2d" or "3 days ago"; now, today,
// yesterday, tomorrow or the name of a day, with or without a time of day; this,
// last or next week or month, which is when it begins, a week on Monday; or seconds
// or milliseconds since 1970. A day without a time of day begins at midnight. What is none is an invalid_arguments that names the argument.
func Parse(argument, word string, c Clock) (time.Time, error) {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	t, ok := c.read(strings.TrimSpace(word))
	if !ok || t.Year() < 1970 || t.Year() > 9999 {
		forms := Forms
		if c.Ahead {
			forms = FormsAhead
		}
		return time.Time{}, fault.New(fault.InvalidArguments, "%s: %q is no time. Write %s.", argument, upstream.Clean(word, 40), forms)
	}
	return t, nil
}

func (c Clock) read(word string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return t, true
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, word, c.Zone); err == nil {
			return t, true
		}
	}
	if epochForm.MatchString(word) {
		n, _ := strconv.ParseInt(word, 10, 64)
		if len(word) == 13 {
			return time.UnixMilli(n), true
		}
		return time.Unix(n, 0), true
	}
	word = strings.ToLower(word)
	if t, ok := c.span(word); ok {
		return t, true
	}
	if t, ok := c.period(word); ok {
		return t, true
	}
	return c.day(strings.TrimPrefix(word, "at "))
}

// span is so long before or after now.
func (c Clock) span(word string) (time.Time, bool) {
	rest, in := strings.CutPrefix(word, "in ")
	m := spanForm.FindStringSubmatch(rest)
	if m == nil || in && (m[1] == "-" || m[4] != "") {
		return time.Time{}, false
	}
	n, _ := strconv.Atoi(m[2])
	d := time.Duration(n) * units[m[3][0]]
	ahead := c.Ahead
	switch {
	case m[1] == "+", in:
		ahead = true
	case m[1] == "-", m[4] != "":
		ahead = false
	}
	if !ahead {
		d = -d
	}
	return c.Now.Add(d), true
}

// period is when this, the last or the next week or month begins.
func (c Clock) period(word string) (time.Time, bool) {
	which, what, _ := strings.Cut(word, " ")
	away, ok := map[string]int{"last": -1, "this": 0, "next": 1}[which]
	now := c.Now.In(c.Zone)
	switch {
	case ok && strings.TrimSpace(what) == "week":
		monday := now.Day() - (int(now.Weekday())+6)%7
		return time.Date(now.Year(), now.Month(), monday+7*away, 0, 0, 0, 0, c.Zone), true
	case ok && strings.TrimSpace(what) == "month":
		return time.Date(now.Year(), now.Month()+time.Month(away), 1, 0, 0, 0, 0, c.Zone), true
	}
	return time.Time{}, false
}

// day is a day by its name, and a time of that day.
func (c Clock) day(word string) (time.Time, bool) {
	now := c.Now.In(c.Zone)
	first, rest, _ := strings.Cut(word, " ")
	way := 0 // which one of a weekday: the last, the next, or as the clock says
	switch first {
	case "now":
		return c.Now, rest == ""
	case "last", "next":
		way = map[string]int{"last": -1, "next": 1}[first]
		first, rest, _ = strings.Cut(rest, " ")
	}
	days := 0
	weekday, isWeekday := weekdays[first]
	switch {
	case isWeekday:
		days = int(weekday - now.Weekday())
		if ahead := way > 0 || way == 0 && c.Ahead; ahead && days <= 0 {
			days += 7
		} else if !ahead && days >= 0 {
			days -= 7
		}
	case way != 0:
		return time.Time{}, false
	case first == "today":
	case first == "yesterday":
		days = -1
	case first == "tomorrow":
		days = 1
	default:
		rest = word // a time of day alone is one of today
		if rest == "" || strings.Trim(rest, "0123456789") == "" {
			return time.Time{}, false
		}
	}
	h, m, s, ok := timeOfDay(strings.TrimPrefix(strings.TrimSpace(rest), "at "))
	return time.Date(now.Year(), now.Month(), now.Day()+days, h, m, s, 0, c.Zone), ok
}

// timeOfDay reads 9:00, 09:00:30, 9am or 9:30 pm; midnight for "".
func timeOfDay(word string) (h, m, s int, ok bool) {
	if word == "" {
		return 0, 0, 0, true
	}
	p := clockForm.FindStringSubmatch(word)
	if p == nil {
		return 0, 0, 0, false
	}
	h, _ = strconv.Atoi(p[1])
	m, _ = strconv.Atoi(p[2])
	s, _ = strconv.Atoi(p[3])
	if p[4] != "" {
		if h < 1 || h > 12 {
			return 0, 0, 0, false
		}
		h = h%12 + map[string]int{"pm": 12}[p[4]]
	}
	return h, m, s, h < 24 && m < 60 && s < 60
}
