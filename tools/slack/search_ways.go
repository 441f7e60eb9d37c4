package slack

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

// foundMessage is one of assistant.search.context.
type foundMessage struct {
	AuthorID   string `json:"author_user_id"`
	AuthorName string `json:"author_name"`
	ChannelID  string `json:"channel_id"`
	Channel    string `json:"channel_name"`
	TS         string `json:"message_ts"`
	ThreadTS   string `json:"thread_ts"`
	Content    string `json:"content"`
	Permalink  string `json:"permalink"`
	Context    struct {
		Before []foundAround `json:"before"`
		After  []foundAround `json:"after"`
	} `json:"context_messages"`
}

type foundAround struct {
	UserID string `json:"user_id"`
	Author string `json:"author_name"`
	Text   string `json:"text"`
	TS     string `json:"ts"`
}

// searchRequest is the body of assistant.search.context.
type searchRequest struct {
	Query    string   `json:"query"`
	Content  []string `json:"content_types"`
	Channels []string `json:"channel_types,omitempty"`
	After    int64    `json:"after,omitempty"`
	Before   int64    `json:"before,omitempty"`
	Sort     string   `json:"sort,omitempty"`
	SortDir  string   `json:"sort_dir,omitempty"`
	Bots     bool     `json:"include_bots,omitempty"`
	Context  bool     `json:"include_context_messages,omitempty"`
	Limit    int      `json:"limit"`
	Cursor   string   `json:"cursor,omitempty"`
}

// channelTypes are Slack's words for the families.
func channelTypes(families []string) []string {
	var all []string
	for _, f := range families {
		all = append(all, types[called(f)])
	}
	return all
}

// searchContext asks the search of 2026, which takes questions as well as words
// (docs.slack.dev/reference/methods/assistant.search.context).
func (s *service) searchContext(ctx context.Context, c *upstream.Client, q searching, query any, from tools.Position) (Found, error) {
	body := searchRequest{
		Query: q.terms(false), Content: []string{"messages"}, Channels: channelTypes(q.families), After: seconds(q.oldest), Before: seconds(q.latest),
		Sort: q.Sort, SortDir: "desc", Bots: q.Bots, Context: q.Context, Limit: min(20, q.Limit+from.Skip), Cursor: from.Cursor,
	}
	var got struct {
		Results struct {
			Messages []foundMessage `json:"messages"`
		} `json:"results"`
		Metadata metadata `json:"response_metadata"`
	}
	if err := callJSON(ctx, c, "assistant.search.context", body, true, &got); err != nil {
		return Found{}, err
	}
	names := s.names(ctx, c)
	team := s.team(ctx, c)
	all := []FoundMessage{}
	for _, w := range got.Results.Messages {
		if !channelID.MatchString(w.ChannelID) || !tsForm.MatchString(w.TS) || q.at.id != "" && w.ChannelID != q.at.id {
			continue
		}
		m := FoundMessage{ChannelID: w.ChannelID, TS: w.TS, Time: timeOf(w.TS), Text: readable(w.Content, names, maxConcise), Author: label(w.AuthorName)}
		if userID.MatchString(w.AuthorID) {
			m.AuthorID = w.AuthorID
			if m.Author == "" {
				m.Author = names.person(w.AuthorID)
			}
		}
		if m.Author == "" {
			m.Author = "app"
		}
		m.Channel = foundIn(w.ChannelID, w.Channel, names)
		thread := ""
		if tsForm.MatchString(w.ThreadTS) && w.ThreadTS != w.TS {
			thread = w.ThreadTS
		}
		if m.Permalink = link(w.Permalink); m.Permalink == "" {
			m.Permalink = permalink(team, w.ChannelID, w.TS, thread)
		}
		if q.Context {
			m.Before, m.After = around(w.Context.Before, names), around(w.Context.After, names)
		}
		all = append(all, m)
	}
	return found(query, from, all, q.Limit, 0, "new", got.Metadata.Next), nil
}

// found pages what was found; the cursor tells which search it is of.
func found(query any, from tools.Position, all []FoundMessage, limit, total int, way, next string) Found {
	if next != "" {
		next = way + " " + next
	}
	if from.Cursor != "" {
		from.Cursor = way + " " + from.Cursor
	} else {
		from.Cursor = way + " "
	}
	out := Found{Total: total}
	out.Messages, out.Next = tools.Page(query, from, all, limit, next)
	return out
}

func around(list []foundAround, names *naming) []string {
	var all []string
	for _, w := range list[:min(len(list), maxAround)] {
		who := label(w.Author)
		if userID.MatchString(w.UserID) {
			who = names.person(w.UserID)
		}
		all = append(all, who+": "+readable(w.Text, names, 500))
	}
	return all
}

// foundIn is the name of the conversation that a message was found in.
func foundIn(id, name string, names *naming) string {
	if id[0] != 'D' && name != "" && !userID.MatchString(name) {
		return "#" + label(name)
	}
	if userID.MatchString(name) {
		return "@" + names.person(name)
	}
	if shown := names.channel(id); shown != "" {
		return shown
	}
	return id
}

// oldMatch is one of search.messages.
type oldMatch struct {
	Channel struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Private bool   `json:"is_private"`
		Group   bool   `json:"is_group"`
		IM      bool   `json:"is_im"`
		MPIM    bool   `json:"is_mpim"`
	} `json:"channel"`
	User      string `json:"user"`
	Username  string `json:"username"`
	BotID     string `json:"bot_id"`
	Text      string `json:"text"`
	TS        string `json:"ts"`
	Permalink string `json:"permalink"`
}

// family is the kind of the conversation. What Slack leaves open is taken for the
// most private that it could be.
func (m oldMatch) family() string {
	switch {
	case m.Channel.IM || m.Channel.ID[0] == 'D':
		return "im"
	case m.Channel.MPIM:
		return "mpim"
	case m.Channel.Private || m.Channel.Group || m.Channel.ID[0] == 'G':
		return "groups"
	}
	return "channels"
}

// searchOld asks the search of old. It finds whatever its user may see, so that
// what is of a kind that was not asked for, or not granted, is dropped here
// (docs.slack.dev/reference/methods/search.messages).
func (s *service) searchOld(ctx context.Context, c *upstream.Client, q searching, query any, from tools.Position) (Found, error) {
	mark := from.Cursor
	if mark == "" {
		mark = "*"
	}
	var got struct {
		Messages struct {
			Matches []oldMatch `json:"matches"`
			Total   int        `json:"total"`
			Next    string     `json:"next_cursor"`
		} `json:"messages"`
		Metadata metadata `json:"response_metadata"`
	}
	err := call(ctx, c, "search.messages", url.Values{
		"query": {q.terms(true)}, "count": {strconv.Itoa(min(100, q.Limit+from.Skip))}, "cursor": {mark}, "sort": {q.Sort}, "sort_dir": {"desc"},
	}, true, &got)
	if err != nil {
		return Found{}, err
	}
	names, team := s.names(ctx, c), s.team(ctx, c)
	all, dropped := []FoundMessage{}, 0
	for _, w := range got.Messages.Matches {
		if !channelID.MatchString(w.Channel.ID) || !tsForm.MatchString(w.TS) || q.at.id != "" && w.Channel.ID != q.at.id ||
			q.oldest != "" && w.TS < q.oldest || q.latest != "" && w.TS > q.latest || !q.Bots && w.BotID != "" {
			continue
		}
		if !slices.Contains(q.families, w.family()) {
			dropped++
			continue
		}
		m := FoundMessage{ChannelID: w.Channel.ID, TS: w.TS, Time: timeOf(w.TS), Text: readable(w.Text, names, maxConcise), Channel: foundIn(w.Channel.ID, w.Channel.Name, names)}
		m.Author, m.AuthorID = author(wireMessage{User: w.User, Username: w.Username, BotID: w.BotID}, names)
		if m.Permalink = link(w.Permalink); m.Permalink == "" {
			m.Permalink = permalink(team, w.Channel.ID, w.TS, "")
		}
		all = append(all, m)
	}
	next := got.Metadata.Next
	if next == "" {
		next = got.Messages.Next
	}
	total := max(0, got.Messages.Total)
	if dropped > 0 || len(q.families) < len(kinds) {
		total = 0 // it counts what is not shown, and so tells of it
	}
	return found(query, from, all, q.Limit, total, "old", next), nil
}

// day is the date of a ts, so many days later, for the search of old.
func day(ts string, days int) string {
	return time.Unix(seconds(ts), 0).UTC().AddDate(0, 0, days).Format(time.DateOnly)
}
