package segment

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

type getProfileEventsIn struct {
	Profile string   `json:"profile"`
	Events  []string `json:"events"`
	Start   string   `json:"start"`
	End     string   `json:"end"`
	Limit   int      `json:"limit"`
	Cursor  string   `json:"cursor"`
}

// ProfileEvent is something that a person did.
type ProfileEvent struct {
	Event      string  `json:"event"`
	Time       string  `json:"time"`
	MessageID  string  `json:"message_id,omitempty"`
	SourceID   string  `json:"source_id,omitempty"`
	Properties []Trait `json:"properties,omitempty"`
}

// ProfileEvents is the answer of segment_get_profile_events.
type ProfileEvents struct {
	Profile string         `json:"profile"`
	Events  []ProfileEvent `json:"events"` // the latest first
	Next    string         `json:"next_cursor,omitempty"`
}

// Text is one line an event.
func (l ProfileEvents) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Profile %s:\n", l.Profile)
	if len(l.Events) == 0 {
		b.WriteString("no such events; Segment keeps those of 14 days here\n")
	}
	for _, e := range l.Events {
		fmt.Fprintf(&b, "%s  %s", e.Time, upstream.Quote(e.Event))
		for _, p := range e.Properties {
			fmt.Fprintf(&b, "  %s: %s", upstream.Quote(p.Name), plain(p.Value))
		}
		fmt.Fprintf(&b, "  (message_id %s, source %s)\n", e.MessageID, e.SourceID)
	}
	return b.String() + more(l.Next)
}

const (
	maxEventProperties = 40  // of an event that are shown
	maxProperty        = 300 // characters of one
)

func (s *service) getProfileEvents(ctx context.Context, c *upstream.Client, in getProfileEventsIn) (ProfileEvents, error) {
	id, err := identifier(in.Profile)
	if err != nil {
		return ProfileEvents{}, err
	}
	query := in
	query.Profile, query.Limit, query.Cursor = id, 0, ""
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return ProfileEvents{}, err
	}
	q := profileQuery(in.Limit, at.Cursor, in.Events)
	for key, word := range map[string]string{"start": in.Start, "end": in.End} {
		if word == "" {
			continue
		}
		t, err := s.moment(key, word)
		if err != nil {
			return ProfileEvents{}, err
		}
		q.Set(key, wire(t))
	}
	var answer struct {
		Data []struct {
			Event      string                     `json:"event"`
			Time       string                     `json:"timestamp"`
			MessageID  string                     `json:"message_id"`
			SourceID   string                     `json:"source_id"`
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"data"`
		Cursor cursor `json:"cursor"`
	}
	if err := s.profile(ctx, c, id, "events", q, &answer); err != nil {
		return ProfileEvents{}, err
	}
	all := make([]ProfileEvent, 0, len(answer.Data))
	for _, d := range answer.Data {
		e := ProfileEvent{Event: upstream.Clean(d.Event, 200), Time: upstream.Clean(d.Time, 40), MessageID: upstream.Clean(d.MessageID, 120), SourceID: upstream.Clean(d.SourceID, 64)}
		for _, name := range slices.Sorted(maps.Keys(d.Properties)) {
			if v := upstream.CleanJSON(d.Properties[name], maxProperty); v != nil && len(e.Properties) < maxEventProperties {
				e.Properties = append(e.Properties, Trait{upstream.Clean(name, 120), v})
			}
		}
		all = append(all, e)
	}
	out := ProfileEvents{Profile: upstream.Clean(id, 300)}
	out.Events, out.Next = tools.Page(query, at, all, in.Limit, answer.Cursor.next())
	return out, nil
}

type getProfileIDsIn struct {
	Profile string `json:"profile"`
	What    string `json:"what"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// ProfileID is one of the ids under which somebody is known.
type ProfileID struct {
	Kind     string `json:"kind"` // user_id, email, …
	Value    string `json:"value"`
	Of       string `json:"of,omitempty"` // of links: users or accounts
	SourceID string `json:"source_id,omitempty"`
	Created  string `json:"created,omitempty"`
}

// ProfileIDs is the answer of segment_get_profile_ids.
type ProfileIDs struct {
	Profile     string      `json:"profile"`
	What        string      `json:"what"`
	IDs         []ProfileID `json:"ids,omitempty"`
	Created     string      `json:"created,omitempty"`
	Updated     string      `json:"updated,omitempty"`
	FirstSource string      `json:"first_source_id,omitempty"`
	LastSource  string      `json:"last_source_id,omitempty"`
	LastMessage string      `json:"last_message_id,omitempty"`
	Next        string      `json:"next_cursor,omitempty"`
}

// Text is one line an id.
func (l ProfileIDs) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Profile %s, %s:\n", l.Profile, l.What)
	for _, id := range l.IDs {
		if id.Of != "" {
			b.WriteString(id.Of + " ")
		}
		fmt.Fprintf(&b, "%s: %s", id.Kind, upstream.Quote(id.Value))
		if id.SourceID != "" {
			b.WriteString("  source " + id.SourceID)
		}
		if id.Created != "" {
			b.WriteString("  since " + id.Created)
		}
		b.WriteString("\n")
	}
	if l.What != "metadata" {
		if len(l.IDs) == 0 {
			b.WriteString("none\n")
		}
		return b.String() + more(l.Next)
	}
	for _, part := range []struct{ word, v string }{
		{"created", l.Created}, {"updated", l.Updated}, {"first source", l.FirstSource}, {"last source", l.LastSource}, {"last message_id", l.LastMessage},
	} {
		if part.v != "" {
			fmt.Fprintf(&b, "%s %s\n", part.word, part.v)
		}
	}
	return b.String()
}

type idModel struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Collection string `json:"collection"`
	SourceID   string `json:"source_id"`
	Created    string `json:"created_at"`
}

func (m idModel) id(of string) ProfileID {
	return ProfileID{
		Kind: upstream.Clean(m.Type, 64), Value: upstream.Clean(m.ID, 300), Of: upstream.Clean(of, 40),
		SourceID: upstream.Clean(m.SourceID, 64), Created: upstream.Clean(m.Created, 40),
	}
}

// maxLinks is how many links Segment answers at once ("Search for linked users").
const maxLinks = 20

func (s *service) getProfileIDs(ctx context.Context, c *upstream.Client, in getProfileIDsIn) (ProfileIDs, error) {
	id, err := identifier(in.Profile)
	if err != nil {
		return ProfileIDs{}, err
	}
	query := getProfileIDsIn{Profile: id, What: in.What}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return ProfileIDs{}, err
	}
	limit := in.Limit
	if in.What == "links" {
		limit = min(limit, maxLinks)
	}
	q := profileQuery(limit, at.Cursor, nil)
	if in.What == "metadata" {
		q = nil
	}
	var answer struct {
		Data []struct {
			idModel
			To  string    `json:"to_collection"`
			IDs []idModel `json:"external_ids"`
		} `json:"data"`
		Metadata struct {
			Created     string `json:"created_at"`
			Updated     string `json:"updated_at"`
			FirstSource string `json:"first_source_id"`
			LastSource  string `json:"last_source_id"`
			LastMessage string `json:"last_message_id"`
		} `json:"metadata"`
		Cursor cursor `json:"cursor"`
	}
	if err := s.profile(ctx, c, id, in.What, q, &answer); err != nil {
		return ProfileIDs{}, err
	}
	m := answer.Metadata
	out := ProfileIDs{
		Profile: upstream.Clean(id, 300), What: in.What, Created: upstream.Clean(m.Created, 40), Updated: upstream.Clean(m.Updated, 40),
		FirstSource: upstream.Clean(m.FirstSource, 64), LastSource: upstream.Clean(m.LastSource, 64), LastMessage: upstream.Clean(m.LastMessage, 120),
	}
	var all []ProfileID
	for _, d := range answer.Data {
		if in.What == "external_ids" {
			all = append(all, d.id(""))
		}
		for _, one := range d.IDs[:min(len(d.IDs), maxLinks)] {
			all = append(all, one.id(d.To))
		}
	}
	out.IDs, out.Next = tools.Page(query, at, all, 10*in.Limit, answer.Cursor.next())
	return out, nil
}
