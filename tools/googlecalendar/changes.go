package googlecalendar

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) changeTools() []tools.Tool {
	return []tools.Tool{tools.New("google_calendar_changes", s.changes)}
}

type changesIn struct {
	Calendar string `json:"calendar"`
	Token    string `json:"sync_token"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// Changes is what was added, changed and deleted in a calendar since a sync token was
// given. Series are in it as such, not their dates.
type Changes struct {
	Calendar string  `json:"calendar"`
	TimeZone string  `json:"time_zone"`
	Changed  []Event `json:"changed"`
	Token    string  `json:"sync_token,omitempty"` // for what comes after; with the last page
	Note     string  `json:"note,omitempty"`
	Next     string  `json:"next_cursor,omitempty"`
}

// Text is one line an event.
func (l Changes) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s changed in %s (%s)\n", counted(len(l.Changed), "event"), word(l.Calendar), l.TimeZone)
	for _, e := range l.Changed {
		b.WriteString(e.line() + "\n")
	}
	if l.Note != "" {
		b.WriteString(l.Note + "\n")
	}
	if l.Token != "" {
		b.WriteString("sync_token: " + l.Token + "\n")
	}
	if l.Next != "" {
		b.WriteString("next_cursor: " + l.Next + "\n")
	}
	return b.String()
}

const (
	mostWalked = 20 // pages of 2,500 events to get to the first token
	maxToken   = 1500
)

// changes says what has changed since a token. Without one it gives the first, for
// which the API wants all pages read, of which only the tokens are.
func (s *service) changes(ctx context.Context, c *upstream.Client, in changesIn) (Changes, error) {
	p, err := s.calendar(ctx, c, in.Calendar)
	if err != nil {
		return Changes{}, err
	}
	out := Changes{Calendar: upstream.Clean(p.id, 300), TimeZone: p.zone.String(), Changed: []Event{}}
	if in.Token == "" {
		out.Note = "Nothing was compared yet: this token marks how the calendar is now. Give it the next time to hear what has changed since."
		out.Token, err = firstToken(ctx, c, p)
		return out, err
	}
	query := []any{in.Calendar, in.Token}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return out, err
	}
	q := url.Values{"syncToken": {in.Token}, "maxResults": {strconv.Itoa(in.Limit)}, "timeZone": {p.zone.String()}}
	var answer struct {
		Items []eventModel `json:"items"`
		Next  string       `json:"nextPageToken"`
		Token string       `json:"nextSyncToken"`
	}
	if err := c.Get(ctx, eventsPath(p.id, ""), pageOf(q, at.Cursor), &answer); err != nil {
		return out, err
	}
	page, next := tools.Page(query, at, briefs(answer.Items, in.Limit, out.Calendar, p.zone), in.Limit, answer.Next)
	out.Changed, out.Next = append(out.Changed, page...), next
	if next == "" {
		out.Token = syncToken(answer.Token)
	}
	if out.Next == "" && out.Token == "" {
		return out, fault.New(fault.UpstreamError, "Google Calendar gave no token to go on with. Try again later.")
	}
	return out, nil
}

func firstToken(ctx context.Context, c *upstream.Client, p place) (string, error) {
	token := ""
	for page := range mostWalked {
		q := url.Values{"maxResults": {"2500"}, "fields": {"nextPageToken,nextSyncToken"}}
		var answer struct {
			Next  string `json:"nextPageToken"`
			Token string `json:"nextSyncToken"`
		}
		if err := c.Get(ctx, eventsPath(p.id, ""), pageOf(q, token), &answer); err != nil {
			return "", err
		}
		if t := syncToken(answer.Token); t != "" {
			return t, nil
		}
		if token = answer.Next; token == "" {
			break
		}
		c.Progress(float64(page+1), 0, "reading the calendar to its end")
	}
	return "", fault.New(fault.UpstreamError, "Google Calendar gave no token to begin with: the calendar is too large, or something is wrong there. Use google_calendar_list_events.")
}

// syncToken is a token as it may be handed on: what looks like none is none.
func syncToken(t string) string {
	if len(t) > maxToken || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return t
}
