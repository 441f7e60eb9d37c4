package metabase

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// schedule is when something is sent, in the instance's report time zone.
type schedule struct {
	kind   string // hourly, daily, weekly, monthly
	day    string // of weekly: "mon"
	hour   int
	minute int
}

var (
	weekdays  = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	timeForm  = pattern.New(`^(\d{1,2})(?::(\d{2}))?\s*(am|pm)?$`)
	quartz    = pattern.New(`(?i)^(?:[0-9*/,?#LW-]|SUN|MON|TUE|WED|THU|FRI|SAT|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+$`) // a field of a cron
	everyDay  = pattern.New(`^0 (\d+) (\d+) \* \* \? ?\*?$`)
	everyHour = pattern.New(`^0 0 \* \* \* \? ?\*?$`)
	everyWeek = pattern.New(`^0 (\d+) (\d+) \? \* ([1-7]|[A-Za-z]{3}) ?\*?$`)
	everyMon  = pattern.New(`^0 (\d+) (\d+) 1 \* \? ?\*?$`)
)

const scheduleForms = `"hourly", "daily 8:00", "mon 9:00" or "monthly 8:00"`

// readSchedule reads "hourly", "daily 8:00", "mon 9:00", "monthly 8:00" (on the
// first day). A time may be left out: then it is 8:00.
func readSchedule(words string) (schedule, bool) {
	first, rest, _ := strings.Cut(strings.ToLower(strings.TrimSpace(words)), " ")
	s := schedule{hour: 8}
	switch {
	case first == "hourly" && rest == "":
		return schedule{kind: "hourly"}, true
	case first == "daily", first == "monthly":
		s.kind = first
	case len(first) >= 3 && slices.Contains(weekdays, first[:3]) && strings.HasPrefix(fullDay(first[:3]), first):
		s.kind, s.day = "weekly", first[:3]
	default:
		return schedule{}, false
	}
	rest = strings.TrimSpace(strings.TrimPrefix(rest, "at "))
	if rest == "" {
		return s, true
	}
	p := timeForm.FindStringSubmatch(rest)
	if p == nil {
		return schedule{}, false
	}
	s.hour, _ = strconv.Atoi(p[1])
	s.minute, _ = strconv.Atoi(p[2])
	if p[3] != "" {
		if s.hour < 1 || s.hour > 12 {
			return schedule{}, false
		}
		s.hour = s.hour%12 + map[string]int{"pm": 12}[p[3]]
	}
	return s, s.hour < 24 && s.minute < 60
}

func fullDay(short string) string {
	return map[string]string{
		"sun": "sunday", "mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday",
	}[short]
}

// cron is the schedule as Quartz has it: second minute hour day month weekday year,
// Sunday being 1.
func (s schedule) cron() string {
	switch s.kind {
	case "hourly":
		return "0 0 * * * ? *"
	case "weekly":
		return fmt.Sprintf("0 %d %d ? * %d *", s.minute, s.hour, slices.Index(weekdays, s.day)+1)
	case "monthly":
		return fmt.Sprintf("0 %d %d 1 * ? *", s.minute, s.hour)
	}
	return fmt.Sprintf("0 %d %d * * ? *", s.minute, s.hour)
}

func (s schedule) String() string {
	switch s.kind {
	case "hourly":
		return s.kind
	case "weekly":
		return fmt.Sprintf("%s %d:%02d", s.day, s.hour, s.minute)
	}
	return fmt.Sprintf("%s %d:%02d", s.kind, s.hour, s.minute)
}

// isCron reports whether a text has the form of a Quartz cron: six or seven fields.
func isCron(text string) bool {
	fields := strings.Split(text, " ")
	return (len(fields) == 6 || len(fields) == 7) && !slices.ContainsFunc(fields, func(f string) bool { return len(f) > 60 || !quartz.MatchString(f) })
}

// cronOf is the cron of a schedule in words, or of a cron.
func cronOf(words string) (string, error) {
	if s, ok := readSchedule(words); ok {
		return s.cron(), nil
	}
	if isCron(words) {
		return words, nil
	}
	return "", fault.Wrong("schedule: %q is none. Write %s, or a Quartz cron of 6 or 7 fields such as 0 0 8 * * ? *.", upstream.Clean(words, 60), scheduleForms)
}

// wordsOf is a cron in words, where it is one of those that readSchedule makes.
func wordsOf(cron string) string {
	cron = strings.Join(strings.Fields(cron), " ")
	at := func(m []string) schedule {
		s := schedule{}
		s.minute, _ = strconv.Atoi(m[1])
		s.hour, _ = strconv.Atoi(m[2])
		return s
	}
	if everyHour.MatchString(cron) {
		return "hourly"
	}
	if m := everyDay.FindStringSubmatch(cron); m != nil {
		s := at(m)
		s.kind = "daily"
		return s.String()
	}
	if m := everyMon.FindStringSubmatch(cron); m != nil {
		s := at(m)
		s.kind = "monthly"
		return s.String()
	}
	if m := everyWeek.FindStringSubmatch(cron); m != nil {
		s := at(m)
		s.kind, s.day = "weekly", strings.ToLower(m[3])
		if n, err := strconv.Atoi(m[3]); err == nil {
			s.day = weekdays[n-1]
		}
		return s.String()
	}
	if !isCron(cron) {
		return "a schedule that is not known"
	}
	return cron
}
