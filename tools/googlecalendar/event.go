package googlecalendar

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const (
	maxTitle       = 300
	maxDescription = 6000
	maxGuests      = 100    // shown
	maxGuestBytes  = 20_000 // of them, about
	maxID          = 1100
)

// eventModel is an event as the API gives it.
type eventModel struct {
	ID               string         `json:"id"`
	Etag             string         `json:"etag"`
	Status           string         `json:"status"`
	Link             string         `json:"htmlLink"`
	Title            string         `json:"summary"`
	Description      string         `json:"description"`
	Location         string         `json:"location"`
	Organizer        personModel    `json:"organizer"`
	Start            pointModel     `json:"start"`
	End              pointModel     `json:"end"`
	Recurrence       []string       `json:"recurrence"`
	Series           string         `json:"recurringEventId"`
	Original         pointModel     `json:"originalStartTime"`
	Transparency     string         `json:"transparency"`
	Visibility       string         `json:"visibility"`
	Type             string         `json:"eventType"`
	Hangout          string         `json:"hangoutLink"`
	Conference       *confModel     `json:"conferenceData"`
	Guests           []guestModel   `json:"attendees"`
	GuestsOmitted    bool           `json:"attendeesOmitted"`
	ColorID          string         `json:"colorId"`
	Reminders        map[string]any `json:"reminders"`
	GuestsCanModify  *bool          `json:"guestsCanModify"`
	GuestsCanInvite  *bool          `json:"guestsCanInviteOthers"`
	GuestsCanSeeEach *bool          `json:"guestsCanSeeOtherGuests"`
}

type personModel struct {
	Email string `json:"email"`
	Name  string `json:"displayName"`
	Self  bool   `json:"self"`
}

// guestModel is a guest, whole: a list that is sent back replaces the one that is
// there.
type guestModel struct {
	Email      string `json:"email"`
	Name       string `json:"displayName,omitempty"`
	Response   string `json:"responseStatus,omitempty"`
	Comment    string `json:"comment,omitempty"`
	Optional   bool   `json:"optional,omitempty"`
	Resource   bool   `json:"resource,omitempty"`
	Additional int    `json:"additionalGuests,omitempty"`
	ID         string `json:"id,omitempty"`
	Self       bool   `json:"self,omitempty"`
	Organizer  bool   `json:"organizer,omitempty"`
}

type confModel struct {
	Request *struct {
		Status struct {
			Code string `json:"statusCode"`
		} `json:"status"`
	} `json:"createRequest"`
	Solution *struct {
		Key struct {
			Type string `json:"type"`
		} `json:"key"`
	} `json:"conferenceSolution"`
	Entries []struct {
		Type string `json:"entryPointType"`
		URI  string `json:"uri"`
	} `json:"entryPoints"`
}

// Guest is somebody who is invited.
type Guest struct {
	Email    string `json:"email"`
	Name     string `json:"name,omitempty"`
	Response string `json:"response"` // needsAction, accepted, tentative, declined
	Comment  string `json:"comment,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Me       bool   `json:"me,omitempty"`
}

// Event is an event, or an instance of a series. Start and End are RFC 3339 with the
// offset of the zone that was asked for, or, with AllDay, the first and the last day.
type Event struct {
	ID          string   `json:"id"`
	Calendar    string   `json:"calendar"`
	Title       string   `json:"title"`
	Start       string   `json:"start"`
	End         string   `json:"end"`
	AllDay      bool     `json:"all_day,omitempty"`
	Status      string   `json:"status,omitempty"` // tentative or cancelled
	Type        string   `json:"type,omitempty"`   // focusTime, outOfOffice, …; "": an ordinary one
	Free        bool     `json:"free,omitempty"`   // does not block the time
	Private     bool     `json:"private,omitempty"`
	Location    string   `json:"location,omitempty"`
	Conference  string   `json:"conference,omitempty"` // where to join, or "pending"
	Organizer   string   `json:"organizer,omitempty"`
	MyResponse  string   `json:"my_response,omitempty"`
	GuestCount  int      `json:"guest_count,omitempty"`
	Guests      []Guest  `json:"guests,omitempty"`
	Series      string   `json:"series_id,omitempty"`
	Original    string   `json:"original_start,omitempty"`
	Recurrence  []string `json:"recurrence,omitempty"`
	TimeZone    string   `json:"time_zone,omitempty"`
	Description string   `json:"description,omitempty"`
	Link        string   `json:"link,omitempty"`
	Etag        string   `json:"etag,omitempty"`
}

// brief is an event for a list, its times in a zone.
func (m eventModel) brief(calendar string, loc *time.Location) Event {
	e := Event{
		ID: upstream.Clean(m.ID, maxID), Calendar: calendar, Title: upstream.Clean(m.Title, maxTitle), Location: upstream.Clean(m.Location, 300),
		Conference: m.conference(), Free: m.Transparency == "transparent", Private: m.Visibility == "private" || m.Visibility == "confidential",
		Series: upstream.Clean(m.Series, maxID), GuestCount: len(m.Guests), Organizer: upstream.Clean(m.Organizer.Email, 254),
	}
	if m.Status == "tentative" || m.Status == "cancelled" {
		e.Status = m.Status
	}
	if m.Type != "default" {
		e.Type = upstream.Clean(m.Type, 40)
	}
	e.Start, e.AllDay = shown(m.Start, loc, false)
	e.End, _ = shown(m.End, loc, true)
	if me := m.me(); me != nil {
		e.MyResponse = upstream.Clean(me.Response, 40)
	}
	for _, line := range m.Recurrence[:min(len(m.Recurrence), 20)] {
		e.Recurrence = append(e.Recurrence, upstream.Clean(line, 500))
	}
	return e
}

// whole is all of an event that a model can want.
func (m eventModel) whole(calendar string, loc *time.Location) Event {
	e := m.brief(calendar, loc)
	e.Description, e.Link, e.Etag = upstream.CleanLines(m.Description, maxDescription), link(m.Link), bare(m.Etag)
	e.Original, _ = shown(m.Original, loc, false)
	e.TimeZone = upstream.Clean(m.Start.TimeZone, 64)
	for size, i := 0, 0; i < min(len(m.Guests), maxGuests) && size < maxGuestBytes; i++ {
		g := m.Guests[i]
		one := Guest{
			Email: upstream.Clean(g.Email, 254), Name: upstream.Clean(g.Name, 100), Response: upstream.Clean(g.Response, 40),
			Comment: upstream.Clean(g.Comment, 300), Optional: g.Optional, Me: g.Self,
		}
		size += 60 + len(one.Email) + len(one.Name) + len(one.Comment)
		e.Guests = append(e.Guests, one)
	}
	return e
}

// me is the guest who is the calendar's owner; nil: not invited.
func (m eventModel) me() *guestModel {
	for i := range m.Guests {
		if m.Guests[i].Self {
			return &m.Guests[i]
		}
	}
	return nil
}

// conference is where to join by video, or how far making that is.
func (m eventModel) conference() string {
	if to := link(m.Hangout); to != "" {
		return to
	}
	if m.Conference == nil {
		return ""
	}
	for _, e := range m.Conference.Entries {
		if to := link(e.URI); e.Type == "video" && to != "" {
			return to
		}
	}
	if r := m.Conference.Request; r != nil && (r.Status.Code == "pending" || r.Status.Code == "failure") {
		return map[string]string{"pending": "pending", "failure": "failed"}[r.Status.Code]
	}
	return ""
}

// shown is a point for an answer. The end of whole days is the last of them.
func shown(p pointModel, loc *time.Location, end bool) (text string, day bool) {
	t, day, ok := p.in(loc)
	switch {
	case !ok:
		return upstream.Clean(p.Date+p.DateTime, 40), day
	case day && end:
		return t.AddDate(0, 0, -1).Format(time.DateOnly), true
	case day:
		return t.Format(time.DateOnly), true
	}
	return stamp(t), false
}

// link is a web address, "" for what is none.
func link(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(s) > 1500 || strings.ContainsAny(s, " «»") {
		return ""
	}
	return upstream.Clean(u.String(), 1500)
}

var plainEtag = pattern.New(`^"[\w.:/+=-]{1,200}"$`)

// bare is an etag without its quotes; quoted puts them back.
func bare(etag string) string {
	if !plainEtag.MatchString(etag) {
		return ""
	}
	return strings.Trim(etag, `"`)
}

func quoted(etag string) string { return `"` + strings.Trim(etag, `"`) + `"` }

// word is a cleaned id or address for a text; in quotes where it has more in it than
// such a thing has.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " «»≪≫⟪⟫《》[]<>") {
		return upstream.Quote(s)
	}
	return s
}

// Text is all of the event, one line a thing.
func (e Event) Text() string {
	var b strings.Builder
	b.WriteString(e.line() + "\n")
	if t, err := time.Parse(time.RFC3339, e.Start); err == nil && !e.AllDay {
		b.WriteString("at offset " + t.Format("-07:00") + "\n")
	}
	add := func(what, s string) {
		if s != "" {
			b.WriteString(what + ": " + s + "\n")
		}
	}
	quote := func(s string) string {
		if s == "" {
			return ""
		}
		return upstream.Quote(s)
	}
	add("calendar", wordOr(e.Calendar))
	add("where", quote(e.Location))
	add("organizer", wordOr(e.Organizer))
	for _, g := range e.Guests {
		s := word(g.Email) + " " + word(g.Response)
		if g.Name != "" {
			s += " " + upstream.Quote(g.Name)
		}
		if g.Comment != "" {
			s += " comment " + upstream.Quote(g.Comment)
		}
		if g.Optional {
			s += " (optional)"
		}
		if g.Me {
			s += " (me)"
		}
		add("guest", s)
	}
	if more := e.GuestCount - len(e.Guests); more > 0 && len(e.Guests) > 0 {
		fmt.Fprintf(&b, "and %d more guests\n", more)
	}
	if e.Original != "" && e.Original != e.Start {
		add("was to begin", word(e.Original))
	}
	add("repeats", quote(strings.Join(e.Recurrence, " ")))
	add("its own time zone", wordOr(e.TimeZone))
	add("description", quote(e.Description))
	add("link", e.Link)
	add("etag", e.Etag)
	return b.String()
}

func wordOr(s string) string {
	if s == "" {
		return ""
	}
	return word(s)
}

// line is an event in one line.
func (e Event) line() string {
	s := spanText(e.Start, e.End, e.AllDay) + "  " + upstream.Quote(e.Title) + "  " + word(e.ID)
	for _, more := range []struct {
		is   bool
		text string
	}{
		{e.Status != "", e.Status}, {e.Type != "", word(e.Type)}, {e.Free, "free"}, {e.Private, "private"},
		{e.Series != "", "of series " + word(e.Series)}, {len(e.Recurrence) > 0, "a series"},
		{e.GuestCount > 0, counted(e.GuestCount, "guest")}, {e.MyResponse != "", "my response " + word(e.MyResponse)},
		{e.Conference != "", "join " + word(e.Conference)},
	} {
		if more.is {
			s += "  " + more.text
		}
	}
	return s
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
