package slack

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

const (
	maxText   = 4000     // characters of one message
	maxPage   = 40 << 10 // bytes of text of one page; what is beyond is cut short
	shortText = 120      // characters of a message when the page is full
)

type readChannelIn struct {
	Channel string `json:"channel"`
	Since   string `json:"since"`
	Until   string `json:"until"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

type readThreadIn struct {
	Channel  string `json:"channel"`
	ThreadTS string `json:"thread_ts"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// MessageList is a page of messages.
type MessageList struct {
	ChannelID string    `json:"channel_id"`
	Channel   string    `json:"channel"` // "#general", or the id where the name is not to be had
	Messages  []Message `json:"messages"`
	Next      string    `json:"next_cursor,omitempty"`
}

// Message is one message, its markup resolved.
type Message struct {
	TS        string   `json:"ts"`
	Time      string   `json:"time"` // RFC 3339, UTC
	Author    string   `json:"author"`
	AuthorID  string   `json:"author_id,omitempty"`
	Text      string   `json:"text"`
	ThreadTS  string   `json:"thread_ts,omitempty"` // where it is a reply
	Replies   int      `json:"replies,omitempty"`
	Reactions []string `json:"reactions,omitempty"` // "eyes 2"
	Files     []string `json:"files,omitempty"`
	Permalink string   `json:"permalink,omitempty"`
}

// Text is one line a message.
func (l MessageList) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", l.Channel, l.ChannelID)
	for _, m := range l.Messages {
		fmt.Fprintf(&b, "%s [ts %s] %s", m.Time, m.TS, m.Author)
		if m.AuthorID != "" && m.AuthorID != m.Author {
			fmt.Fprintf(&b, " (%s)", m.AuthorID)
		}
		b.WriteString(": " + strings.ReplaceAll(m.Text, "\n", " ⏎ "))
		if m.Replies > 0 {
			fmt.Fprintf(&b, " {%d replies}", m.Replies)
		}
		if m.ThreadTS != "" {
			fmt.Fprintf(&b, " {reply to %s}", m.ThreadTS)
		}
		if len(m.Reactions) > 0 {
			fmt.Fprintf(&b, " {reactions: %s}", strings.Join(m.Reactions, ", "))
		}
		if len(m.Files) > 0 {
			fmt.Fprintf(&b, " {files: %s}", strings.Join(m.Files, ", "))
		}
		b.WriteByte('\n')
	}
	return ending(&b, len(l.Messages), "messages", l.Next, "")
}

type messagePage struct {
	Messages []wireMessage `json:"messages"`
	Metadata metadata      `json:"response_metadata"`
}

// readChannel reads one page, newest first. Slack gives apps that are sold but
// not in its marketplace 15 messages a request and one request a minute; so one
// call is one page, whatever its size, and a Retry-After is the caller's to plan
// with.
func (s *service) readChannel(ctx context.Context, c *upstream.Client, in readChannelIn) (MessageList, error) {
	query := []string{"read_channel", in.Channel, in.Since, in.Until}
	cursor, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return MessageList{}, err
	}
	oldest, err := moment("since", in.Since, s.now())
	if err != nil {
		return MessageList{}, err
	}
	latest, err := moment("until", in.Until, s.now())
	if err != nil {
		return MessageList{}, err
	}
	at, err := s.readable(ctx, c, in.Channel)
	if err != nil {
		return MessageList{}, err
	}
	var got messagePage
	err = call(ctx, c, "conversations.history", url.Values{
		"channel": {at.id}, "oldest": {oldest}, "latest": {latest}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {cursor},
	}, true, &got)
	if err != nil {
		return MessageList{}, s.stale(c, in.Channel, err)
	}
	return s.page(ctx, c, at, got, in.Limit, tools.Cursor(query, got.Metadata.Next)), nil
}

// readThread reads one page, oldest first. Slack repeats the first message on
// every page; here it stands on the first page only.
func (s *service) readThread(ctx context.Context, c *upstream.Client, in readThreadIn) (MessageList, error) {
	query := []string{"read_thread", in.Channel, in.ThreadTS}
	cursor, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return MessageList{}, err
	}
	at, err := s.readable(ctx, c, in.Channel)
	if err != nil {
		return MessageList{}, err
	}
	var got messagePage
	err = call(ctx, c, "conversations.replies", url.Values{
		"channel": {at.id}, "ts": {in.ThreadTS}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {cursor},
	}, true, &got)
	if err != nil {
		return MessageList{}, s.stale(c, in.Channel, err)
	}
	if cursor != "" && len(got.Messages) > 0 && got.Messages[0].TS == in.ThreadTS {
		got.Messages = got.Messages[1:]
	}
	return s.page(ctx, c, at, got, in.Limit+1, tools.Cursor(query, got.Metadata.Next)), nil
}

// readable finds a channel to read. A person is read as the direct messages with
// them, which have to be opened to learn their id.
func (s *service) readable(ctx context.Context, c *upstream.Client, word string) (place, error) {
	at, err := s.find(ctx, c, word)
	if err != nil {
		return place{}, err
	}
	if !userID.MatchString(at.id) {
		return at, s.mayRead(ctx, c, at.id)
	}
	if !c.Allows("im:history") { // before anything is opened
		return place{}, s.mayRead(ctx, c, "D")
	}
	var got struct {
		Channel channel `json:"channel"`
	}
	if err := call(ctx, c, "conversations.open", url.Values{"users": {at.id}, "prevent_creation": {"true"}}, true, &got); err != nil {
		return place{}, err
	}
	if !channelID.MatchString(got.Channel.ID) {
		return place{}, fault.New(fault.NotFound, "There are no direct messages with %s.", at.shown())
	}
	return place{got.Channel.ID, at.name}, nil
}

// stale drops a name that Slack no longer knows, so that the next call looks
// anew.
func (s *service) stale(c *upstream.Client, word string, err error) error {
	if has(err, "channel_not_found") || has(err, "is_archived") {
		s.books.of(c.CredentialKey()).forget(word)
	}
	return err
}

// noise is what Slack writes itself when somebody comes or goes.
var noise = map[string]bool{"channel_join": true, "channel_leave": true, "group_join": true, "group_leave": true, "bot_add": true, "bot_remove": true, "tombstone": true}

func (s *service) page(ctx context.Context, c *upstream.Client, at place, got messagePage, limit int, next string) MessageList {
	names := s.names(ctx, c)
	if at.name == "" {
		at.name = names.channel(at.id)
	}
	out := MessageList{ChannelID: at.id, Channel: at.shown(), Messages: []Message{}, Next: next}
	team, room := s.team(ctx, c), maxPage
	for _, w := range got.Messages[:min(len(got.Messages), limit)] {
		if !tsForm.MatchString(w.TS) || noise[w.Subtype] {
			continue
		}
		most := maxText
		if room <= 0 {
			most = shortText
		}
		m := Message{TS: w.TS, Time: timeOf(w.TS), Text: readable(w.body(), names, most), Replies: max(0, w.Replies)}
		room -= len(m.Text)
		m.Author, m.AuthorID = author(w, names)
		if w.ThreadTS != w.TS && tsForm.MatchString(w.ThreadTS) {
			m.ThreadTS = w.ThreadTS
		}
		for _, r := range w.Reactions[:min(len(w.Reactions), 10)] {
			m.Reactions = append(m.Reactions, fmt.Sprintf("%s %d", label(r.Name), r.Count))
		}
		for _, f := range w.Files[:min(len(w.Files), 10)] {
			title := label(f.Name)
			if title == "" {
				title = label(f.Title)
			}
			m.Files = append(m.Files, strings.TrimSpace(title+" ("+label(f.ID)+")"))
		}
		m.Permalink = permalink(team, at.id, m.TS, m.ThreadTS)
		out.Messages = append(out.Messages, m)
	}
	return out
}

func author(w wireMessage, names *names) (name, id string) {
	if userID.MatchString(w.User) {
		return names.person(w.User), w.User
	}
	for _, n := range []string{w.Username, w.Profile.Name} {
		if n = label(n); n != "" {
			return n + " (app)", label(w.BotID)
		}
	}
	return "app", label(w.BotID)
}

// team is the workspace's address, "https://northwind.slack.com/", or "".
func (s *service) team(ctx context.Context, c *upstream.Client) string {
	book := s.books.of(c.CredentialKey())
	if team, known := book.team(); known {
		return team
	}
	who, err := whoAmI(ctx, c)
	if err != nil {
		who.URL = ""
	}
	team := workspace(who.URL)
	book.setTeam(team)
	return team
}

// workspace accepts only an address of Slack's: a link in a result is one that
// people follow.
func workspace(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" {
		return ""
	}
	if host := u.Hostname(); !strings.HasSuffix(host, ".slack.com") && !strings.HasSuffix(host, ".slack-gov.com") || len(host) > 253 {
		return ""
	}
	return "https://" + u.Hostname() + "/"
}

// permalink is built here: chat.getPermalink would cost a request a message.
func permalink(team, channel, ts, threadTS string) string {
	if team == "" || !channelID.MatchString(channel) || !tsForm.MatchString(ts) {
		return ""
	}
	link := team + "archives/" + channel + "/p" + strings.Replace(ts, ".", "", 1)
	if threadTS != "" {
		link += "?thread_ts=" + threadTS + "&cid=" + channel
	}
	return link
}
