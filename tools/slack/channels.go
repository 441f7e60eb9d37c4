package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

const maxTopic = 120 // characters

// types are Slack's names for the kinds of conversations.
var types = map[string]string{"public": "public_channel", "private": "private_channel", "im": "im", "mpim": "mpim"}

type listChannelsIn struct {
	Type     string `json:"type"`
	Joined   bool   `json:"joined"`
	Contains string `json:"name_contains"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// ChannelList is a page of channels.
type ChannelList struct {
	Channels []Channel `json:"channels"`
	Next     string    `json:"next_cursor,omitempty"`
	Note     string    `json:"note,omitempty"`
}

// Channel is a conversation.
type Channel struct {
	ID      string `json:"id"`
	Name    string `json:"name"` // "#general", or "@handle" of a direct message
	Topic   string `json:"topic,omitempty"`
	Members int    `json:"members,omitempty"`
	Joined  bool   `json:"joined"` // the app is a member: it can read
}

// Text is one line a channel.
func (l ChannelList) Text() string {
	var b strings.Builder
	for _, c := range l.Channels {
		fmt.Fprintf(&b, "%s (%s)", c.Name, c.ID)
		if !c.Joined {
			b.WriteString(", app not in it")
		}
		if c.Members > 0 {
			fmt.Fprintf(&b, ", %d members", c.Members)
		}
		if c.Topic != "" {
			b.WriteString(": " + c.Topic)
		}
		b.WriteByte('\n')
	}
	return ending(&b, len(l.Channels), "channels", l.Next, l.Note)
}

// ending closes a list: how to go on, and what else to know.
func ending(b *strings.Builder, n int, what, next, note string) string {
	if n == 0 {
		b.WriteString("No " + what + ".\n")
	}
	if next != "" {
		b.WriteString("More: next_cursor " + next + "\n")
	}
	if note != "" {
		b.WriteString("Note: " + note + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// listChannels lists the channels that the app is in, or all of a type. Slack
// filters after it pages, so a page may be short and yet not the last.
func (s *service) listChannels(ctx context.Context, c *upstream.Client, in listChannelsIn) (ChannelList, error) {
	query := listChannelsIn{Type: in.Type, Joined: in.Joined, Contains: in.Contains}
	cursor, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return ChannelList{}, err
	}
	method := "conversations.list"
	if in.Joined {
		method = "users.conversations"
	}
	var got channelPage
	err = call(ctx, c, method, url.Values{
		"types": {types[in.Type]}, "exclude_archived": {"true"}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {cursor},
	}, true, &got)
	if err != nil {
		return ChannelList{}, err
	}
	book, names := s.books.of(c.CredentialKey()), s.names(ctx, c)
	out := ChannelList{Channels: []Channel{}, Next: tools.Cursor(query, got.Metadata.Next)}
	for _, ch := range got.Channels[:min(len(got.Channels), in.Limit)] {
		if !channelID.MatchString(ch.ID) {
			continue
		}
		item := Channel{ID: ch.ID, Name: "#" + label(ch.Name), Members: max(0, ch.Members), Joined: in.Joined || ch.IM || ch.Member != nil && *ch.Member}
		if ch.IM {
			item.Name = "@" + names.person(ch.User)
		} else {
			book.learn(item.Name, ch.ID)
		}
		if item.Topic = upstream.Clean(ch.Topic.Value, maxTopic); item.Topic == "" {
			item.Topic = upstream.Clean(ch.Purpose.Value, maxTopic)
		}
		if in.Contains == "" || strings.Contains(strings.ToLower(item.Name), strings.ToLower(strings.TrimPrefix(in.Contains, "#"))) {
			out.Channels = append(out.Channels, item)
		}
	}
	if out.Next != "" && in.Contains != "" && len(out.Channels) == 0 {
		out.Note = "none on this page; there are more pages"
	}
	return out, nil
}
