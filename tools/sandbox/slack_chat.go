package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slackPlanned is a message that is to be posted later.
type slackPlanned struct {
	id      int64
	channel string
	text    string
	thread  string
	at      int64
}

func (w *slackWorkspace) postMessage(c *slackCall) answer {
	text := c.form.Get("markdown_text")
	switch {
	case c.form.Get("channel") == "":
		return slackError("channel_not_found")
	case text != "" && (c.form.Has("text") || c.form.Has("blocks")):
		return slackError("markdown_text_conflict")
	case len([]rune(text)) > 12_000:
		return slackError("msg_too_long")
	}
	if text == "" {
		text = c.form.Get("text")
	}
	if strings.TrimSpace(text) == "" {
		return slackError("no_text")
	}
	ch := w.visible(c, c.form.Get("channel"))
	if p := w.person(c.form.Get("channel")); p != nil {
		ch = w.direct(c, p, true)
	}
	switch {
	case ch == nil:
		return slackError("channel_not_found")
	case ch.archived:
		return slackError("is_archived")
	case !ch.has(c.token.user) && !c.token.has("chat:write.public"):
		return slackError("not_in_channel")
	}
	m := &slackMessage{user: c.token.user, text: text, thread: c.form.Get("thread_ts"), broadcast: c.form.Get("reply_broadcast") == "true", app: c.token.user == slackBotUser}
	if m.thread != "" && !slices.ContainsFunc(ch.messages, func(o *slackMessage) bool { return o.ts == m.thread }) {
		return slackError("cannot_reply_to_message")
	}
	m.ts = w.nextTS()
	ch.messages = append(ch.messages, m)
	return answer{"channel": ch.id, "ts": m.ts, "message": w.wire(ch, m)}
}

// nextTS is the time, made unique and rising.
func (w *slackWorkspace) nextTS() string {
	t := w.now().Truncate(time.Microsecond)
	if !t.After(w.last) {
		t = w.last.Add(time.Microsecond)
	}
	w.last = t
	return fmt.Sprintf("%010d.%06d", t.Unix(), t.Nanosecond()/1000)
}

func (w *slackWorkspace) getPermalink(c *slackCall) answer {
	ch := w.visible(c, c.form.Get("channel"))
	if ch == nil {
		return slackError("channel_not_found")
	}
	ts := c.form.Get("message_ts")
	if !slices.ContainsFunc(ch.messages, func(m *slackMessage) bool { return m.ts == ts }) {
		return slackError("message_not_found")
	}
	return answer{"channel": ch.id, "permalink": slackURL + "archives/" + ch.id + "/p" + strings.ReplaceAll(ts, ".", "")}
}

// own finds a message that the caller wrote, by channel and ts.
func (w *slackWorkspace) own(c *slackCall, otherwise string) (*slackChannel, *slackMessage, answer) {
	ch := w.visible(c, c.form.Get("channel"))
	if ch == nil || strings.HasPrefix(c.form.Get("channel"), "#") {
		return nil, nil, slackError("channel_not_found")
	}
	m := ch.message(c.form.Get("ts"))
	switch {
	case m == nil:
		return nil, nil, slackError("message_not_found")
	case m.user != c.token.user:
		return nil, nil, slackError(otherwise)
	}
	return ch, m, nil
}

func (ch *slackChannel) message(ts string) *slackMessage {
	for _, m := range ch.messages {
		if m.ts == ts {
			return m
		}
	}
	return nil
}

func (w *slackWorkspace) chatUpdate(c *slackCall) answer {
	ch, m, bad := w.own(c, "cant_update_message")
	if bad != nil {
		return bad
	}
	text := c.form.Get("markdown_text")
	switch {
	case strings.TrimSpace(text) == "":
		return slackError("no_text")
	case len([]rune(text)) > 12_000:
		return slackError("msg_too_long")
	}
	m.text, m.edited = text, true
	return answer{"channel": ch.id, "ts": m.ts, "text": m.text, "message": w.wire(ch, m)}
}

func (w *slackWorkspace) chatDelete(c *slackCall) answer {
	ch, m, bad := w.own(c, "cant_delete_message")
	if bad != nil {
		return bad
	}
	ch.messages = slices.DeleteFunc(ch.messages, func(o *slackMessage) bool { return o == m })
	return answer{"channel": ch.id, "ts": m.ts}
}

// scheduleMessage answers with an id that begins with Q, and lists it as a
// number, as the description does.
func (w *slackWorkspace) scheduleMessage(c *slackCall) answer {
	ch := w.visible(c, c.form.Get("channel"))
	at, err := strconv.ParseInt(c.form.Get("post_at"), 10, 64)
	text := c.form.Get("markdown_text")
	switch {
	case ch == nil:
		return slackError("channel_not_found")
	case err != nil:
		return slackError("invalid_time")
	case at <= w.now().Unix():
		return slackError("time_in_past")
	case at > w.now().Add(120*24*time.Hour).Unix():
		return slackError("time_too_far")
	case strings.TrimSpace(text) == "":
		return slackError("no_text")
	case ch.archived:
		return slackError("is_archived")
	case !ch.has(c.token.user):
		return slackError("not_in_channel")
	}
	w.made++
	p := &slackPlanned{id: 7010000001 + int64(w.made), channel: ch.id, text: text, thread: c.form.Get("thread_ts"), at: at}
	w.planned = append(w.planned, p)
	return answer{
		"channel": ch.id, "scheduled_message_id": fmt.Sprintf("Q%d", p.id), "post_at": strconv.FormatInt(at, 10),
		"message": answerOf("text", text, "bot_id", slackBotID, "type", "delayed_message", "subtype", "bot_message"),
	}
}

func (w *slackWorkspace) scheduledList(c *slackCall) answer {
	var fit []*slackPlanned
	for _, p := range w.planned {
		if id := c.form.Get("channel"); id == "" || id == p.channel {
			fit = append(fit, p)
		}
	}
	slices.SortStableFunc(fit, func(a, b *slackPlanned) int { return int(a.at - b.at) })
	from, to, next, bad := slackPage(c, "planned", len(fit), 100, 1000)
	if bad != "" {
		return slackError(bad)
	}
	list := []answer{}
	for _, p := range fit[from:to] {
		list = append(list, answer{"id": p.id, "channel_id": p.channel, "post_at": p.at, "date_created": w.now().Unix(), "text": p.text})
	}
	return answer{"scheduled_messages": list, "response_metadata": answerOf("next_cursor", next)}
}

func (w *slackWorkspace) deleteScheduled(c *slackCall) answer {
	for i, p := range w.planned {
		if fmt.Sprintf("Q%d", p.id) == c.form.Get("scheduled_message_id") && p.channel == c.form.Get("channel") {
			w.planned = slices.Delete(w.planned, i, i+1)
			return answer{}
		}
	}
	return slackError("invalid_scheduled_message_id")
}
