package slack

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) postTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_post_message", s.postMessage),
		tools.New("slack_update_message", s.updateMessage),
		tools.New("slack_delete_message", s.deleteMessage),
	}
}

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
func (p Posted) Text() string { return p.said("Posted to") }

func (p Posted) said(verb string) string {
	s := fmt.Sprintf("%s %s (%s), ts %s", verb, p.Channel, p.ChannelID, p.TS)
	if p.Permalink != "" {
		s += ", " + p.Permalink
	}
	return s
}

// fields are the form of a post, now or later. Links are not unfurled, since
// that lets a text make Slack fetch an address.
func (in postMessageIn) fields(to place, thread string) url.Values {
	fields := url.Values{
		"channel": {to.id}, "markdown_text": {in.Text}, "thread_ts": {thread},
		"unfurl_links": {"false"}, "unfurl_media": {"false"},
	}
	if thread != "" && in.Broadcast {
		fields.Set("reply_broadcast", strconv.FormatBool(in.Broadcast))
	}
	return fields
}

// destination finds where a post goes to, and to which thread.
func (s *service) destination(ctx context.Context, c *upstream.Client, in postMessageIn) (to place, thread string, err error) {
	to, err = s.find(ctx, c, in.Channel)
	if has(err, "missing_scope") && in.Channel[0] == '#' {
		to, err = place{in.Channel, in.Channel}, nil // it may not list channels: Slack takes the name of one that the app is in
	}
	if err != nil {
		return place{}, "", err
	}
	thread, err = threadIn(to, in.ThreadTS)
	return to, thread, err
}

// postMessage posts Markdown. Slack has no idempotency key, so the request is
// never repeated unless Slack says that it did nothing; and after it has gone
// through, nothing that fails makes the call fail.
func (s *service) postMessage(ctx context.Context, c *upstream.Client, in postMessageIn) (Posted, error) {
	to, thread, err := s.destination(ctx, c, in)
	if err != nil {
		return Posted{}, err
	}
	var got struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	if err := call(ctx, c, "chat.postMessage", in.fields(to, thread), false, &got); err != nil {
		return Posted{}, s.stale(c, in.Channel, err)
	}
	if !tsForm.MatchString(got.TS) || !channelID.MatchString(got.Channel) {
		return Posted{}, fault.New(fault.UpstreamError, "Slack accepted the message and did not say where it is. Read the channel before posting again.")
	}
	return s.posted(ctx, c, to, got.Channel, got.TS, thread), nil
}

// posted is a message in a channel, by its names.
func (s *service) posted(ctx context.Context, c *upstream.Client, to place, channel, ts, thread string) Posted {
	out := Posted{ChannelID: channel, Channel: to.name, TS: ts}
	if out.Channel == "" {
		names := s.names(ctx, c)
		if userID.MatchString(to.id) {
			out.Channel = "@" + names.person(to.id)
		} else if out.Channel = names.channel(channel); out.Channel == "" {
			out.Channel = channel
		}
	}
	out.Permalink = permalink(s.team(ctx, c), channel, ts, thread)
	return out
}

type updateMessageIn struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Text    string `json:"text"`
}

// Updated is a message whose text is another now.
type Updated Posted

// Text says where.
func (u Updated) Text() string { return Posted(u).said("Edited in") }

// updateMessage replaces the text of one of the app's own messages.
func (s *service) updateMessage(ctx context.Context, c *upstream.Client, in updateMessageIn) (Updated, error) {
	at, err := s.message(ctx, c, "ts", in.Channel, in.TS, false)
	if err != nil {
		return Updated{}, err
	}
	err = call(ctx, c, "chat.update", url.Values{"channel": {at.id}, "ts": {at.ts}, "markdown_text": {in.Text}}, false, nil)
	if err != nil {
		return Updated{}, s.stale(c, in.Channel, err)
	}
	return Updated(s.posted(ctx, c, at.place, at.id, at.ts, at.thread)), nil
}

type messageIn struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// Deleted is a message that is gone.
type Deleted struct {
	ChannelID string `json:"channel_id"`
	TS        string `json:"ts"`
	Already   bool   `json:"already,omitempty"` // it was gone before
}

// Text says which.
func (d Deleted) Text() string {
	if d.Already {
		return fmt.Sprintf("There is no message with ts %s in %s (any more)", d.TS, d.ChannelID)
	}
	return fmt.Sprintf("Deleted the message with ts %s in %s", d.TS, d.ChannelID)
}

// deleteMessage deletes one of the app's own messages, for good.
func (s *service) deleteMessage(ctx context.Context, c *upstream.Client, in messageIn) (Deleted, error) {
	at, err := s.message(ctx, c, "ts", in.Channel, in.TS, false)
	if err != nil {
		return Deleted{}, err
	}
	out := Deleted{ChannelID: at.id, TS: at.ts}
	err = call(ctx, c, "chat.delete", url.Values{"channel": {at.id}, "ts": {at.ts}}, false, nil)
	if has(err, "message_not_found") {
		out.Already, err = true, nil
	}
	if err != nil {
		return Deleted{}, s.stale(c, in.Channel, err)
	}
	return out, nil
}
