package googlecalendar

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// changeFollowing changes a series from one of its dates on: the old series is cut off
// before it, and a new one begins there
// (developers.google.com/workspace/calendar/api/guides/recurringevents). The old one is
// cut first, under its etag, so that nobody is invited for a change that then fails;
// where the new one cannot be made, the old one gets its end back.
func (s *service) changeFollowing(ctx context.Context, c *upstream.Client, ch chosen, body map[string]any, in updateEventIn, q url.Values) (Saved, error) {
	cut, day, _ := ch.instance.Original.in(ch.zone)
	before := 0
	if countOf(ch.Recurrence) > 0 {
		var err error
		if before, err = instancesBefore(ctx, c, ch, cut.UTC().Format(utcForm), cut.Format(dateForm)); err != nil {
			return Saved{}, err
		}
	}
	next := ch.likeness()
	loc := cut.Location()
	if own, err := zoned(ch.Start.TimeZone); err == nil {
		loc = own
	}
	next["recurrence"] = fromOn(ch.Recurrence, cut, before)
	if body["start"] == nil {
		first, _, _ := ch.Start.in(loc)
		last, _, _ := ch.End.in(loc)
		end := cut.Add(last.Sub(first)).In(loc)
		if day {
			end = cut.AddDate(0, 0, daysBetween(first, last))
		}
		next["start"], next["end"] = ofPoint(cut.In(loc), day), ofPoint(end, day)
	}
	maps.Copy(next, body)
	for _, name := range []string{"start", "end"} {
		if at, ok := next[name].(map[string]any); ok {
			next[name] = withoutNull(at)
		}
	}
	if next["conferenceData"] != nil {
		q.Set("conferenceDataVersion", "1")
	}
	short, err := patch(ctx, c, ch.place, ch.eventModel, map[string]any{"recurrence": untilBefore(ch.Recurrence, cut, day)}, sendUpdates(in.Notify))
	if err != nil {
		return Saved{}, err
	}
	m, _, err := insert(ctx, c, ch.place, ownID(c, ch.id, "following\x00"+c.CallID()), next, q)
	if err == nil {
		return saved(ch.place, m, in.Notify, "The series "+upstream.Clean(ch.ID, maxID)+" ends before that date now; this is the one that follows."), nil
	}
	f := fault.From(err)
	if !f.NotSent && f.Kind != fault.InvalidArguments && f.Kind != fault.Conflict && f.Kind != fault.NotFound {
		f.Message = "The old series was cut off before that date, and whether the new one was made is not known: look with google_calendar_list_events. " + f.Message
		f.Retryable = false
		return Saved{}, f
	}
	if _, back := patch(ctx, c, ch.place, short, map[string]any{"recurrence": ch.Recurrence}, sendUpdates("none")); back != nil {
		f.Message = "The old series was cut off before that date, the new one could not be made, and the old one could not be put back: its recurrence was " + upstream.Quote(upstream.Clean(strings.Join(ch.Recurrence, " "), 500)) + ", put it back with google_calendar_update_event and scope all. " + f.Message
		f.Retryable, f.NotSent = false, false
		return Saved{}, f
	}
	f.Message = "The new series could not be made, and the old one is as it was. " + f.Message
	return Saved{}, f
}

// likeness is what a new series takes over from an old one. Answers of guests are
// their own, and a conference must not be used twice: it gets a new one.
func (ch chosen) likeness() map[string]any {
	m := ch.eventModel
	next := map[string]any{"summary": m.Title}
	for name, text := range map[string]string{"description": m.Description, "location": m.Location, "transparency": m.Transparency, "visibility": m.Visibility, "colorId": m.ColorID} {
		if text != "" {
			next[name] = text
		}
	}
	for name, flag := range map[string]*bool{"guestsCanModify": m.GuestsCanModify, "guestsCanInviteOthers": m.GuestsCanInvite, "guestsCanSeeOtherGuests": m.GuestsCanSeeEach} {
		if flag != nil {
			next[name] = *flag
		}
	}
	if len(m.Reminders) > 0 {
		next["reminders"] = m.Reminders
	}
	var guests []guestModel
	for _, g := range m.Guests {
		one := guestModel{Email: g.Email, Name: g.Name, Optional: g.Optional, Resource: g.Resource}
		if g.Self {
			one.Response = g.Response
		}
		guests = append(guests, one)
	}
	if len(guests) > 0 {
		next["attendees"] = guests
	}
	if s := m.Conference; s != nil && s.Solution != nil && s.Solution.Key.Type == "hangoutsMeet" {
		next["conferenceData"] = newMeet(cmp.Or(m.ID, "meet") + "following")
	}
	return next
}

// instancesBefore counts the dates of a series before one, also those that were
// deleted: COUNT counts them.
func instancesBefore(ctx context.Context, c *upstream.Client, ch chosen, cutTime, cutDay string) (int, error) {
	n, token := 0, ""
	for range 4 {
		q := url.Values{"showDeleted": {"true"}, "maxResults": {"2500"}, "fields": {"nextPageToken,items(id)"}}
		var answer struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
			Next string `json:"nextPageToken"`
		}
		if err := c.Get(ctx, eventsPath(ch.id, ch.ID)+"/instances", pageOf(q, token), &answer); err != nil {
			return 0, err
		}
		for _, one := range answer.Items {
			at := one.ID[strings.LastIndexByte(one.ID, '_')+1:] // when it was to begin, as in every instance's id
			if len(at) == len(dateForm) && at < cutDay || len(at) == len(utcForm) && at < cutTime {
				n++
			}
		}
		if token = answer.Next; token == "" {
			return n, nil
		}
	}
	return 0, fault.Wrong("The series has too many dates to be divided. Change it as a whole, with scope all.")
}
