package slack

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"toolvault/tools/upstream"
)

const (
	maxConcise  = 2000  // characters of one message
	maxDetailed = 12000 // the most that markdown_text takes
	maxReacting = 20    // people named of one reaction

	detailed = "detailed"
)

// Message is one message, its markup resolved.
type Message struct {
	TS        string   `json:"ts"`
	Time      string   `json:"time"` // RFC 3339, UTC
	Author    string   `json:"author"`
	AuthorID  string   `json:"author_id,omitempty"`
	Text      string   `json:"text"`
	ThreadTS  string   `json:"thread_ts,omitempty"` // where it is a reply
	Replies   int      `json:"replies,omitempty"`
	Reactions []string `json:"reactions,omitempty"` // "eyes 2", detailed: "eyes 2: jonas, priya"
	Files     []string `json:"files,omitempty"`     // "export.csv (F…)", detailed: with type and size
	Edited    bool     `json:"edited,omitempty"`
	Permalink string   `json:"permalink,omitempty"`
}

// line is the message for a text, its words marked as somebody's.
func (m Message) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s [ts %s] %s: %s", m.Time, m.TS, named(m.Author, m.AuthorID), upstream.Quote(strings.ReplaceAll(m.Text, "\n", " ⏎ ")))
	if m.Edited {
		b.WriteString(" {edited}")
	}
	if m.Replies > 0 {
		fmt.Fprintf(&b, " {%d replies}", m.Replies)
	}
	if m.ThreadTS != "" {
		fmt.Fprintf(&b, " {reply to %s}", m.ThreadTS)
	}
	if len(m.Reactions) > 0 {
		var all []string
		for _, r := range m.Reactions {
			emoji, who, detailed := strings.Cut(r, ": ")
			if detailed {
				emoji += ": " + saidAll(strings.Split(who, ", "))
			}
			all = append(all, emoji)
		}
		fmt.Fprintf(&b, " {reactions: %s}", strings.Join(all, "; "))
	}
	if len(m.Files) > 0 {
		fmt.Fprintf(&b, " {files: %s}", upstream.Quote(strings.Join(m.Files, ", ")))
	}
	return b.String()
}

// reader shapes messages of one conversation.
type reader struct {
	names  *naming
	at     place
	team   string
	format string
	most   int // characters of a message
}

func (s *service) reader(ctx context.Context, c *upstream.Client, at place, format string) *reader {
	most := maxConcise
	if format == detailed {
		most = maxDetailed
	}
	return &reader{s.names(ctx, c), at, s.team(ctx, c), format, most}
}

// noise is what Slack writes itself when somebody comes or goes.
var noise = map[string]bool{"channel_join": true, "channel_leave": true, "group_join": true, "group_leave": true, "bot_add": true, "bot_remove": true, "tombstone": true}

// all shapes those that are messages; joins says that comings and goings are.
func (r *reader) all(from []wireMessage, joins bool) []Message {
	out := []Message{}
	for _, w := range from {
		if tsForm.MatchString(w.TS) && (joins || !noise[w.Subtype]) {
			out = append(out, r.one(w))
		}
	}
	return out
}

func (r *reader) one(w wireMessage) Message {
	m := Message{TS: w.TS, Time: timeOf(w.TS), Text: readable(w.body(), r.names, r.most), Replies: max(0, w.Replies), Edited: w.Edited != nil}
	m.Author, m.AuthorID = author(w, r.names)
	if w.ThreadTS != w.TS && tsForm.MatchString(w.ThreadTS) {
		m.ThreadTS = w.ThreadTS
	}
	for _, x := range w.Reactions[:min(len(w.Reactions), 10)] {
		text := fmt.Sprintf("%s %d", label(x.Name), max(0, x.Count))
		if r.format == detailed && len(x.Users) > 0 {
			var who []string
			for _, id := range x.Users[:min(len(x.Users), maxReacting)] {
				who = append(who, r.names.person(id))
			}
			text += ": " + strings.Join(who, ", ")
		}
		m.Reactions = append(m.Reactions, text)
	}
	for _, f := range w.Files[:min(len(w.Files), 10)] {
		m.Files = append(m.Files, f.brief(r.format == detailed))
	}
	m.Permalink = permalink(r.team, r.at.id, m.TS, m.ThreadTS)
	return m
}

func author(w wireMessage, names *naming) (name, id string) {
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

// permalink is built here: chat.getPermalink would cost a request a message.
func permalink(team, channel, ts, threadTS string) string {
	if team == "" || !channelID.MatchString(channel) || !tsForm.MatchString(ts) {
		return ""
	}
	link := team + "archives/" + channel + "/p" + strings.Replace(ts, ".", "", 1)
	if threadTS != "" {
		link += "?thread_ts=" + url.QueryEscape(threadTS) + "&cid=" + channel
	}
	return link
}
