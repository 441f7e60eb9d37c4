package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) unreadTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_list_unread", s.listUnread),
		tools.New("slack_mark_read", s.markRead),
	}
}

const (
	maxUnreadText  = 600    // characters of one message
	maxUnreadBytes = 50_000 // of JSON of one answer
)

type listUnreadIn struct {
	Type     string `json:"type"`
	Mentions bool   `json:"mentions_only"`
	Messages int    `json:"messages"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// UnreadList is the channels with messages that have not been read.
type UnreadList struct {
	Channels []Unread `json:"channels"`
	Next     string   `json:"next_cursor,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// Unread is one channel, its newest unread messages first.
type Unread struct {
	ChannelID string    `json:"channel_id"`
	Channel   string    `json:"channel"`
	Count     int       `json:"unread"`         // of those looked at
	More      bool      `json:"more,omitempty"` // there are more than that
	LastRead  string    `json:"last_read,omitempty"`
	Messages  []Message `json:"messages"`
}

// Text is one line a channel, and one a message.
func (l UnreadList) Text() string {
	var b strings.Builder
	for _, u := range l.Channels {
		plus := ""
		if u.More {
			plus = "+"
		}
		fmt.Fprintf(&b, "%s: %d%s unread\n", named(u.Channel, u.ChannelID), u.Count, plus)
		for _, m := range u.Messages {
			b.WriteString("  " + m.line() + "\n")
		}
	}
	return ending(&b, len(l.Channels), "unread messages in the channels looked at", l.Next, l.Note)
}

// listUnread looks through channels for messages after the last one that the
// token's account has read. Slack has no method for it: each channel costs two
// requests. Where the rate of calls is limited, or the answer full, it stops and
// says where to go on.
func (s *service) listUnread(ctx context.Context, c *upstream.Client, in listUnreadIn) (UnreadList, error) {
	family := ""
	for _, k := range kinds {
		if k.called == in.Type {
			family = k.family
		}
	}
	if err := allowed(c, family, "history"); err != nil {
		return UnreadList{}, err
	}
	query := []any{"unread", in.Type, in.Mentions}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return UnreadList{}, err
	}
	var got channelPage
	err = call(ctx, c, "users.conversations", url.Values{
		"types": {types[in.Type]}, "exclude_archived": {"true"}, "limit": {strconv.Itoa(in.Limit + from.Skip)}, "cursor": {from.Cursor},
	}, true, &got)
	if err != nil {
		return UnreadList{}, err
	}
	channels, next := tools.Page(query, from, got.Channels, in.Limit, got.Metadata.Next)
	out := UnreadList{Channels: []Unread{}, Next: next}
	names, room := s.names(ctx, c), maxUnreadBytes
	for i, ch := range channels {
		if !channelID.MatchString(ch.ID) {
			continue
		}
		item, _ := s.channelOf(c, ch, true, names)
		u, err := s.unread(ctx, c, place{ch.ID, item.Name}, in, names)
		if err == nil && u.Count > 0 {
			b, _ := json.Marshal(u)
			room -= len(b)
		}
		limited := err != nil && fault.From(err).Kind == fault.RateLimited
		if i > 0 && (limited || room < 0) {
			out.Next = tools.Cursor(query, fmt.Sprintf("%d %s", from.Skip+i, from.Cursor))
			out.Note = "The answer is full"
			if limited {
				out.Note = "Slack is limiting the rate of calls"
			}
			out.Note += fmt.Sprintf(": %d of %d channels were looked at; next_cursor goes on.", i, len(channels))
			return out, nil
		}
		if err != nil {
			return UnreadList{}, err
		}
		if u.Count > 0 {
			out.Channels = append(out.Channels, u)
		}
		c.Progress(float64(i+1), float64(len(channels)), "channels looked at")
	}
	return out, nil
}

// unread is what is unread in one channel. What the account wrote itself, and
// who came and went, does not count.
func (s *service) unread(ctx context.Context, c *upstream.Client, at place, in listUnreadIn, names *naming) (Unread, error) {
	info, err := channelInfo(ctx, c, at.id)
	if err != nil {
		return Unread{}, err
	}
	out := Unread{ChannelID: at.id, Channel: at.shown(), Messages: []Message{}}
	if tsForm.MatchString(info.LastRead) && info.LastRead > "0000000001" {
		out.LastRead = info.LastRead
	}
	asked := s.historyPage(c, 50)
	var got messagePage
	if err := call(ctx, c, "conversations.history", url.Values{"channel": {at.id}, "oldest": {out.LastRead}, "limit": {strconv.Itoa(asked)}}, true, &got); err != nil {
		return Unread{}, s.throttled(c, err)
	}
	me := s.self(ctx, c).UserID
	r := s.reader(ctx, c, at, "")
	r.names, r.most = names, maxUnreadText
	for _, w := range got.Messages[:min(len(got.Messages), asked)] {
		mentioned := me != "" && strings.Contains(w.body(), "<@"+me)
		if !tsForm.MatchString(w.TS) || noise[w.Subtype] || w.User == me && me != "" || in.Mentions && !mentioned {
			continue
		}
		out.Count++
		if len(out.Messages) < in.Messages {
			out.Messages = append(out.Messages, r.one(w))
		}
	}
	out.More = got.Metadata.Next != ""
	return out, nil
}

// MarkedRead is how far a channel has been read.
type MarkedRead struct {
	ChannelID string `json:"channel_id"`
	Channel   string `json:"channel"`
	TS        string `json:"ts"`
}

// Text says how far.
func (m MarkedRead) Text() string {
	return "Marked " + named(m.Channel, m.ChannelID) + " as read to ts " + m.TS
}

// markRead sets how far the token's account has read a channel; without a message
// to the newest one.
func (s *service) markRead(ctx context.Context, c *upstream.Client, in messageIn) (MarkedRead, error) {
	var at message
	var err error
	switch {
	case in.TS != "":
		at, err = s.message(ctx, c, "ts", in.Channel, in.TS, false)
	case in.Channel != "":
		at.place, err = s.readable(ctx, c, in.Channel)
	default:
		err = fault.New(fault.InvalidArguments, "channel: missing. Give the channel, or a message's permalink as ts.")
	}
	if err != nil {
		return MarkedRead{}, err
	}
	if err := s.mayUse(ctx, c, at.id, "write"); err != nil {
		return MarkedRead{}, err
	}
	if at.ts == "" {
		var got messagePage
		if err := call(ctx, c, "conversations.history", url.Values{"channel": {at.id}, "limit": {"1"}}, true, &got); err != nil {
			return MarkedRead{}, s.stale(c, in.Channel, s.throttled(c, err))
		}
		if len(got.Messages) == 0 || !tsForm.MatchString(got.Messages[0].TS) {
			return MarkedRead{}, fault.New(fault.NotFound, "There is no message in %s to read.", at.shown())
		}
		at.ts = got.Messages[0].TS
	}
	if err := call(ctx, c, "conversations.mark", url.Values{"channel": {at.id}, "ts": {at.ts}}, false, nil); err != nil {
		return MarkedRead{}, s.stale(c, in.Channel, err)
	}
	at.place = s.titled(ctx, c, at.place)
	return MarkedRead{ChannelID: at.id, Channel: at.shown(), TS: at.ts}, nil
}
