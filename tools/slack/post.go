package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type postMessageIn struct {
	Channel   string `json:"channel"`
	Text      string `json:"text"`
	ThreadTS  string `json:"thread_ts"`
	Broadcast bool   `json:"reply_broadcast"`
}

// Posted is a message that is there now.
type Posted struct {
	ChannelID string `json:"channel_id"`
	Channel   string `json:"channel"` // "#general", or the id where the name is not to be had
	TS        string `json:"ts"`
	Permalink string `json:"permalink,omitempty"`
}

// Text says where.
func (p Posted) Text() string {
	s := fmt.Sprintf("Posted to %s (%s), ts %s", p.Channel, p.ChannelID, p.TS)
	if p.Permalink != "" {
		s += ", " + p.Permalink
	}
	return s
}

// postMessage posts Markdown; links are not unfurled, since that lets a text
// make Slack fetch an address. Slack has no idempotency key, so the request is
// never repeated unless Slack says that it did nothing; and after it has gone
// through, nothing that fails makes the call fail.
func (s *service) postMessage(ctx context.Context, c *upstream.Client, in postMessageIn) (Posted, error) {
	to, err := s.find(ctx, c, in.Channel)
	if has(err, "missing_scope") && in.Channel[0] == '#' {
		to, err = place{in.Channel, in.Channel}, nil // it may not list channels: Slack takes the name of one that the app is in
	}
	if err != nil {
		return Posted{}, err
	}
	fields := url.Values{
		"channel": {to.id}, "markdown_text": {in.Text}, "thread_ts": {in.ThreadTS},
		"unfurl_links": {"false"}, "unfurl_media": {"false"},
	}
	if in.ThreadTS != "" && in.Broadcast {
		fields.Set("reply_broadcast", strconv.FormatBool(in.Broadcast))
	}
	var got struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	if err := call(ctx, c, "chat.postMessage", fields, false, &got); err != nil {
		return Posted{}, s.stale(c, in.Channel, err)
	}
	if !tsForm.MatchString(got.TS) || !channelID.MatchString(got.Channel) {
		return Posted{}, fault.New(fault.UpstreamError, "Slack accepted the message and did not say where it is. Read the channel before posting again.")
	}
	out := Posted{ChannelID: got.Channel, Channel: to.name, TS: got.TS}
	if out.Channel == "" {
		names := s.names(ctx, c)
		if userID.MatchString(to.id) {
			out.Channel = "@" + names.person(to.id)
		} else if out.Channel = names.channel(got.Channel); out.Channel == "" {
			out.Channel = got.Channel
		}
	}
	out.Permalink = permalink(s.team(ctx, c), got.Channel, got.TS, in.ThreadTS)
	return out, nil
}

type addReactionIn struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Emoji   string `json:"emoji"`
}

// Reacted is a reaction that is there now.
type Reacted struct {
	ChannelID string `json:"channel_id"`
	TS        string `json:"ts"`
	Emoji     string `json:"emoji"`
	Already   bool   `json:"already,omitempty"` // it was there before
}

// Text says where.
func (r Reacted) Text() string {
	verb := "Added"
	if r.Already {
		verb = "Already there:"
	}
	return fmt.Sprintf("%s :%s: on ts %s in %s", verb, r.Emoji, r.TS, r.ChannelID)
}

// addReaction reacts to a message. A reaction that is there already is a success.
func (s *service) addReaction(ctx context.Context, c *upstream.Client, in addReactionIn) (Reacted, error) {
	at, err := s.readable(ctx, c, in.Channel)
	if err != nil {
		return Reacted{}, err
	}
	out := Reacted{ChannelID: at.id, TS: in.TS, Emoji: in.Emoji}
	err = call(ctx, c, "reactions.add", url.Values{"channel": {at.id}, "timestamp": {in.TS}, "name": {in.Emoji}}, false, &struct{}{})
	if has(err, "already_reacted") {
		out.Already, err = true, nil
	}
	if err != nil {
		return Reacted{}, s.stale(c, in.Channel, err)
	}
	return out, nil
}
