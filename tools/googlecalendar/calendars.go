package googlecalendar

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const mostPages = 4 // of 250 calendars each

func (s *service) calendarTools() []tools.Tool {
	return []tools.Tool{
		tools.New("google_calendar_whoami", s.whoami),
		tools.New("google_calendar_list_calendars", s.listCalendars),
	}
}

// place is a calendar: its id, what it is called, and its time zone.
type place struct {
	id, name, role, description string
	zone                        *time.Location
	primary                     bool
}

type entryModel struct {
	ID          string `json:"id"`
	Name        string `json:"summary"`
	Own         string `json:"summaryOverride"`
	Description string `json:"description"`
	Zone        string `json:"timeZone"`
	Role        string `json:"accessRole"`
	Primary     bool   `json:"primary"`
}

func (m entryModel) place() place {
	p := place{id: m.ID, name: m.Own, role: m.Role, description: m.Description, primary: m.Primary, zone: time.UTC}
	if p.name == "" {
		p.name = m.Name
	}
	if loc, err := zoned(m.Zone); err == nil {
		p.zone = loc
	}
	return p
}

// calendars are those in the user's list, kept for a while. None are returned where
// the call or the credential may not see the list.
func (s *service) calendars(ctx context.Context, c *upstream.Client) ([]place, error) {
	if !c.Allows(calendarsRead) {
		return nil, nil
	}
	all, err := s.lists.Get(c.CredentialKey(), func() ([]place, error) {
		var all []place
		for page, next := 0, ""; page < mostPages; page++ {
			q := url.Values{"maxResults": {"250"}}
			var answer struct {
				Items []entryModel `json:"items"`
				Next  string       `json:"nextPageToken"`
			}
			if err := c.Get(ctx, "/users/me/calendarList", pageOf(q, next), &answer); err != nil {
				return nil, err
			}
			for _, m := range answer.Items[:min(len(answer.Items), 250)] {
				if m.ID != "" {
					all = append(all, m.place())
				}
			}
			if next = answer.Next; next == "" {
				break
			}
		}
		return all, nil
	})
	if kindOf(err) == fault.NotPermitted {
		return nil, nil
	}
	return all, err
}

// self is the user's own calendar. Where the list may not be seen, its events say its
// name and its zone, also to a credential that sees of them only when they are.
func (s *service) self(ctx context.Context, c *upstream.Client) (place, error) {
	all, err := s.calendars(ctx, c)
	if err != nil {
		return place{}, err
	}
	for _, p := range all {
		if p.primary {
			return p, nil
		}
	}
	return s.zones.Get(c.CredentialKey(), func() (place, error) {
		var m struct {
			Name string `json:"summary"`
			Zone string `json:"timeZone"`
			Role string `json:"accessRole"`
		}
		q := url.Values{"maxResults": {"1"}, "fields": {"summary,timeZone,accessRole"}}
		err := c.Get(ctx, eventsPath("primary", ""), q, &m)
		return entryModel{ID: "primary", Name: m.Name, Zone: m.Zone, Role: m.Role, Primary: true}.place(), err
	})
}

// calendar is the one that a word stands for: primary or nothing for the user's own,
// an id, an e-mail address, or a name in the list. One that is not in the list is
// taken by its address, in the zone of the user.
func (s *service) calendar(ctx context.Context, c *upstream.Client, name string) (place, error) {
	own, err := s.self(ctx, c)
	if err != nil {
		return place{}, err
	}
	name = strings.TrimSpace(name)
	if name == "" || strings.EqualFold(name, "primary") {
		return own, nil
	}
	all, err := s.calendars(ctx, c)
	if err != nil {
		return place{}, err
	}
	for _, p := range all {
		if p.id == name || strings.Contains(name, "@") && strings.EqualFold(p.id, name) {
			return p, nil
		}
	}
	if strings.Contains(name, "@") {
		return place{id: name, name: name, zone: own.zone}, nil
	}
	if all == nil {
		return place{}, fault.Wrong("Calendars cannot be looked up by name here: that needs the scope calendars.read. Give the calendar's id or e-mail address.")
	}
	var named []names.Named
	for _, p := range all {
		named = append(named, names.Named{ID: p.id, Name: p.name})
	}
	one, err := names.Pick("calendar", name, named, "google_calendar_list_calendars")
	if err != nil {
		return place{}, err
	}
	return all[slices.IndexFunc(all, func(p place) bool { return p.id == one.ID })], nil
}

// Calendar is a calendar that the account sees.
type Calendar struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	TimeZone    string `json:"time_zone"`
	Role        string `json:"role"` // freeBusyReader, reader, writer, owner
	Primary     bool   `json:"primary,omitempty"`
	Description string `json:"description,omitempty"`
}

func (p place) calendar() Calendar {
	return Calendar{
		ID: upstream.Clean(p.id, 300), Name: upstream.Clean(p.name, 254), TimeZone: p.zone.String(), Role: upstream.Clean(p.role, 40),
		Primary: p.primary, Description: upstream.Clean(p.description, 200),
	}
}

// Text is one line.
func (c Calendar) Text() string {
	s := word(c.ID) + "  " + upstream.Quote(c.Name) + "  " + c.TimeZone + "  " + word(c.Role)
	if c.Primary {
		s += "  primary"
	}
	if c.Description != "" {
		s += "  " + upstream.Quote(c.Description)
	}
	return s + "\n"
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ struct{}) (Calendar, error) {
	p, err := s.self(ctx, c)
	if err != nil {
		return Calendar{}, err
	}
	out := p.calendar()
	out.Primary = true
	return out, nil
}

type listCalendarsIn struct {
	MinRole string `json:"min_role"`
	Search  string `json:"search"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// Calendars is the answer of google_calendar_list_calendars.
type Calendars struct {
	Calendars []Calendar `json:"calendars"`
	Total     int        `json:"total"`
	Next      string     `json:"next_cursor,omitempty"`
}

// Text is one line a calendar.
func (l Calendars) Text() string {
	var b strings.Builder
	for _, c := range l.Calendars {
		b.WriteString(c.Text())
	}
	fmt.Fprintf(&b, "%d of %d calendars\n", len(l.Calendars), l.Total)
	if l.Next != "" {
		b.WriteString("next_cursor: " + l.Next + "\n")
	}
	return b.String()
}

var roles = []string{"freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"}

func (s *service) listCalendars(ctx context.Context, c *upstream.Client, in listCalendarsIn) (Calendars, error) {
	query := []any{in.MinRole, in.Search}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Calendars{}, err
	}
	if in.Cursor == "" {
		s.lists.Forget(c.CredentialKey()) // whoever asks for the list wants it as it is
	}
	all, err := s.calendars(ctx, c)
	if err != nil {
		return Calendars{}, err
	}
	if all == nil {
		f := fault.New(fault.NotPermitted, "%s", reasons["insufficientPermissions"].text)
		f.NotSent = true
		return Calendars{}, f
	}
	var fit []Calendar
	for _, p := range all {
		text := strings.ToLower(p.id + " " + p.name + " " + p.description)
		if slices.Index(roles, p.role) >= slices.Index(roles, in.MinRole) && strings.Contains(text, strings.ToLower(strings.TrimSpace(in.Search))) {
			fit = append(fit, p.calendar())
		}
	}
	page, next := tools.Page(query, at, fit, in.Limit, "")
	return Calendars{Calendars: append([]Calendar{}, page...), Total: len(fit), Next: next}, nil
}
