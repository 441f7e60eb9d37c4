package sandbox

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (w *slackWorkspace) authTest(*slackCall) answer {
	return answer{"url": slackURL, "team": slackTeamName, "user": "toolvault", "team_id": slackTeam, "user_id": slackBotUser, "bot_id": slackBotID, "is_enterprise_install": false}
}

// kindOf is the channel's type and the family of scopes that open it.
func (ch *slackChannel) kindOf() (kind, family string) {
	switch {
	case ch.im:
		return "im", "im"
	case ch.private:
		return "private_channel", "groups"
	}
	return "public_channel", "channels"
}

func (ch *slackChannel) has(user string) bool { return slices.Contains(ch.members, user) }

func (w *slackWorkspace) conversationsList(c *slackCall) answer { return w.conversations(c, false) }

func (w *slackWorkspace) usersConversations(c *slackCall) answer { return w.conversations(c, true) }

// conversations pages first and filters the page afterwards, as Slack does: a
// page may be short and still have a next one.
func (w *slackWorkspace) conversations(c *slackCall, own bool) answer {
	kinds := strings.Split(c.form.Get("types"), ",")
	if c.form.Get("types") == "" {
		kinds = []string{"public_channel"}
	}
	families := map[string]string{"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
	for _, k := range kinds {
		f, ok := families[k]
		if !ok {
			return slackError("invalid_types")
		}
		if !c.token.has(f + ":read") {
			return c.token.missing(f + ":read")
		}
	}
	from, to, next, bad := slackPage(c, "chan", len(w.channels), 100, 1000)
	if bad != "" {
		return slackError(bad)
	}
	list := []answer{}
	for _, ch := range w.channels[from:to] {
		kind, _ := ch.kindOf()
		switch {
		case !slices.Contains(kinds, kind), own && !ch.has(slackBotUser), kind != "public_channel" && !ch.has(slackBotUser):
		case ch.archived && c.form.Get("exclude_archived") == "true":
		default:
			list = append(list, ch.wire(!own))
		}
	}
	return answer{"channels": list, "response_metadata": answerOf("next_cursor", next)}
}

func (ch *slackChannel) wire(member bool) answer {
	if ch.im {
		return answer{"id": ch.id, "created": ch.created, "is_im": true, "is_org_shared": false, "user": ch.user, "is_user_deleted": false, "priority": 0}
	}
	a := answer{
		"id": ch.id, "name": ch.name, "name_normalized": ch.name, "is_channel": !ch.private, "is_group": ch.private, "is_im": false, "is_mpim": false,
		"is_private": ch.private, "is_archived": ch.archived, "is_general": ch.name == "general", "created": ch.created, "updated": ch.updated, "creator": "U07MARTAKLN",
		"topic":   answer{"value": ch.topic, "creator": "U07MARTAKLN", "last_set": ch.created},
		"purpose": answer{"value": "", "creator": "", "last_set": 0}, "previous_names": []string{},
	}
	if member {
		a["is_member"], a["num_members"] = ch.has(slackBotUser), len(ch.members)
	}
	return a
}

// visible finds a channel that the app may see; a private one that it is not in
// is as if it did not exist.
func (w *slackWorkspace) visible(id string) *slackChannel {
	for _, ch := range w.channels {
		if (ch.id == id || !ch.im && "#"+ch.name == id) && (ch.has(slackBotUser) || !ch.private && !ch.im) {
			return ch
		}
	}
	return nil
}

func (w *slackWorkspace) conversationsInfo(c *slackCall) answer {
	ch := w.visible(c.form.Get("channel"))
	if ch == nil {
		return slackError("channel_not_found")
	}
	if _, f := ch.kindOf(); !c.token.has(f + ":read") {
		return c.token.missing(f + ":read")
	}
	return answer{"channel": ch.wire(true)}
}

func (w *slackWorkspace) conversationsOpen(c *slackCall) answer {
	p := w.person(c.form.Get("users"))
	if p == nil {
		return slackError("user_not_found")
	}
	ch := w.direct(p, c.form.Get("prevent_creation") != "true")
	if ch == nil {
		return slackError("channel_not_found")
	}
	return answer{"channel": answerOf("id", ch.id)}
}

// direct is the conversation between the app and a person.
func (w *slackWorkspace) direct(p *slackPerson, create bool) *slackChannel {
	for _, ch := range w.channels {
		if ch.im && ch.user == p.id {
			return ch
		}
	}
	if !create {
		return nil
	}
	ch := &slackChannel{id: "D07" + strings.ToUpper(fake("dm "+p.id, 8)), im: true, user: p.id, members: []string{slackBotUser, p.id}, created: w.now().Unix()}
	w.channels = append(w.channels, ch)
	return ch
}

func (w *slackWorkspace) conversationsHistory(c *slackCall) answer {
	ch, bad := w.readable(c)
	if bad != nil {
		return bad
	}
	var all []*slackMessage
	for _, m := range slices.Backward(ch.messages) {
		if m.thread == "" || m.thread == m.ts || m.broadcast {
			all = append(all, m)
		}
	}
	return w.messages(c, ch, all)
}

func (w *slackWorkspace) conversationsReplies(c *slackCall) answer {
	ch, bad := w.readable(c)
	if bad != nil {
		return bad
	}
	ts := c.form.Get("ts")
	var parent *slackMessage
	var replies []*slackMessage
	for _, m := range ch.messages {
		switch {
		case m.ts == ts:
			parent = m
		case m.thread == ts:
			replies = append(replies, m)
		}
	}
	if parent == nil {
		return slackError("thread_not_found")
	}
	a := w.messages(c, ch, replies)
	if list, ok := a["messages"].([]answer); ok { // the parent comes first on every page
		a["messages"] = append([]answer{w.wire(ch, parent)}, list...)
	}
	return a
}

func (w *slackWorkspace) readable(c *slackCall) (*slackChannel, answer) {
	ch := w.visible(c.form.Get("channel"))
	if ch == nil || strings.HasPrefix(c.form.Get("channel"), "#") {
		return nil, slackError("channel_not_found")
	}
	if _, f := ch.kindOf(); !c.token.has(f + ":history") {
		return nil, c.token.missing(f + ":history")
	}
	if !ch.has(slackBotUser) {
		return nil, slackError("not_in_channel")
	}
	return ch, nil
}

// messages pages a list that is in the order of the answer.
func (w *slackWorkspace) messages(c *slackCall, ch *slackChannel, all []*slackMessage) answer {
	oldest, latest := c.form.Get("oldest"), c.form.Get("latest")
	inclusive := c.form.Get("inclusive") == "true"
	var fit []*slackMessage
	for _, m := range all {
		if oldest != "" && !(m.ts > oldest || inclusive && m.ts == oldest) || latest != "" && !(m.ts < latest || inclusive && m.ts == latest) {
			continue
		}
		fit = append(fit, m)
	}
	from, to, next, bad := slackPage(c, "next_ts", len(fit), 100, 999)
	if bad != "" {
		return slackError(bad)
	}
	list := []answer{}
	for _, m := range fit[from:to] {
		list = append(list, w.wire(ch, m))
	}
	return answer{"messages": list, "has_more": next != "", "pin_count": 0, "response_metadata": answerOf("next_cursor", next)}
}

func (w *slackWorkspace) wire(ch *slackChannel, m *slackMessage) answer {
	a := answer{"type": "message", "user": m.user, "text": m.text, "ts": m.ts}
	if m.subtype != "" {
		a["subtype"] = m.subtype
	}
	if m.app {
		a["bot_id"], a["app_id"] = slackBotID, slackApp
	}
	if m.thread != "" {
		a["thread_ts"] = m.thread
	}
	replies := 0
	for _, o := range ch.messages {
		if o.thread == m.ts && o.ts != m.ts {
			replies++
			a["latest_reply"] = o.ts
		}
	}
	if replies > 0 {
		a["thread_ts"], a["reply_count"] = m.ts, replies
	}
	if len(m.reactions) > 0 {
		list := []answer{}
		for _, r := range m.reactions {
			list = append(list, answer{"name": r.name, "users": r.users, "count": len(r.users)})
		}
		a["reactions"] = list
	}
	return a
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
	ch := w.visible(c.form.Get("channel"))
	if p := w.person(c.form.Get("channel")); p != nil {
		ch = w.direct(p, true)
	}
	switch {
	case ch == nil:
		return slackError("channel_not_found")
	case ch.archived:
		return slackError("is_archived")
	case !ch.has(slackBotUser) && !c.token.has("chat:write.public"):
		return slackError("not_in_channel")
	}
	m := &slackMessage{user: slackBotUser, text: text, thread: c.form.Get("thread_ts"), broadcast: c.form.Get("reply_broadcast") == "true", app: true}
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
	ch := w.visible(c.form.Get("channel"))
	if ch == nil {
		return slackError("channel_not_found")
	}
	ts := c.form.Get("message_ts")
	if !slices.ContainsFunc(ch.messages, func(m *slackMessage) bool { return m.ts == ts }) {
		return slackError("message_not_found")
	}
	return answer{"channel": ch.id, "permalink": slackURL + "archives/" + ch.id + "/p" + strings.ReplaceAll(ts, ".", "")}
}

func (w *slackWorkspace) reactionsAdd(c *slackCall) answer {
	ch := w.visible(c.form.Get("channel"))
	switch name := c.form.Get("name"); {
	case ch == nil:
		return slackError("channel_not_found")
	case !slices.Contains([]string{"thumbsup", "eyes", "white_check_mark", "tada", "+1", "heart"}, strings.Split(name, "::")[0]):
		return slackError("invalid_name")
	default:
		for _, m := range ch.messages {
			if m.ts != c.form.Get("timestamp") {
				continue
			}
			i := slices.IndexFunc(m.reactions, func(r slackReaction) bool { return r.name == name })
			if i < 0 {
				m.reactions = append(m.reactions, slackReaction{name: name})
				i = len(m.reactions) - 1
			}
			if slices.Contains(m.reactions[i].users, slackBotUser) {
				return slackError("already_reacted")
			}
			m.reactions[i].users = append(m.reactions[i].users, slackBotUser)
			return answer{}
		}
		return slackError("message_not_found")
	}
}

// slackPage reads limit and cursor. A cursor is base64 of a mark and an offset.
func slackPage(c *slackCall, mark string, n, standard, most int) (from, to int, next, bad string) {
	limit := standard
	if v := c.form.Get("limit"); v != "" {
		var err error
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > most {
			return 0, 0, "", "invalid_limit"
		}
	}
	if v := c.form.Get("cursor"); v != "" {
		b, err := base64.StdEncoding.DecodeString(v)
		offset, ok := strings.CutPrefix(string(b), mark+":")
		from, err2 := strconv.Atoi(offset)
		if err != nil || err2 != nil || !ok || from < 0 || from > n {
			return 0, 0, "", "invalid_cursor"
		}
		to = min(n, from+limit)
		return from, to, slackCursor(mark, to, n), ""
	}
	to = min(n, limit)
	return 0, to, slackCursor(mark, to, n), ""
}

func slackCursor(mark string, to, n int) string {
	if to >= n {
		return ""
	}
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d", mark, to))
}
