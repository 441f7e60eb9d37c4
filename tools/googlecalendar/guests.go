package googlecalendar

import (
	"context"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) guestTools() []tools.Tool {
	return []tools.Tool{
		tools.New("google_calendar_change_guests", s.changeGuests),
		tools.New("google_calendar_respond", s.respond),
	}
}

type changeGuestsIn struct {
	Calendar string   `json:"calendar"`
	Event    string   `json:"event"`
	Scope    string   `json:"scope"`
	Add      []string `json:"add"`
	Remove   []string `json:"remove"`
	Optional bool     `json:"optional"`
	Etag     string   `json:"etag"`
	Notify   string   `json:"notify"`
}

// changeGuests adds and removes guests. The API only replaces the whole list, so all
// the others are sent back as they were, under the event's etag.
func (s *service) changeGuests(ctx context.Context, c *upstream.Client, in changeGuestsIn) (Saved, error) {
	add, err := addresses(in.Add)
	if err != nil {
		return Saved{}, err
	}
	if len(add)+len(in.Remove) == 0 {
		return Saved{}, fault.Wrong("Nobody was named. Give e-mail addresses in add, or in remove.")
	}
	ch, err := s.choose(ctx, c, in.Calendar, in.Event, in.Scope, in.Etag)
	switch {
	case err != nil:
		return Saved{}, err
	case ch.GuestsOmitted:
		return Saved{}, fault.Wrong("Google does not show all guests of that event, and to change some of them would remove the others. A person has to do it in the calendar.")
	}
	var list []guestModel
	for _, g := range ch.Guests {
		if !slices.ContainsFunc(in.Remove, func(email string) bool { return same(email, g) }) {
			list = append(list, g.own())
		}
	}
	for _, email := range in.Remove {
		if !slices.ContainsFunc(ch.Guests, func(g guestModel) bool { return same(email, g) }) {
			return Saved{}, fault.Wrong("remove: %q is not a guest of that event. google_calendar_get_event lists them.", upstream.Clean(email, 100))
		}
	}
	for _, email := range add {
		if !slices.ContainsFunc(list, func(g guestModel) bool { return same(email, g) }) {
			list = append(list, guestModel{Email: email, Optional: in.Optional})
		}
	}
	if list == nil {
		list = []guestModel{} // null would leave them
	}
	m, err := patch(ctx, c, ch.place, ch.eventModel, map[string]any{"attendees": list}, sendUpdates(in.Notify))
	if err != nil {
		return Saved{}, err
	}
	return saved(ch.place, m, in.Notify, ""), nil
}

func same(email string, g guestModel) bool {
	return strings.EqualFold(strings.TrimSpace(email), strings.TrimSpace(g.Email))
}

// own is a guest without what the API says of him and does not take.
func (g guestModel) own() guestModel {
	g.Self, g.Organizer = false, false
	return g
}

type respondIn struct {
	Calendar string  `json:"calendar"`
	Event    string  `json:"event"`
	Scope    string  `json:"scope"`
	Response string  `json:"response"`
	Comment  *string `json:"comment"`
	Notify   string  `json:"notify"`
}

// respond answers an invitation: the own entry among the guests, and no other, is
// changed. Where not all guests are shown, the own one is sent alone and said to be
// so (attendeesOmitted), which changes only that.
func (s *service) respond(ctx context.Context, c *upstream.Client, in respondIn) (Saved, error) {
	ch, err := s.choose(ctx, c, in.Calendar, in.Event, in.Scope, "")
	if err != nil {
		return Saved{}, err
	}
	if ch.following {
		return Saved{}, fault.Wrong("scope: one answers for this date, or for all.")
	}
	me := ch.me()
	if me == nil {
		f := fault.New(fault.NotPermitted, "This calendar's owner is not among the guests of that event, so there is nothing to answer.")
		f.NotSent = true
		return Saved{}, f
	}
	me.Response = in.Response
	if in.Comment != nil {
		me.Comment = *in.Comment
	}
	body := map[string]any{}
	if ch.GuestsOmitted {
		body["attendeesOmitted"], body["attendees"] = true, []guestModel{me.own()}
	} else {
		list := []guestModel{}
		for _, g := range ch.Guests {
			list = append(list, g.own())
		}
		body["attendees"] = list
	}
	m, err := patch(ctx, c, ch.place, ch.eventModel, body, sendUpdates(in.Notify))
	if err != nil {
		return Saved{}, err
	}
	note := ""
	if in.Notify == "none" {
		note = "The organizer sees it in the event; nobody was mailed."
	}
	return saved(ch.place, m, in.Notify, note), nil
}
