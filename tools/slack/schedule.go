package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// maxAhead is how far ahead Slack takes a message
// (docs.slack.dev/reference/methods/chat.scheduleMessage).
const maxAhead = 120 * 24 * time.Hour

func (s *service) scheduleTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_schedule_message", s.scheduleMessage),
		tools.New("slack_list_scheduled_messages", s.listScheduled),
		tools.New("slack_cancel_scheduled_message", s.cancelScheduled),
	}
}

type scheduleIn struct {
	postMessageIn
	PostAt string `json:"post_at"`
}

// Scheduled is a message that Slack will post.
type Scheduled struct {
	ID        string `json:"scheduled_message_id"`
	ChannelID string `json:"channel_id"`
	Channel   string `json:"channel"`
	PostAt    string `json:"post_at"` // RFC 3339, UTC
}

// Text says when and where.
func (r Scheduled) Text() string {
	return fmt.Sprintf("Scheduled %s for %s in %s", r.ID, r.PostAt, named(r.Channel, r.ChannelID))
}

// scheduleMessage has Slack post a message later. Nothing of it is unfurled.
func (s *service) scheduleMessage(ctx context.Context, c *upstream.Client, in scheduleIn) (Scheduled, error) {
	when, err := s.moment(ctx, c, "post_at", in.PostAt, true)
	if err != nil {
		return Scheduled{}, err
	}
	if when == "" {
		return Scheduled{}, fault.New(fault.InvalidArguments, "post_at: missing. Write 2h, tomorrow 9:00 or RFC 3339.")
	}
	sec, _ := strconv.ParseInt(when[:10], 10, 64)
	switch ahead := time.Unix(sec, 0).Sub(s.now()); {
	case ahead <= 0:
		return Scheduled{}, fault.New(fault.InvalidArguments, "post_at: %s has gone by; it is %s now. Give a time to come, or post with slack_post_message.", rfc3339(sec), s.now().UTC().Format(time.RFC3339))
	case ahead > maxAhead:
		return Scheduled{}, fault.New(fault.InvalidArguments, "post_at: %s is more than 120 days away, the most that Slack takes.", rfc3339(sec))
	}
	to, thread, err := s.destination(ctx, c, in.postMessageIn)
	if err != nil {
		return Scheduled{}, err
	}
	if userID.MatchString(to.id) { // what is scheduled needs the id of the conversation
		if to, err = s.reach(ctx, c, in.Channel); err != nil {
			return Scheduled{}, err
		}
	}
	fields := in.fields(to, thread)
	fields.Set("post_at", strconv.FormatInt(sec, 10))
	var got struct {
		ID      json.RawMessage `json:"scheduled_message_id"`
		Channel string          `json:"channel"`
		PostAt  json.RawMessage `json:"post_at"`
	}
	if err := call(ctx, c, "chat.scheduleMessage", fields, false, &got); err != nil {
		return Scheduled{}, s.stale(c, in.Channel, err)
	}
	id := scheduledID(got.ID)
	if id == "" || !channelID.MatchString(got.Channel) {
		return Scheduled{}, fault.New(fault.UpstreamError, "Slack took the message and did not say under which id. Look with slack_list_scheduled_messages before scheduling it again.")
	}
	to.id = got.Channel
	to = s.titled(ctx, c, to)
	return Scheduled{ID: id, ChannelID: to.id, Channel: to.shown(), PostAt: rfc3339(sec)}, nil
}

// scheduledID is the id of a scheduled message, which Slack writes as
// "Q1298393284" where it is made and as a number where it is listed.
func scheduledID(raw json.RawMessage) string {
	id := plain(raw)
	if id != "" && strings.Trim(id, "0123456789") == "" {
		id = "Q" + id
	}
	return id
}

// plain is a text or a number of Slack's, which writes ids and times as either.
func plain(raw json.RawMessage) string {
	switch v := upstream.CleanJSON(raw, 40).(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

type scheduledPage struct {
	Messages []struct {
		ID      json.RawMessage `json:"id"`
		Channel string          `json:"channel_id"`
		PostAt  json.RawMessage `json:"post_at"`
		Text    string          `json:"text"`
	} `json:"scheduled_messages"`
	Metadata metadata `json:"response_metadata"`
}

// ScheduledList is a page of messages that Slack will post.
type ScheduledList struct {
	Messages []ScheduledMessage `json:"scheduled_messages"`
	Next     string             `json:"next_cursor,omitempty"`
}

// ScheduledMessage is one of them.
type ScheduledMessage struct {
	ID        string `json:"id"`
	ChannelID string `json:"channel_id"`
	Channel   string `json:"channel"`
	PostAt    string `json:"post_at"`
	Text      string `json:"text"`
}

func (m ScheduledMessage) line() string {
	return fmt.Sprintf("%s [%s] %s: %s", m.PostAt, m.ID, named(m.Channel, m.ChannelID), upstream.Quote(strings.ReplaceAll(m.Text, "\n", " ⏎ ")))
}

// Text is one line a message.
func (l ScheduledList) Text() string {
	var b strings.Builder
	for _, m := range l.Messages {
		b.WriteString(m.line() + "\n")
	}
	return ending(&b, len(l.Messages), "scheduled messages", l.Next, "")
}

type listScheduledIn struct {
	Channel string `json:"channel"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// listScheduled lists what the app has scheduled; Slack shows no app another's.
func (s *service) listScheduled(ctx context.Context, c *upstream.Client, in listScheduledIn) (ScheduledList, error) {
	// Slack wants no scope for it; here it takes one that writes such messages, or
	// reads them.
	if !c.Allows("chat:write") && !c.Allows("channels:history") {
		return ScheduledList{}, notGranted("chat:write")
	}
	query := []string{"scheduled", in.Channel}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return ScheduledList{}, err
	}
	var at place
	if in.Channel != "" {
		if at, err = s.locate(ctx, c, in.Channel); err != nil {
			return ScheduledList{}, err
		}
	}
	got, err := scheduled(ctx, c, at.id, in.Limit+from.Skip, from.Cursor)
	if err != nil {
		return ScheduledList{}, s.stale(c, in.Channel, err)
	}
	out := ScheduledList{}
	out.Messages, out.Next = tools.Page(query, from, s.shaped(ctx, c, got), in.Limit, got.Metadata.Next)
	return out, nil
}

func scheduled(ctx context.Context, c *upstream.Client, channel string, limit int, cursor string) (got scheduledPage, err error) {
	err = call(ctx, c, "chat.scheduledMessages.list", url.Values{"channel": {channel}, "limit": {strconv.Itoa(limit)}, "cursor": {cursor}}, true, &got)
	return got, err
}

func (s *service) shaped(ctx context.Context, c *upstream.Client, got scheduledPage) []ScheduledMessage {
	names := s.names(ctx, c)
	all := []ScheduledMessage{}
	for _, m := range got.Messages {
		item := ScheduledMessage{ID: scheduledID(m.ID), ChannelID: label(m.Channel), Channel: names.channel(m.Channel), Text: readable(m.Text, names, maxConcise)}
		if sec, err := strconv.ParseInt(plain(m.PostAt), 10, 64); err == nil {
			item.PostAt = rfc3339(sec)
		}
		if item.Channel == "" {
			item.Channel = item.ChannelID
		}
		if item.ID != "" {
			all = append(all, item)
		}
	}
	return all
}

type cancelIn struct {
	ID      string `json:"scheduled_message_id"`
	Channel string `json:"channel"`
}

// Cancelled is a message that Slack will not post. Its text and time are shown,
// so that it can be scheduled again.
type Cancelled struct {
	ID        string `json:"scheduled_message_id"`
	ChannelID string `json:"channel_id,omitempty"`
	Channel   string `json:"channel,omitempty"`
	PostAt    string `json:"post_at,omitempty"`
	Said      string `json:"text,omitempty"`
	Already   bool   `json:"already,omitempty"` // it is not there: cancelled, or posted
}

// Text says which.
func (r Cancelled) Text() string {
	if r.Already {
		return "There is no scheduled message " + r.ID + " (any more): it was cancelled or posted"
	}
	return "Cancelled " + ScheduledMessage{r.ID, r.ChannelID, r.Channel, r.PostAt, r.Said}.line()
}

var scheduledForm = pattern.New(`^[A-Z0-9]{1,40}$`)

const maxScheduledPages = 5

// cancelScheduled looks for the message first: Slack wants its channel, and
// answers for what is not there with an error that could mean anything.
func (s *service) cancelScheduled(ctx context.Context, c *upstream.Client, in cancelIn) (Cancelled, error) {
	id := strings.TrimSpace(in.ID)
	if id != "" && strings.Trim(id, "0123456789") == "" {
		id = "Q" + id
	}
	if !scheduledForm.MatchString(id) {
		return Cancelled{}, fault.New(fault.InvalidArguments, "scheduled_message_id: %q is none. Take it from slack_list_scheduled_messages.", upstream.Clean(id, 40))
	}
	var at place
	var err error
	if in.Channel != "" {
		if at, err = s.locate(ctx, c, in.Channel); err != nil {
			return Cancelled{}, err
		}
	}
	cursor := ""
	for range maxScheduledPages {
		got, err := scheduled(ctx, c, at.id, 100, cursor)
		if err != nil {
			return Cancelled{}, s.stale(c, in.Channel, err)
		}
		for _, m := range s.shaped(ctx, c, got) {
			if m.ID != id || !channelID.MatchString(m.ChannelID) || at.id != "" && m.ChannelID != at.id {
				continue
			}
			err := call(ctx, c, "chat.deleteScheduledMessage", url.Values{"channel": {m.ChannelID}, "scheduled_message_id": {id}}, false, nil)
			if has(err, "invalid_scheduled_message_id") {
				return Cancelled{ID: id, Already: true}, nil
			}
			if err != nil {
				return Cancelled{}, err
			}
			return Cancelled{ID: id, ChannelID: m.ChannelID, Channel: m.Channel, PostAt: m.PostAt, Said: m.Text}, nil
		}
		if cursor = got.Metadata.Next; cursor == "" {
			break
		}
	}
	return Cancelled{ID: id, Already: true}, nil
}
