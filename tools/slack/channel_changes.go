package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) channelChanges() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_create_channel", s.createChannel),
		tools.New("slack_update_channel", s.updateChannel),
	}
}

type createChannelIn struct {
	Name    string   `json:"name"`
	Private bool     `json:"private"`
	Topic   string   `json:"topic"`
	Purpose string   `json:"purpose"`
	Invite  []string `json:"invite"`
}

// CreatedChannel is a channel that is there now.
type CreatedChannel struct {
	ChannelID string   `json:"channel_id"`
	Channel   string   `json:"channel"`
	Private   bool     `json:"private"`
	Invited   []string `json:"invited,omitempty"`
	URL       string   `json:"url,omitempty"`
	Note      string   `json:"note,omitempty"` // what could not be done besides
}

// Text says which.
func (r CreatedChannel) Text() string {
	t := "Created " + named(r.Channel, r.ChannelID)
	if r.Private {
		t += ", private"
	}
	if len(r.Invited) > 0 {
		t += ", invited " + saidAll(r.Invited)
	}
	if r.URL != "" {
		t += ", " + r.URL
	}
	if r.Note != "" {
		t += "\nNote: " + r.Note
	}
	return t
}

// nameForm is what Slack takes for the name of a channel; letters of any script,
// but no capitals, blanks or stops. A bound on the length within the expression
// would cost megabytes: it is held beside it.
var (
	nameForm  = pattern.New(`^[\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}_-]+$`)
	notInName = pattern.New(`[^\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}_]+`)
)

func channelName(word string) (string, error) {
	name := strings.TrimPrefix(strings.TrimSpace(word), "#")
	if utf8.RuneCountInString(name) <= 80 && nameForm.MatchString(name) {
		return name, nil
	}
	near := notInName.ReplaceAllString(strings.ToLower(name), "-")
	return "", fault.New(fault.InvalidArguments, "name: Slack's channels are called in lower case, digits, - and _, at most 80 characters. %q would do.", upstream.Clean(strings.Trim(near, "-"), 80))
}

// createChannel makes a channel. People are looked up before it is made; once it
// is, nothing that fails makes the call fail.
func (s *service) createChannel(ctx context.Context, c *upstream.Client, in createChannelIn) (CreatedChannel, error) {
	if in.Private {
		if err := allowed(c, "groups", "write"); err != nil {
			return CreatedChannel{}, err
		}
	}
	name, err := channelName(in.Name)
	if err != nil {
		return CreatedChannel{}, err
	}
	people, err := s.crew(ctx, c, "invite", in.Invite)
	if err != nil {
		return CreatedChannel{}, err
	}
	var got struct {
		Channel channel `json:"channel"`
	}
	if err := call(ctx, c, "conversations.create", url.Values{"name": {name}, "is_private": {strconv.FormatBool(in.Private)}}, false, &got); err != nil {
		return CreatedChannel{}, err
	}
	id := got.Channel.ID
	if !channelID.MatchString(id) {
		return CreatedChannel{}, fault.New(fault.UpstreamError, "Slack made the channel and did not say which it is. Find it with slack_list_channels before making it again.")
	}
	out := CreatedChannel{ChannelID: id, Channel: "#" + label(got.Channel.Name), Private: in.Private, URL: channelLink(s.team(ctx, c), id)}
	book := s.books.of(c.CredentialKey())
	book.learn(out.Channel, id)
	book.sort(id, channel{Private: in.Private}.family())
	var notes []string
	for _, set := range []struct{ method, field, text string }{{"conversations.setTopic", "topic", in.Topic}, {"conversations.setPurpose", "purpose", in.Purpose}} {
		if set.text == "" {
			continue
		}
		if err := callJSON(ctx, c, set.method, map[string]string{"channel": id, set.field: set.text}, false, nil); err != nil {
			notes = append(notes, "The "+set.field+" was not set: "+fault.From(err).Message)
		}
	}
	if len(people) > 0 {
		done, _ := s.invite(ctx, c, id, people)
		out.Invited = done.Invited
		if done.Note != "" {
			notes = append(notes, done.Note)
		}
	}
	out.Note = strings.Join(notes, " ")
	return out, nil
}

type updateChannelIn struct {
	Channel  string  `json:"channel"`
	Topic    *string `json:"topic"`
	Purpose  *string `json:"purpose"`
	Name     string  `json:"name"`
	Archived *bool   `json:"archived"`
}

// ChangedChannel is a channel that is different now.
type ChangedChannel struct {
	ChannelID string   `json:"channel_id"`
	Channel   string   `json:"channel"`
	Changed   []string `json:"changed"` // "topic", "purpose", "name", "archived"
	Archived  bool     `json:"archived,omitempty"`
}

// Text says what.
func (r ChangedChannel) Text() string {
	t := "Changed " + strings.Join(r.Changed, ", ") + " of " + named(r.Channel, r.ChannelID)
	if r.Archived {
		t += ", which is archived now"
	}
	return t
}

// updateChannel changes what is given, step by step: unarchived first, archived
// last, since an archived channel takes no other change.
func (s *service) updateChannel(ctx context.Context, c *upstream.Client, in updateChannelIn) (ChangedChannel, error) {
	if in.Topic == nil && in.Purpose == nil && in.Name == "" && in.Archived == nil {
		return ChangedChannel{}, fault.New(fault.InvalidArguments, "Nothing to change: give topic, purpose, name or archived.")
	}
	name := ""
	var err error
	if in.Name != "" {
		if name, err = channelName(in.Name); err != nil {
			return ChangedChannel{}, err
		}
	}
	at, err := s.locateAny(ctx, c, in.Channel, in.Archived != nil && !*in.Archived)
	if err != nil {
		return ChangedChannel{}, err
	}
	if err := s.mayUse(ctx, c, at.id, "write"); err != nil {
		return ChangedChannel{}, err
	}
	at = s.titled(ctx, c, at)
	out := ChangedChannel{ChannelID: at.id, Channel: at.shown(), Changed: []string{}}
	step := func(what, method string, body map[string]string, same string) error {
		body["channel"] = at.id
		err := callJSON(ctx, c, method, body, false, nil)
		if err == nil || same != "" && has(err, same) {
			out.Changed = append(out.Changed, what)
			return nil
		}
		f := *fault.From(s.stale(c, in.Channel, err))
		if len(out.Changed) > 0 {
			f.Message = fmt.Sprintf("Changed %s; the %s was not: %s", strings.Join(out.Changed, ", "), what, f.Message)
			f.NotSent = false
		}
		return &f
	}
	if in.Archived != nil && !*in.Archived {
		if err := step("archived", "conversations.unarchive", map[string]string{}, "not_archived"); err != nil {
			return ChangedChannel{}, err
		}
		s.books.of(c.CredentialKey()).learn(out.Channel, at.id)
	}
	for _, set := range []struct {
		field, method string
		text          *string
	}{{"topic", "conversations.setTopic", in.Topic}, {"purpose", "conversations.setPurpose", in.Purpose}} {
		if set.text != nil {
			if err := step(set.field, set.method, map[string]string{set.field: *set.text}, ""); err != nil {
				return ChangedChannel{}, err
			}
		}
	}
	book := s.books.of(c.CredentialKey())
	if name != "" {
		if err := step("name", "conversations.rename", map[string]string{"name": name}, ""); err != nil {
			return ChangedChannel{}, err
		}
		book.forget(at.name)
		out.Channel = "#" + name
		book.learn(out.Channel, at.id)
	}
	if in.Archived != nil && *in.Archived {
		if err := step("archived", "conversations.archive", map[string]string{}, "already_archived"); err != nil {
			return ChangedChannel{}, err
		}
		book.forget(out.Channel)
		out.Archived = true
	}
	return out, nil
}

// locateAny finds a channel; where it may be archived, among those too, by name.
func (s *service) locateAny(ctx context.Context, c *upstream.Client, word string, archived bool) (place, error) {
	at, err := s.locate(ctx, c, word)
	if err == nil || !archived || !strings.HasPrefix(word, "#") || fault.From(err).Kind != fault.NotFound {
		return at, err
	}
	for _, kind := range []string{"public", "private"} {
		list, err := s.listChannels(ctx, c, listChannelsIn{Type: kind, Contains: word, Archived: true, Limit: 200})
		if err != nil {
			continue
		}
		for _, ch := range list.Channels {
			if ch.Name == word {
				return place{ch.ID, ch.Name}, nil
			}
		}
	}
	return at, err
}
