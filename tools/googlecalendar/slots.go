package googlecalendar

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) slotTools() []tools.Tool {
	return []tools.Tool{tools.New("google_calendar_find_time", s.findTime)}
}

type findTimeIn struct {
	Calendars []string `json:"calendars"`
	Minutes   int      `json:"minutes"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	DayStart  string   `json:"day_start"`
	DayEnd    string   `json:"day_end"`
	Days      []string `json:"days"`
	Buffer    int      `json:"buffer_minutes"`
	TimeZone  string   `json:"timezone"`
	Limit     int      `json:"limit"`
}

// Slots is the answer of google_calendar_find_time: times at which everybody of whom
// something is known is free.
type Slots struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	TimeZone string   `json:"time_zone"`
	Slots    []Block  `json:"slots"`
	Unknown  []Unread `json:"unknown,omitempty"`
}

// Text is one line a slot.
func (l Slots) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s (%s)\n", l.From, l.To, l.TimeZone)
	for _, x := range l.Slots {
		b.WriteString(spanText(x.Start, x.End, false) + "\n")
	}
	if len(l.Slots) == 0 {
		b.WriteString("No time in this window suits all. Try a longer window, fewer minutes, or other hours.\n")
	}
	for _, u := range l.Unknown {
		b.WriteString("UNKNOWN whether free: " + word(u.Calendar) + ": " + u.Reason + "\n")
	}
	return b.String()
}

// hours are the times of the days at which something may be.
type hours struct {
	start, end int // minutes after midnight, by the clock on the wall
	days       [7]bool
	loc        *time.Location
}

// findTime asks who is busy when, and looks for gaps itself.
func (s *service) findTime(ctx context.Context, c *upstream.Client, in findTimeIn) (Slots, error) {
	places, loc, err := s.people(ctx, c, in.Calendars, in.TimeZone)
	if err != nil {
		return Slots{}, err
	}
	w, err := s.busyWindow(in.From, in.To, loc)
	if err != nil {
		return Slots{}, err
	}
	if now := s.now().In(loc); w.from.Before(now) { // nobody can meet yesterday
		if w.from = now.Truncate(time.Minute).Add(time.Minute); !w.from.Before(w.to) {
			return Slots{}, fault.Wrong("to: that window is over. Give one that is to come.")
		}
	}
	h, err := hoursOf(in.DayStart, in.DayEnd, in.Days, loc)
	if err != nil {
		return Slots{}, err
	}
	if span := h.end - h.start; in.Minutes > span {
		return Slots{}, fault.Wrong("minutes: %d do not fit between day_start and day_end, which are %d apart.", in.Minutes, span)
	}
	all, err := schedules(ctx, c, places, w)
	if err != nil {
		return Slots{}, err
	}
	out := Slots{From: stamp(w.from), To: stamp(w.to), TimeZone: loc.String(), Slots: []Block{}}
	var busy []interval
	for _, sc := range all {
		if sc.unknown != "" {
			out.Unknown = append(out.Unknown, Unread{Calendar: upstream.Clean(sc.id, 300), Reason: sc.unknown})
		}
		busy = append(busy, sc.busy...)
	}
	if len(out.Unknown) == len(all) {
		return out, nil // of nobody anything is known: there is nothing to propose
	}
	for _, x := range slots(busy, w, h, time.Duration(in.Minutes)*time.Minute, time.Duration(in.Buffer)*time.Minute, in.Limit) {
		out.Slots = append(out.Slots, Block{stamp(x.from), stamp(x.to)})
	}
	return out, nil
}

const grid = 15 // minutes: proposals begin on quarters of an hour

// slots proposes times of a length: in the window, at the hours of the days, with a
// buffer to everything that is busy, one after the other, earliest first.
func slots(busy []interval, w window, h hours, length, buffer time.Duration, limit int) []interval {
	busy = slices.Clone(busy)
	slices.SortFunc(busy, func(a, b interval) int { return a.from.Compare(b.from) })
	var found []interval
	first := w.from.In(h.loc)
	for d := 0; len(found) < limit; d++ {
		day := time.Date(first.Year(), first.Month(), first.Day()+d, 0, 0, 0, 0, h.loc)
		if !day.Before(w.to) {
			break
		}
		if !h.days[day.Weekday()] {
			continue
		}
		open := onDay(day, h.start)
		shut := onDay(day, h.end)
		for at := open; len(found) < limit; {
			if at.Before(w.from) {
				at = up(w.from.In(h.loc), open)
			}
			end := at.Add(length)
			if end.After(shut) || end.After(w.to) {
				break
			}
			if until := blocked(busy, at.Add(-buffer), end.Add(buffer)); !until.IsZero() {
				at = up(until.Add(buffer).In(h.loc), open)
				continue
			}
			found = append(found, interval{at, end})
			at = up(end, open)
		}
	}
	return found
}

// onDay is a time of a day by the clock on the wall; minute 1440 is the next midnight.
func onDay(day time.Time, minutes int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), minutes/60, minutes%60, 0, 0, day.Location())
}

// up is the next point of the grid, which begins at a time, that is not before t.
func up(t, start time.Time) time.Time {
	const step = grid * time.Minute
	past := t.Sub(start)
	if past <= 0 {
		return start
	}
	return start.Add((past + step - 1) / step * step)
}

// blocked is the latest end of what is busy within a span; zero: nothing is. Something
// without length blocks nothing.
func blocked(busy []interval, from, to time.Time) (until time.Time) {
	for _, b := range busy {
		if !b.from.Before(to) {
			break
		}
		if b.to.After(from) && b.from.Before(b.to) && b.to.After(until) {
			until = b.to
		}
	}
	return until
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// hoursOf reads the hours of the days.
func hoursOf(start, end string, days []string, loc *time.Location) (h hours, err error) {
	h.loc = loc
	if h.start, err = clock("day_start", start); err != nil {
		return h, err
	}
	if h.end, err = clock("day_end", end); err != nil {
		return h, err
	}
	if h.start >= h.end {
		return h, fault.Wrong("day_end: %s is not after day_start, %s.", end, start)
	}
	if len(days) == 0 {
		days = dayNames[1:6] // Monday to Friday
	}
	for _, d := range days {
		if i := slices.Index(dayNames, d); i >= 0 {
			h.days[i] = true
		}
	}
	return h, nil
}

// clock reads a time of day as minutes after midnight, 24:00 as its end.
func clock(argument, text string) (int, error) {
	hour, minute, ok := strings.Cut(text, ":")
	a, err1 := strconv.Atoi(hour)
	b, err2 := strconv.Atoi(minute)
	if !ok || err1 != nil || err2 != nil || a < 0 || a > 24 || b < 0 || b > 59 || a == 24 && b > 0 {
		return 0, fault.Wrong("%s: %q is no time of day. Write it as 09:00.", argument, upstream.Clean(text, 20))
	}
	return a*60 + b, nil
}
