package googlecalendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const (
	utcForm   = "20060102T150405Z"
	localForm = "20060102T150405"
	dateForm  = "20060102"
)

var (
	ruleLine = pattern.New(`^(RRULE|EXRULE|RDATE|EXDATE)(;[A-Z0-9-]+=[A-Za-z0-9_/+-]+)*:[A-Z0-9=;,+:/TZ-]+$`)
	rulePart = pattern.New(`^(FREQ|INTERVAL|COUNT|UNTIL|WKST|BY(SECOND|MINUTE|HOUR|DAY|MONTHDAY|YEARDAY|WEEKNO|MONTH|SETPOS))=([A-Z0-9,+-]+)$`)
	dayValue = pattern.New(`^[+-]?([1-9]|[1-4]\d|5[0-3])?(SU|MO|TU|WE|TH|FR|SA)$`)
	freqs    = []string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
)

// rules checks the lines of a series (RFC 5545 section 3.8.5) that begins at a time,
// and puts them as the API wants them: each with its name, UNTIL in UTC, or as a day
// where the series is of whole days.
func rules(lines []string, start time.Time, day bool) ([]string, error) {
	var out []string
	rrules := 0
	for _, line := range lines {
		line = strings.ToUpper(strings.TrimSpace(line))
		if strings.HasPrefix(line, "FREQ=") {
			line = "RRULE:" + line
		}
		if strings.HasPrefix(line, "DTSTART") || strings.HasPrefix(line, "DTEND") {
			return nil, fault.Wrong("recurrence: leave DTSTART and DTEND out; start and end say when.")
		}
		if strings.Contains(line, "TZID=") { // upper case has spoilt it, and the zone is the event's
			return nil, fault.Wrong("recurrence: write the dates of EXDATE and RDATE in UTC, such as EXDATE:20261127T080000Z, without TZID.")
		}
		if !ruleLine.MatchString(line) {
			return nil, fault.Wrong("recurrence: %q is no line of a recurrence. Write it as RRULE:FREQ=WEEKLY;BYDAY=MO,TH or EXDATE:20261127T080000Z.", upstream.Clean(line, 80))
		}
		if rest, ok := strings.CutPrefix(line, "RRULE:"); ok {
			rrules++
			fixed, err := rule(rest, start, day)
			if err != nil {
				return nil, err
			}
			line = "RRULE:" + fixed
		}
		out = append(out, line)
	}
	if len(lines) > 0 && rrules != 1 && !slices.ContainsFunc(out, func(l string) bool { return strings.HasPrefix(l, "RDATE") }) || rrules > 1 {
		return nil, fault.Wrong("recurrence: give one RRULE line, such as RRULE:FREQ=WEEKLY;COUNT=10.")
	}
	return out, nil
}

func rule(text string, start time.Time, day bool) (string, error) {
	parts := strings.Split(strings.TrimSuffix(text, ";"), ";")
	seen := map[string]string{}
	for i, p := range parts {
		m := rulePart.FindStringSubmatch(p)
		if m == nil {
			return "", fault.Wrong("recurrence: %q is no part of a RRULE. Write it as FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;UNTIL=20261231.", upstream.Clean(p, 60))
		}
		name, value := m[1], m[3]
		if _, twice := seen[name]; twice {
			return "", fault.Wrong("recurrence: %s is there twice.", name)
		}
		seen[name] = value
		switch name {
		case "COUNT", "INTERVAL":
			if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 10_000 {
				return "", fault.Wrong("recurrence: %s must be a number from 1 on.", name)
			}
		case "BYDAY":
			for _, d := range strings.Split(value, ",") {
				if !dayValue.MatchString(d) {
					return "", fault.Wrong("recurrence: %q is no day. Write BYDAY=MO,TH, or BYDAY=-1FR for the last Friday of a month.", upstream.Clean(d, 40))
				}
			}
		case "UNTIL":
			fixed, err := until(value, start, day)
			if err != nil {
				return "", err
			}
			parts[i] = "UNTIL=" + fixed
		}
	}
	_, hasCount := seen["COUNT"]
	_, hasUntil := seen["UNTIL"]
	switch {
	case !slices.Contains(freqs, seen["FREQ"]):
		return "", fault.Wrong("recurrence: FREQ must be one of %s.", strings.Join(freqs, ", "))
	case hasCount && hasUntil:
		return "", fault.Wrong("recurrence: give COUNT or UNTIL, not both.")
	}
	return strings.Join(parts, ";"), nil
}

// until is the last moment at which an instance may begin. A day counts whole.
func until(value string, start time.Time, day bool) (string, error) {
	for _, layout := range []string{utcForm, localForm, dateForm} {
		loc := start.Location()
		if layout == utcForm {
			loc = time.UTC
		}
		t, err := time.ParseInLocation(layout, value, loc)
		if err != nil {
			continue
		}
		switch {
		case day: // the day as it was written, whatever the time
			t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, start.Location())
		case layout == dateForm:
			t = nextDay(t).Add(-time.Second)
		}
		if t.Before(start) {
			return "", fault.Wrong("recurrence: UNTIL is before the first one begins.")
		}
		if day {
			return t.Format(dateForm), nil
		}
		return t.UTC().Format(utcForm), nil
	}
	return "", fault.Wrong("recurrence: UNTIL must be a day such as 20261231, or a time in UTC such as 20261231T225959Z.")
}

// untilBefore cuts a series off: none of its instances begins at cut or later.
func untilBefore(lines []string, cut time.Time, day bool) []string {
	last := cut.UTC().Add(-time.Second).Format(utcForm)
	if day {
		last = cut.AddDate(0, 0, -1).Format(dateForm)
	}
	var out []string
	for _, line := range lines {
		head, rest, _ := strings.Cut(line, ":")
		if head == "RRULE" {
			line = "RRULE:" + strings.Join(append(without(rest, "COUNT", "UNTIL"), "UNTIL="+last), ";")
		}
		if dates(line) {
			if line = onlyDates(line, cut.Location(), func(t time.Time) bool { return t.Before(cut) }); line == "" {
				continue
			}
		}
		out = append(out, line)
	}
	return out
}

// fromOn are the rules of what a series has from cut on, where before instances of it
// come before.
func fromOn(lines []string, cut time.Time, before int) []string {
	var out []string
	for _, line := range lines {
		head, rest, _ := strings.Cut(line, ":")
		if head == "RRULE" {
			parts := without(rest, "COUNT")
			if n := count(rest); n > 0 {
				parts = append(parts, "COUNT="+strconv.Itoa(max(1, n-before)))
			}
			line = "RRULE:" + strings.Join(parts, ";")
		}
		if dates(line) {
			if line = onlyDates(line, cut.Location(), func(t time.Time) bool { return !t.Before(cut) }); line == "" {
				continue
			}
		}
		out = append(out, line)
	}
	return out
}

// countOf is the COUNT of a series, 0 where it has none.
func countOf(lines []string) int {
	for _, line := range lines {
		if rest, ok := strings.CutPrefix(line, "RRULE:"); ok {
			return count(rest)
		}
	}
	return 0
}

func count(rule string) int {
	for _, p := range strings.Split(rule, ";") {
		if v, ok := strings.CutPrefix(p, "COUNT="); ok {
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return 0
}

// breaks reports whether a series, of which one date moves to another day, would begin
// on a day that its rule does not name.
func breaks(lines []string, from, to time.Time) bool {
	return slices.ContainsFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "RRULE:") && (strings.Contains(l, "BYDAY=") && from.Weekday() != to.Weekday() || strings.Contains(l, "BYMONTHDAY=") && from.Day() != to.Day())
	})
}

func without(rule string, names ...string) []string {
	return slices.DeleteFunc(strings.Split(rule, ";"), func(p string) bool {
		name, _, _ := strings.Cut(p, "=")
		return p == "" || slices.Contains(names, name)
	})
}

func dates(line string) bool {
	return strings.HasPrefix(line, "EXDATE") || strings.HasPrefix(line, "RDATE")
}

// onlyDates keeps the dates of a line that fit; "" where none does. What cannot be read
// stays.
func onlyDates(line string, loc *time.Location, fits func(time.Time) bool) string {
	head, rest, _ := strings.Cut(line, ":")
	if i := strings.Index(head, "TZID="); i >= 0 {
		name, _, _ := strings.Cut(head[i+len("TZID="):], ";")
		if own, err := time.LoadLocation(name); err == nil {
			loc = own
		}
	}
	var kept []string
	for _, text := range strings.Split(rest, ",") {
		t, err := time.Parse(utcForm, text)
		for _, layout := range []string{localForm, dateForm} {
			if err != nil {
				t, err = time.ParseInLocation(layout, text, loc)
			}
		}
		if err != nil || fits(t) {
			kept = append(kept, text)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%s", head, strings.Join(kept, ","))
}
