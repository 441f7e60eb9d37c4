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

const (
	maxTopic    = 120 // characters in a list
	maxPurpose  = 250 // Slack's own bound on topic and purpose
	searchPages = 5   // of channels that one call looks through for a name
)

func (s *service) channelTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_list_channels", s.listChannels),
		tools.New("slack_get_channel", s.getChannel),
		tools.New("slack_list_channel_members", s.listMembers),
	}
}

// types are Slack's names for the kinds of conversations.
var types = map[string]string{"public": "public_channel", "private": "private_channel", "im": "im", "mpim": "mpim"}

type listChannelsIn struct {
	Type     string `json:"type"`
	Joined   bool   `json:"joined"`
	Contains string `json:"name_contains"`
	Archived bool   `json:"include_archived"`
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
	ID       string `json:"id"`
	Name     string `json:"name"` // "#general", or "@handle" of a direct message
	Topic    string `json:"topic,omitempty"`
	Members  int    `json:"members,omitempty"`
	Joined   bool   `json:"joined"` // the app is a member: it can read
	Archived bool   `json:"archived,omitempty"`
}

// Text is one line a channel.
func (l ChannelList) Text() string {
	var b strings.Builder
	for _, c := range l.Channels {
		b.WriteString(named(c.Name, c.ID))
		if !c.Joined {
			b.WriteString(", app not in it")
		}
		if c.Archived {
			b.WriteString(", archived")
		}
		if c.Members > 0 {
			fmt.Fprintf(&b, ", %d members", c.Members)
		}
		if c.Topic != "" {
			b.WriteString(": " + upstream.Quote(c.Topic))
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
// filters after it pages, so a page may be short and yet not the last; where a
// name is looked for, a few pages are gone through.
func (s *service) listChannels(ctx context.Context, c *upstream.Client, in listChannelsIn) (ChannelList, error) {
	query := listChannelsIn{Type: in.Type, Joined: in.Joined, Contains: in.Contains, Archived: in.Archived}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return ChannelList{}, err
	}
	method, size, pages := "conversations.list", in.Limit+from.Skip, 1
	if in.Joined {
		method = "users.conversations"
	}
	if in.Contains != "" {
		size, pages = listPageSize, searchPages
	}
	names := s.names(ctx, c)
	out := ChannelList{Channels: []Channel{}}
	for page := range pages {
		var got channelPage
		err = call(ctx, c, method, url.Values{
			"types": {types[in.Type]}, "exclude_archived": {strconv.FormatBool(!in.Archived)}, "limit": {strconv.Itoa(min(size, listPageSize))}, "cursor": {from.Cursor},
		}, true, &got)
		if err != nil {
			return ChannelList{}, err
		}
		var fit []Channel
		for _, ch := range got.Channels {
			if item, ok := s.channelOf(c, ch, in.Joined, names); ok && item.fits(ch, in.Contains) {
				fit = append(fit, item)
			}
		}
		out.Channels, out.Next = tools.Page(query, from, fit, in.Limit, got.Metadata.Next)
		if len(out.Channels) > 0 || got.Metadata.Next == "" || page == pages-1 {
			break
		}
		c.Progress(float64(page+1), 0, "pages of channels looked through")
		from = tools.Position{Cursor: got.Metadata.Next}
	}
	if out.Channels == nil {
		out.Channels = []Channel{}
	}
	if out.Next != "" && in.Contains != "" && len(out.Channels) == 0 {
		out.Note = fmt.Sprintf("none among the %d channels looked through; next_cursor goes on", pages*listPageSize)
	}
	return out, nil
}

// channelOf shapes a channel and learns its name.
func (s *service) channelOf(c *upstream.Client, ch channel, joined bool, names *naming) (Channel, bool) {
	if !channelID.MatchString(ch.ID) {
		return Channel{}, false
	}
	book := s.books.of(c.CredentialKey())
	item := Channel{
		ID: ch.ID, Name: "#" + label(ch.Name), Members: max(0, ch.Members), Archived: ch.Archived,
		Joined: joined || ch.IM || ch.Member != nil && *ch.Member, Topic: upstream.Clean(ch.Topic.Value, maxTopic),
	}
	if ch.IM {
		item.Name = "@" + names.person(ch.User)
	} else if !ch.Archived {
		book.learn(item.Name, ch.ID)
	}
	book.sort(ch.ID, ch.family())
	if item.Topic == "" {
		item.Topic = upstream.Clean(ch.Purpose.Value, maxTopic)
	}
	return item, true
}

// fits reports whether the channel is one that is looked for: by its name, or by
// what it says it is about.
func (item Channel) fits(ch channel, word string) bool {
	word = strings.ToLower(strings.TrimSpace(word))
	in := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.TrimPrefix(word, "#")) }
	if strings.HasPrefix(word, "#") || word == "" {
		return in(item.Name)
	}
	return in(item.Name) || in(ch.Topic.Value) || in(ch.Purpose.Value)
}

type channelIn struct {
	Channel string `json:"channel"`
}

// ChannelInfo is all about one conversation.
type ChannelInfo struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"type"` // public, private, im or mpim
	Topic    string `json:"topic,omitempty"`
	Purpose  string `json:"purpose,omitempty"`
	Members  int    `json:"members,omitempty"`
	Joined   bool   `json:"joined"`
	Archived bool   `json:"archived,omitempty"`
	Created  string `json:"created,omitempty"`
	Creator  string `json:"creator,omitempty"`
	LastRead string `json:"last_read,omitempty"` // ts to which the token's account has read
	URL      string `json:"url,omitempty"`
}

// Text is a few lines.
func (i ChannelInfo) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s", named(i.Name, i.ID), i.Type)
	if !i.Joined {
		b.WriteString(", app not in it")
	}
	if i.Archived {
		b.WriteString(", archived")
	}
	if i.Members > 0 {
		fmt.Fprintf(&b, ", %d members", i.Members)
	}
	for _, part := range []struct{ what, text string }{{"Topic: ", i.Topic}, {"Purpose: ", i.Purpose}} {
		if part.text != "" {
			b.WriteString("\n" + part.what + upstream.Quote(part.text))
		}
	}
	for _, part := range []struct{ what, text string }{{"Created: ", i.Created}, {"By: ", said(i.Creator)}, {"Read to ts: ", i.LastRead}, {"", i.URL}} {
		if part.text != "" {
			b.WriteString("\n" + part.what + part.text)
		}
	}
	return b.String()
}

// getChannel looks at one conversation.
func (s *service) getChannel(ctx context.Context, c *upstream.Client, in channelIn) (ChannelInfo, error) {
	at, err := s.locate(ctx, c, in.Channel)
	if err != nil {
		return ChannelInfo{}, err
	}
	if err := s.mayUse(ctx, c, at.id, "read"); err != nil {
		return ChannelInfo{}, err
	}
	ch, err := channelInfo(ctx, c, at.id)
	if err != nil {
		return ChannelInfo{}, s.stale(c, in.Channel, err)
	}
	names := s.names(ctx, c)
	item, _ := s.channelOf(c, ch, false, names)
	out := ChannelInfo{
		ID: item.ID, Name: item.Name, Type: called(ch.family()), Topic: upstream.Clean(ch.Topic.Value, maxPurpose), Purpose: upstream.Clean(ch.Purpose.Value, maxPurpose),
		Members: item.Members, Joined: item.Joined, Archived: item.Archived, Created: rfc3339(ch.Created), URL: channelLink(s.team(ctx, c), ch.ID),
	}
	if userID.MatchString(ch.Creator) {
		out.Creator = both(names.person(ch.Creator), ch.Creator)
	}
	if tsForm.MatchString(ch.LastRead) && ch.LastRead > "0000000001" {
		out.LastRead = ch.LastRead
	}
	return out, nil
}

// channelLink is the address of a channel, for a person.
func channelLink(team, id string) string {
	if team == "" || !channelID.MatchString(id) {
		return ""
	}
	return team + "archives/" + id
}
