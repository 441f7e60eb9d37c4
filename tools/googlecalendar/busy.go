package googlecalendar

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) busyTools() []tools.Tool {
	return []tools.Tool{tools.New("google_calendar_free_busy", s.freeBusy)}
}

const (
	mostBusyDays = 62 // that are asked for at once
	maxBlocks    = 400
)

type freeBusyIn struct {
	Calendars []string `json:"calendars"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	TimeZone  string   `json:"timezone"`
}

// Block is a time at which a calendar has something.
type Block struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// Busy is when one calendar is busy; with Unknown nothing is known of it, and it must
// not be taken for free.
type Busy struct {
	Calendar string  `json:"calendar"`
	Unknown  string  `json:"unknown,omitempty"` // why nothing is known
	Busy     []Block `json:"busy"`
}

// FreeBusy is the answer of google_calendar_free_busy. From is in the window, To is
// not.
type FreeBusy struct {
	From      string `json:"from"`
	To        string `json:"to"`
	TimeZone  string `json:"time_zone"`
	Calendars []Busy `json:"calendars"`
	Note      string `json:"note,omitempty"`
}

// Text is one line a block.
func (f FreeBusy) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s (%s)\n", f.From, f.To, f.TimeZone)
	for _, c := range f.Calendars {
		b.WriteString(word(c.Calendar) + ": ")
		switch {
		case c.Unknown != "":
			b.WriteString("UNKNOWN, do not take it for free: " + c.Unknown + "\n")
			continue
		case len(c.Busy) == 0:
			b.WriteString("free all the time\n")
			continue
		}
		b.WriteString("busy\n")
		for _, x := range c.Busy {
			b.WriteString("  " + spanText(x.Start, x.End, false) + "\n")
		}
	}
	if f.Note != "" {
		b.WriteString(f.Note + "\n")
	}
	return b.String()
}

// interval is a span of time, its end not in it.
type interval struct{ from, to time.Time }

// schedule is when a calendar is busy.
type schedule struct {
	place
	busy    []interval
	unknown string
}

func (s *service) freeBusy(ctx context.Context, c *upstream.Client, in freeBusyIn) (FreeBusy, error) {
	places, loc, err := s.people(ctx, c, in.Calendars, in.TimeZone)
	if err != nil {
		return FreeBusy{}, err
	}
	w, err := s.busyWindow(in.From, in.To, loc)
	if err != nil {
		return FreeBusy{}, err
	}
	all, err := schedules(ctx, c, places, w)
	if err != nil {
		return FreeBusy{}, err
	}
	out := FreeBusy{From: stamp(w.from), To: stamp(w.to), TimeZone: loc.String(), Calendars: []Busy{}}
	left := maxBlocks
	for _, sc := range all {
		one := Busy{Calendar: upstream.Clean(sc.id, 300), Unknown: sc.unknown, Busy: []Block{}}
		if len(sc.busy) > left {
			one.Unknown, out.Note = "its times did not fit into this answer", "There are too many busy times for one answer: ask for a shorter window, or for fewer calendars."
		} else {
			left -= len(sc.busy)
			for _, b := range sc.busy {
				one.Busy = append(one.Busy, Block{stamp(b.from.In(loc)), stamp(b.to.In(loc))})
			}
		}
		out.Calendars = append(out.Calendars, one)
	}
	return out, nil
}

// busyWindow is a window that free/busy is asked for at once.
func (s *service) busyWindow(from, to string, loc *time.Location) (window, error) {
	w, err := s.windowOf(from, to, loc, week)
	if err == nil && w.to.Sub(w.from) > mostBusyDays*24*time.Hour {
		err = fault.Wrong("to: free/busy is asked for %d days at most at once. Ask for a shorter window.", mostBusyDays)
	}
	return w, err
}

// people are the calendars of those who are named. The zone is the user's own, unless
// another is asked for: theirs may be many.
func (s *service) people(ctx context.Context, c *upstream.Client, words []string, zone string) ([]place, *time.Location, error) {
	places, loc, err := s.places(ctx, c, words, zone)
	if err != nil || zone != "" {
		return places, loc, err
	}
	own, err := s.self(ctx, c)
	return places, own.zone, err
}

// schedules asks for the busy times of calendars. What is not known of one is said of
// it: an error beside the others, and also no answer at all, is never free time.
func schedules(ctx context.Context, c *upstream.Client, places []place, w window) ([]schedule, error) {
	var items []map[string]string
	for _, p := range places {
		items = append(items, map[string]string{"id": p.id})
	}
	type calendarModel struct {
		Busy []struct {
			Start string `json:"start"`
			End   string `json:"end"`
		} `json:"busy"`
		Errors []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	}
	var answer struct {
		Calendars map[string]*calendarModel `json:"calendars"`
	}
	body := map[string]any{"timeMin": stamp(w.from), "timeMax": stamp(w.to), "timeZone": "UTC", "items": items}
	if err := c.Do(ctx, upstream.Request{Path: "/freeBusy", JSON: body, Read: true}, &answer); err != nil {
		return nil, err
	}
	var all []schedule
	for _, p := range places {
		sc := schedule{place: p}
		m := answer.Calendars[p.id]
		for id, other := range answer.Calendars { // addresses are the same in any case
			if m == nil && strings.EqualFold(id, p.id) {
				m = other
			}
		}
		switch {
		case m == nil:
			sc.unknown = "Google gave no answer for it"
		case len(m.Errors) > 0:
			sc.unknown = unknownReason(m.Errors[0].Reason)
		default:
			for _, b := range m.Busy {
				from, err1 := time.Parse(time.RFC3339, b.Start)
				to, err2 := time.Parse(time.RFC3339, b.End)
				if cmp.Or(err1, err2) != nil || to.Before(from) || from.Year() < 1 || to.Year() > 9999 {
					sc.busy, sc.unknown = nil, "Google's answer for it cannot be read"
					break
				}
				sc.busy = append(sc.busy, interval{from, to})
			}
			slices.SortFunc(sc.busy, func(a, b interval) int { return a.from.Compare(b.from) })
		}
		all = append(all, sc)
	}
	return all, nil
}

func unknownReason(reason string) string {
	switch reason {
	case "notFound":
		return "there is no such calendar, or it does not share free/busy with this account"
	case "groupTooBig", "tooManyCalendarsRequested":
		return "too many calendars were asked for at once"
	}
	return "Google could not say (" + word(upstream.Clean(reason, 40)) + ")"
}
