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

func (s *service) readTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_read_channel", s.readChannel),
		tools.New("slack_read_thread", s.readThread),
		tools.New("slack_get_message", s.getMessage),
	}
}

type readChannelIn struct {
	Channel string `json:"channel"`
	Since   string `json:"since"`
	Until   string `json:"until"`
	Joins   bool   `json:"include_joins"`
	Limit   int    `json:"limit"`
	Format  string `json:"response_format"`
	Cursor  string `json:"cursor"`
}

type readThreadIn struct {
	Channel  string `json:"channel"`
	ThreadTS string `json:"thread_ts"`
	Since    string `json:"since"`
	Until    string `json:"until"`
	Limit    int    `json:"limit"`
	Format   string `json:"response_format"`
	Cursor   string `json:"cursor"`
}

// MessageList is a page of messages.
type MessageList struct {
	ChannelID string    `json:"channel_id"`
	Channel   string    `json:"channel"` // "#general", or the id where the name is not to be had
	Messages  []Message `json:"messages"`
	Next      string    `json:"next_cursor,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// Text is one line a message. How their links are made is said once: they would be
// a third of the text.
func (l MessageList) Text() string {
	var b strings.Builder
	b.WriteString(named(l.Channel, l.ChannelID) + linked(l.Messages) + "\n")
	for _, m := range l.Messages {
		b.WriteString(m.line() + "\n")
	}
	return ending(&b, len(l.Messages), "messages", l.Next, l.Note)
}

// linked says what the link of each message of a channel is, or the link of a
// thread.
func linked(all []Message) string {
	if len(all) == 0 {
		return ""
	}
	if first, last := all[0], all[len(all)-1]; last.ThreadTS != "" && first.Permalink != "" && first.TS == last.ThreadTS {
		return ", link: " + first.Permalink
	}
	for _, m := range all {
		if before, ok := strings.CutSuffix(m.Permalink, strings.Replace(m.TS, ".", "", 1)); ok {
			return ", links: " + before + "[ts without its dot]"
		}
	}
	return ""
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
	query := []any{"read_channel", in.Channel, in.Since, in.Until, in.Joins}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return MessageList{}, err
	}
	oldest, latest, err := s.span(ctx, c, in.Since, in.Until)
	if err != nil {
		return MessageList{}, err
	}
	at, err := s.readable(ctx, c, in.Channel)
	if err != nil {
		return MessageList{}, err
	}
	asked := s.historyPage(c, in.Limit+from.Skip)
	var got messagePage
	err = call(ctx, c, "conversations.history", url.Values{
		"channel": {at.id}, "oldest": {oldest}, "latest": {latest}, "limit": {strconv.Itoa(asked)}, "cursor": {from.Cursor},
	}, true, &got)
	if err != nil {
		return MessageList{}, s.stale(c, in.Channel, s.throttled(c, err))
	}
	at = s.titled(ctx, c, at)
	out := MessageList{ChannelID: at.id, Channel: at.shown()}
	all := s.reader(ctx, c, at, in.Format).all(got.Messages[:min(len(got.Messages), maxHistory)], in.Joins)
	out.Messages, out.Next = tools.Page(query, from, all, in.Limit, got.Metadata.Next)
	out.Note = short(len(got.Messages), in.Limit, got.Metadata.Next)
	return out, nil
}

// short says why a page is shorter than what was asked for.
func short(got, wanted int, next string) string {
	if next == "" || got >= wanted {
		return ""
	}
	return fmt.Sprintf("Slack gave %d of the %d asked for; next_cursor goes on.", got, wanted)
}

// readThread reads one page, oldest first. Slack repeats the first message on
// every page; here it stands on the first page only.
func (s *service) readThread(ctx context.Context, c *upstream.Client, in readThreadIn) (MessageList, error) {
	query := []any{"read_thread", in.Channel, in.ThreadTS, in.Since, in.Until}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return MessageList{}, err
	}
	oldest, latest, err := s.span(ctx, c, in.Since, in.Until)
	if err != nil {
		return MessageList{}, err
	}
	at, err := s.message(ctx, c, "thread_ts", in.Channel, in.ThreadTS, true)
	if err != nil {
		return MessageList{}, err
	}
	thread := at.ts
	if at.thread != "" {
		thread = at.thread
	}
	asked := s.historyPage(c, in.Limit+from.Skip)
	var got messagePage
	err = call(ctx, c, "conversations.replies", url.Values{
		"channel": {at.id}, "ts": {thread}, "oldest": {oldest}, "latest": {latest}, "limit": {strconv.Itoa(asked)}, "cursor": {from.Cursor},
	}, true, &got)
	if err != nil {
		return MessageList{}, s.stale(c, in.Channel, s.throttled(c, err))
	}
	if from.Cursor != "" && len(got.Messages) > 0 && got.Messages[0].TS == thread {
		got.Messages = got.Messages[1:]
	}
	at.place = s.titled(ctx, c, at.place)
	out := MessageList{ChannelID: at.id, Channel: at.shown()}
	all := s.reader(ctx, c, at.place, in.Format).all(got.Messages[:min(len(got.Messages), maxHistory+1)], false)
	room := in.Limit // the first message of the thread does not count
	if from.Cursor == "" && from.Skip == 0 {
		room++
	}
	out.Messages, out.Next = tools.Page(query, from, all, room, got.Metadata.Next)
	out.Note = short(len(got.Messages), in.Limit, got.Metadata.Next)
	return out, nil
}

type getMessageIn struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Context int    `json:"context"`
}

// OneMessage is a message in full, and those before it, the oldest first.
type OneMessage struct {
	ChannelID string    `json:"channel_id"`
	Channel   string    `json:"channel"`
	Message   Message   `json:"message"`
	Before    []Message `json:"before,omitempty"`
}

// Text is one line a message.
func (o OneMessage) Text() string {
	var b strings.Builder
	b.WriteString(named(o.Channel, o.ChannelID) + "\n")
	for _, m := range o.Before {
		b.WriteString("before: " + m.line() + "\n")
	}
	b.WriteString(o.Message.line())
	if o.Message.Permalink != "" {
		b.WriteString("\n" + o.Message.Permalink)
	}
	return b.String()
}

// getMessage gets one message. A ts alone does not tell whether it is a reply,
// which stands in no channel's history: that is asked for second. The messages
// before a reply are those of its thread.
func (s *service) getMessage(ctx context.Context, c *upstream.Client, in getMessageIn) (OneMessage, error) {
	at, err := s.message(ctx, c, "ts", in.Channel, in.TS, true)
	if err != nil {
		return OneMessage{}, err
	}
	var found *wireMessage
	var before []wireMessage
	if at.thread == "" || at.thread == at.ts {
		if found, before, err = s.inHistory(ctx, c, at, in.Context); err != nil {
			return OneMessage{}, s.stale(c, in.Channel, s.throttled(c, err))
		}
	}
	if found == nil {
		if found, before, err = s.inThread(ctx, c, at, in.Context); err != nil {
			return OneMessage{}, s.stale(c, in.Channel, s.throttled(c, err))
		}
	}
	at.place = s.titled(ctx, c, at.place)
	r := s.reader(ctx, c, at.place, detailed)
	out := OneMessage{ChannelID: at.id, Channel: at.shown(), Message: r.one(*found)}
	r.format, r.most = "", maxConcise
	out.Before = r.all(before, false)
	return out, nil
}

func (s *service) inHistory(ctx context.Context, c *upstream.Client, at message, n int) (found *wireMessage, before []wireMessage, err error) {
	var got messagePage
	err = call(ctx, c, "conversations.history", url.Values{"channel": {at.id}, "latest": {at.ts}, "inclusive": {"true"}, "limit": {strconv.Itoa(n + 1)}}, true, &got)
	if err != nil || len(got.Messages) == 0 || got.Messages[0].TS != at.ts {
		return nil, nil, err
	}
	for _, m := range got.Messages[1:min(len(got.Messages), n+1)] {
		before = append([]wireMessage{m}, before...)
	}
	return &got.Messages[0], before, nil
}

// inThread finds a reply. Slack takes the ts of a reply for that of its thread
// where it does not know better.
func (s *service) inThread(ctx context.Context, c *upstream.Client, at message, n int) (found *wireMessage, before []wireMessage, err error) {
	thread := at.thread
	if thread == "" {
		thread = at.ts
	}
	fields := url.Values{"channel": {at.id}, "ts": {thread}, "latest": {at.ts}, "inclusive": {"true"}, "limit": {strconv.Itoa(s.historyPage(c, maxHistory))}}
	if n == 0 || at.thread == "" {
		fields.Set("oldest", at.ts)
		fields.Set("limit", "2")
	}
	var got messagePage
	if err := call(ctx, c, "conversations.replies", fields, true, &got); err != nil {
		return nil, nil, err
	}
	for i := range got.Messages {
		switch m := &got.Messages[i]; {
		case m.TS != at.ts:
		case at.thread == "" && n > 0 && m.ThreadTS != at.ts && tsForm.MatchString(m.ThreadTS):
			at.thread = m.ThreadTS
			return s.inThread(ctx, c, at, n)
		default:
			return m, got.Messages[max(0, i-n):i], nil
		}
	}
	if n > 0 && at.thread != "" { // too far down the thread for one page: without what is before it, then
		return s.inThread(ctx, c, at, 0)
	}
	return nil, nil, fault.New(fault.NotFound, "There is no message with ts %s in %s. Take the ts from slack_read_channel or slack_read_thread.", at.ts, at.shown())
}
