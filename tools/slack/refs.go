package slack

import (
	"context"
	"net/url"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// message is where a message is.
type message struct {
	place
	ts     string
	thread string // the first message of its thread, where the permalink tells; else ""
}

var linkPath = pattern.New(`^/archives/([CGD][A-Z0-9]{7,20})/p(\d{10})(\d{6})/?$`)

// permalinked reads the address of a message, as Slack's "copy link" gives it.
func permalinked(word string) (channel, ts, thread string, ok bool) {
	u, err := url.Parse(strings.Trim(strings.TrimSpace(word), "<>"))
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || !slackHost(u.Hostname()) {
		return "", "", "", false
	}
	m := linkPath.FindStringSubmatch(u.Path)
	if m == nil {
		return "", "", "", false
	}
	if t := u.Query().Get("thread_ts"); tsForm.MatchString(t) {
		thread = t
	}
	return m[1], m[2] + "." + m[3], thread, true
}

// message finds the message that is meant: a permalink, or a ts in a channel. A
// channel that is given beside a permalink has to be the permalink's, since a
// rule may have been about it. argument is what the ts is called; reading says
// that the conversation is to be read.
func (s *service) message(ctx context.Context, c *upstream.Client, argument, channelWord, word string, reading bool) (message, error) {
	word = strings.TrimSpace(word)
	find := s.locate
	if reading {
		find = s.readable
	}
	if tsForm.MatchString(word) {
		if channelWord == "" {
			return message{}, fault.New(fault.InvalidArguments, "channel: missing. A ts is one only in a channel; or give the message's permalink as %s.", argument)
		}
		at, err := find(ctx, c, channelWord)
		return message{at, word, ""}, err
	}
	id, ts, thread, ok := permalinked(word)
	if !ok {
		return message{}, fault.New(fault.InvalidArguments, "%s: %q is no message. Give its ts, such as 1795424100.000125, with the channel, or its permalink (in Slack: Copy link).", argument, upstream.Clean(word, 80))
	}
	if channelWord == "" {
		channelWord = id
	}
	at, err := find(ctx, c, channelWord)
	if err != nil {
		return message{}, err
	}
	if at.id != id {
		return message{}, fault.New(fault.InvalidArguments, "The permalink is of a message in %s, not in %s. Leave channel out, or give the right one.", id, upstream.Clean(channelWord, 80))
	}
	return message{at, ts, thread}, nil
}

// thread reads thread_ts of a post: a ts, or the permalink of a message of the
// channel. Where that is a reply, its thread is meant.
func threadIn(at place, word string) (string, error) {
	word = strings.TrimSpace(word)
	if word == "" || tsForm.MatchString(word) {
		return word, nil
	}
	id, ts, thread, ok := permalinked(word)
	switch {
	case !ok:
		return "", fault.New(fault.InvalidArguments, "thread_ts: %q is no message. Give its ts, such as 1795424100.000125, or its permalink.", upstream.Clean(word, 80))
	case channelID.MatchString(at.id) && id != at.id:
		return "", fault.New(fault.InvalidArguments, "thread_ts: the permalink is of a message in %s, not in %s.", id, at.shown())
	case thread != "":
		return thread, nil
	}
	return ts, nil
}

// locate finds a conversation by its name. A person stands for the direct
// messages with them, which have to be opened to learn their id.
func (s *service) locate(ctx context.Context, c *upstream.Client, word string) (place, error) {
	at, err := s.find(ctx, c, word)
	if err != nil || !userID.MatchString(at.id) {
		return at, err
	}
	return s.directWith(ctx, c, at)
}

// directWith is the direct messages with a person.
func (s *service) directWith(ctx context.Context, c *upstream.Client, at place) (place, error) {
	var got struct {
		Channel channel `json:"channel"`
	}
	err := call(ctx, c, "conversations.open", url.Values{"users": {at.id}, "prevent_creation": {"true"}}, true, &got)
	if err != nil && !has(err, "channel_not_found") {
		return place{}, err
	}
	if !channelID.MatchString(got.Channel.ID) {
		return place{}, fault.New(fault.NotFound, "There are no direct messages with %s yet. slack_open_dm opens them; slack_post_message does by itself.", at.shown())
	}
	return place{got.Channel.ID, at.name}, nil
}

// readable is locate for a conversation that is to be read.
func (s *service) readable(ctx context.Context, c *upstream.Client, word string) (place, error) {
	at, err := s.find(ctx, c, word)
	if err != nil {
		return place{}, err
	}
	if !userID.MatchString(at.id) {
		return at, s.mayUse(ctx, c, at.id, "history")
	}
	if err := s.mayUse(ctx, c, "D", "history"); err != nil { // before anything is opened
		return place{}, err
	}
	return s.directWith(ctx, c, at)
}

// stale drops a name that Slack no longer knows, so that the next call looks
// anew.
func (s *service) stale(c *upstream.Client, word string, err error) error {
	if has(err, "channel_not_found") || has(err, "is_archived") {
		s.books.of(c.CredentialKey()).forget(word)
	}
	return err
}

// titled gives a place a name to show, where it has none yet.
func (s *service) titled(ctx context.Context, c *upstream.Client, at place) place {
	if at.name == "" {
		at.name = s.names(ctx, c).channel(at.id)
	}
	return at
}
