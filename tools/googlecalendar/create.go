package googlecalendar

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) createTools() []tools.Tool {
	return []tools.Tool{
		tools.New("google_calendar_create_event", s.createEvent),
		tools.New("google_calendar_quick_add", s.quickAdd),
	}
}

type createEventIn struct {
	Calendar    string   `json:"calendar"`
	Title       string   `json:"title"`
	Start       string   `json:"start"`
	End         string   `json:"end"`
	Minutes     int      `json:"minutes"`
	TimeZone    string   `json:"timezone"`
	Guests      []string `json:"guests"`
	Location    string   `json:"location"`
	Description string   `json:"description"`
	Recurrence  []string `json:"recurrence"`
	Meet        bool     `json:"meet"`
	ShowAs      string   `json:"show_as"`
	Notify      string   `json:"notify"`
	Key         string   `json:"key"`
}

// Saved is an event as a change has left it.
type Saved struct {
	Event
	Notified string `json:"notified"` // none, external or all: whom Google was told to mail
	Note     string `json:"note,omitempty"`
}

// Text is the event, and who hears of it.
func (s Saved) Text() string {
	text := s.Event.Text() + "notified: " + s.Notified + "\n"
	if s.Note != "" {
		text += s.Note + "\n"
	}
	return text
}

func saved(p place, m eventModel, notify, note string) Saved {
	if note == "" && notify == "none" && len(m.Guests) > 0 && m.Organizer.Self {
		note = "Nobody was mailed; guests see it in their calendars. notify says whom to mail."
	}
	return Saved{Event: m.whole(upstream.Clean(p.id, 300), p.zone), Notified: cmp.Or(notify, "none"), Note: note}
}

// usualLength is how long an event is where nothing is said.
const usualLength = 30 * time.Minute

// span is when something is; of whole days end is the midnight after the last.
type span struct {
	start, end time.Time
	day        bool
}

// spanOf reads start and end, or how many minutes it takes, which is usual where
// neither is given.
func (s *service) spanOf(start, end string, minutes int, usual time.Duration, loc *time.Location) (span, error) {
	a, err := read("start", start, s.now().In(loc), loc)
	if err != nil {
		return span{}, err
	}
	out := span{start: a.Time, day: a.day}
	switch {
	case end != "" && minutes > 0:
		return out, fault.Wrong("minutes: give end or minutes, not both.")
	case a.day && minutes > 0:
		return out, fault.Wrong("start: a day has no minutes. Give a time with it, such as %s 09:00.", a.Format(time.DateOnly))
	case end != "":
		b, err := read("end", end, a.Time, loc)
		if err != nil {
			return out, err
		}
		if b.day != a.day {
			return out, fault.Wrong("end: start and end must both be days, or both have a time.")
		}
		if out.end = b.Time; b.day {
			out.end = nextDay(b.Time) // the last day counts; the API wants the one after
		}
	case a.day:
		out.end = nextDay(a.Time)
	case minutes > 0:
		out.end = a.Add(time.Duration(minutes) * time.Minute)
	default:
		out.end = a.Add(usual)
	}
	if !out.start.Before(out.end) {
		return out, fault.Wrong("end: %s is not after the start, %s.", stamp(out.end), stamp(out.start))
	}
	if out.end.Sub(out.start) > mostDays*24*time.Hour {
		return out, fault.Wrong("end: an event of more than %d days is surely a mistake.", mostDays)
	}
	return out, nil
}

func (s *service) createEvent(ctx context.Context, c *upstream.Client, in createEventIn) (Saved, error) {
	p, err := s.calendar(ctx, c, in.Calendar)
	if err != nil {
		return Saved{}, err
	}
	loc := p.zone
	if in.TimeZone != "" {
		if loc, err = zoned(in.TimeZone); err != nil {
			return Saved{}, err
		}
	}
	at, err := s.spanOf(in.Start, in.End, in.Minutes, usualLength, loc)
	if err != nil {
		return Saved{}, err
	}
	body := map[string]any{"summary": in.Title, "start": withoutNull(ofPoint(at.start, at.day)), "end": withoutNull(ofPoint(at.end, at.day))}
	for name, text := range map[string]string{"location": in.Location, "description": in.Description} {
		if text != "" {
			body[name] = text
		}
	}
	if in.ShowAs == "free" {
		body["transparency"] = "transparent"
	}
	if len(in.Recurrence) > 0 {
		if body["recurrence"], err = rules(in.Recurrence, at.start, at.day); err != nil {
			return Saved{}, err
		}
	}
	if len(in.Guests) > 0 {
		guests, err := addresses(in.Guests)
		if err != nil {
			return Saved{}, err
		}
		var list []guestModel
		for _, email := range guests {
			list = append(list, guestModel{Email: email})
		}
		body["attendees"] = list
	}
	id := ownID(c, p.id, in.Key)
	q := sendUpdates(in.Notify)
	if in.Meet {
		q.Set("conferenceDataVersion", "1")
		body["conferenceData"] = newMeet(id)
	}
	m, again, err := insert(ctx, c, p, id, body, q)
	if err != nil {
		return Saved{}, err
	}
	note := ""
	if again {
		if start, _, ok := m.Start.in(loc); m.Title != in.Title || ok && !start.Equal(at.start) {
			f := fault.New(fault.Conflict, "With this key an event was made already, and it is another, or was changed since: %s. Nothing was made now. For a new event give another key.", m.brief(p.id, loc).line())
			f.NotSent = true
			return Saved{}, f
		}
		note = "It was there already: the same call had made it. Nothing was made twice."
	}
	return saved(p, m, in.Notify, note), nil
}

// ownID is the id of an event that a call makes in a calendar: the same for the same
// key, or, without one, for the same call. The API takes a to v and digits, which are
// base32hex (RFC 4648 section 7).
func ownID(c *upstream.Client, calendar, key string) string {
	from := "call\x00" + c.CallID()
	if key != "" {
		from = "key\x00" + key
	}
	sum := sha256.Sum256([]byte("toolvault event\x00" + calendar + "\x00" + from))
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}

// insert makes an event under an id of ours. One that is there already was made by the
// same call before: it is read, and again is set. So is one whose making got no
// answer: whether it was made is then known.
func insert(ctx context.Context, c *upstream.Client, p place, id string, body map[string]any, q url.Values) (m eventModel, again bool, err error) {
	body["id"] = id
	err = c.Do(ctx, upstream.Request{Path: eventsPath(p.id, ""), Query: q, JSON: body}, &m)
	if err == nil && m.ID != id {
		return m, false, fault.New(fault.UpstreamError, "Google Calendar answered with another event than the one that was made. Look for it with google_calendar_list_events before making it again.")
	}
	if err == nil {
		return m, false, nil
	}
	f := fault.From(err)
	duplicate := f.Kind == fault.Conflict
	unsure := !f.NotSent && (f.Kind == fault.Timeout || f.Kind == fault.UpstreamUnavailable || f.Kind == fault.UpstreamError)
	if !duplicate && !unsure || ctx.Err() != nil {
		return m, false, err
	}
	there, lost := readEvent(ctx, c, p, id)
	switch {
	case lost == nil && there.Status != "cancelled":
		return there, duplicate, nil
	case lost == nil:
		f := fault.New(fault.Conflict, "The event of this key was made before and deleted since. For a new one give another key.")
		f.NotSent = duplicate
		return m, false, f
	case kindOf(lost) == fault.NotFound && unsure:
		f.Message = "Google Calendar did not answer, and the event is not there: it was not made, as far as can be seen. The same call with the same key can be made again: it will not book twice."
	}
	return m, false, f
}

// newMeet asks for a video conference of its own for an event.
func newMeet(request string) map[string]any {
	return map[string]any{"createRequest": map[string]any{"requestId": request, "conferenceSolutionKey": map[string]string{"type": "hangoutsMeet"}}}
}

func withoutNull(m map[string]any) map[string]any {
	for k, v := range m {
		if v == nil {
			delete(m, k)
		}
	}
	return m
}

// addresses checks the e-mail addresses of guests, each once.
func addresses(list []string) ([]string, error) {
	var all []string
	for _, text := range list {
		a, err := mail.ParseAddress(text)
		if err != nil || !strings.Contains(a.Address, "@") || len(a.Address) > 254 || strings.ContainsAny(a.Address, " ,<>\"") {
			return nil, fault.Wrong("guests: %q is no e-mail address. Look it up where people are listed, such as a CRM or a chat.", upstream.Clean(text, 80))
		}
		if !slices.ContainsFunc(all, func(b string) bool { return strings.EqualFold(b, a.Address) }) {
			all = append(all, a.Address)
		}
	}
	return all, nil
}

type quickAddIn struct {
	Calendar string `json:"calendar"`
	Text     string `json:"text"`
	Notify   string `json:"notify"`
}

// quickAdd has Google read a sentence. What Google made of it is the answer.
func (s *service) quickAdd(ctx context.Context, c *upstream.Client, in quickAddIn) (Saved, error) {
	p, err := s.calendar(ctx, c, in.Calendar)
	if err != nil {
		return Saved{}, err
	}
	q := sendUpdates(in.Notify)
	q.Set("text", in.Text)
	var m eventModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPost, Path: eventsPath(p.id, "quickAdd"), Query: q}, &m); err != nil {
		return Saved{}, err
	}
	if m.ID == "" {
		return Saved{}, fault.New(fault.UpstreamError, "Google Calendar did not say what it made. Look with google_calendar_list_events before adding it again.")
	}
	return saved(p, m, in.Notify, "Google read the sentence: check that day, time and title are what was meant."), nil
}
