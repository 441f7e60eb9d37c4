package sandbox

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/sandbox/double"
)

func (w *slackWorkspace) authTest(c *slackCall) answer {
	a := answer{"url": slackURL, "team": slackTeamName, "user": w.person(c.token.user).handle, "team_id": slackTeam, "user_id": c.token.user, "is_enterprise_install": false}
	if c.token.user == slackBotUser {
		a["bot_id"] = slackBotID
	}
	return a
}

// kindOf is the channel's type and the family of scopes that open it.
func (ch *slackChannel) kindOf() (kind, family string) {
	switch {
	case ch.im:
		return "im", "im"
	case ch.mpim:
		return "mpim", "mpim"
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
		case !slices.Contains(kinds, kind), own && !ch.has(c.token.user), kind != "public_channel" && !ch.has(c.token.user):
		case ch.archived && c.form.Get("exclude_archived") == "true":
		default:
			list = append(list, ch.wire(c.token.user, !own))
		}
	}
	return answer{"channels": list, "response_metadata": answerOf("next_cursor", next)}
}

// wire is the channel as somebody sees it; member adds what only a list of all
// channels tells.
func (ch *slackChannel) wire(user string, member bool) answer {
	if ch.im {
		return answer{"id": ch.id, "created": ch.created, "is_im": true, "is_org_shared": false, "user": ch.user, "is_user_deleted": false, "priority": 0}
	}
	a := answer{
		"id": ch.id, "name": ch.name, "name_normalized": ch.name, "is_channel": !ch.private && !ch.mpim, "is_group": ch.private, "is_im": false, "is_mpim": ch.mpim,
		"is_private": ch.private || ch.mpim, "is_archived": ch.archived, "is_general": ch.name == "general", "created": ch.created, "updated": ch.updated, "creator": ch.creator,
		"topic":   answer{"value": ch.topic, "creator": ch.creator, "last_set": ch.created},
		"purpose": answer{"value": ch.purpose, "creator": ch.creator, "last_set": ch.created}, "previous_names": []string{},
	}
	if member {
		a["is_member"], a["num_members"] = ch.has(user), len(ch.members)
	}
	return a
}

// visible finds a channel that the caller may see; a private one that it is not
// in is as if it did not exist.
func (w *slackWorkspace) visible(c *slackCall, id string) *slackChannel {
	for _, ch := range w.channels {
		if (ch.id == id || !ch.im && "#"+ch.name == id) && (ch.has(c.token.user) || !ch.private && !ch.im && !ch.mpim) {
			return ch
		}
	}
	return nil
}

// named is visible for a method that takes ids only, and wants a scope of the
// channel's family.
func (w *slackWorkspace) named(c *slackCall, what string) (*slackChannel, answer) {
	ch := w.visible(c, c.form.Get("channel"))
	if ch == nil || strings.HasPrefix(c.form.Get("channel"), "#") {
		return nil, slackError("channel_not_found")
	}
	if _, f := ch.kindOf(); !c.token.has(f+":"+what) && !(what == "write" && f == "channels" && c.token.has("channels:manage")) {
		return nil, c.token.missing(f + ":" + what)
	}
	return ch, nil
}

func (w *slackWorkspace) conversationsInfo(c *slackCall) answer {
	ch, bad := w.named(c, "read")
	if bad != nil {
		return bad
	}
	a := ch.wire(c.token.user, true)
	if ch.has(c.token.user) {
		a["last_read"] = "0000000000.000000"
		if ts := ch.read[c.token.user]; ts != "" {
			a["last_read"] = ts
		}
	}
	return answer{"channel": a}
}

func (w *slackWorkspace) conversationsMembers(c *slackCall) answer {
	ch, bad := w.named(c, "read")
	if bad != nil {
		return bad
	}
	from, to, next, wrong := slackPage(c, "member", len(ch.members), 100, 1000)
	if wrong != "" {
		return slackError(wrong)
	}
	return answer{"members": ch.members[from:to], "response_metadata": answerOf("next_cursor", next)}
}

// conversationsOpen opens direct messages with one person, or a group with
// several.
func (w *slackWorkspace) conversationsOpen(c *slackCall) answer {
	ids := double.Words(c.form.Get("users"))
	if len(ids) == 0 || len(ids) > 8 {
		return slackError(map[bool]string{true: "users_list_not_supplied", false: "too_many_users"}[len(ids) == 0])
	}
	for _, id := range ids {
		if w.person(id) == nil {
			return slackError("user_not_found")
		}
	}
	create := c.form.Get("prevent_creation") != "true"
	if len(ids) > 1 && !c.token.has("mpim:write") {
		return c.token.missing("mpim:write")
	}
	before := len(w.channels)
	var ch *slackChannel
	if len(ids) > 1 {
		ch = w.group(c, ids)
	} else {
		ch = w.direct(c, w.person(ids[0]), create)
	}
	if ch == nil {
		return slackError("channel_not_found")
	}
	if len(w.channels) == before {
		return answer{"channel": answerOf("id", ch.id), "no_op": true, "already_open": true}
	}
	return answer{"channel": answerOf("id", ch.id)}
}

// direct is the conversation between the caller and a person.
func (w *slackWorkspace) direct(c *slackCall, p *slackPerson, create bool) *slackChannel {
	for _, ch := range w.channels {
		if ch.im && ch.has(c.token.user) && ch.has(p.id) {
			return ch
		}
	}
	if !create {
		return nil
	}
	ch := &slackChannel{id: "D07" + strings.ToUpper(double.Fake("dm "+p.id, 8)), im: true, user: p.id, members: []string{c.token.user, p.id}, created: w.now().Unix()}
	w.channels = append(w.channels, ch)
	return ch
}

// group is the conversation of the caller and several people.
func (w *slackWorkspace) group(c *slackCall, ids []string) *slackChannel {
	all := append([]string{c.token.user}, ids...)
	slices.Sort(all)
	all = slices.Compact(all)
	for _, ch := range w.channels {
		if ch.mpim && slices.Equal(ch.members, all) {
			return ch
		}
	}
	name := "mpdm"
	for _, id := range all {
		name += "-" + w.person(id).handle + "-"
	}
	ch := &slackChannel{id: w.next("C", "group"), name: name + "1", mpim: true, members: all, created: w.now().Unix(), creator: c.token.user}
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
	if parent.thread != "" && parent.thread != parent.ts { // of a reply: itself
		return answer{"messages": []answer{w.wire(ch, parent)}, "has_more": false, "response_metadata": answerOf("next_cursor", "")}
	}
	a := w.messages(c, ch, replies)
	if list, ok := a["messages"].([]answer); ok { // the parent comes first on every page
		a["messages"] = append([]answer{w.wire(ch, parent)}, list...)
	}
	return a
}

func (w *slackWorkspace) readable(c *slackCall) (*slackChannel, answer) {
	ch, bad := w.named(c, "history")
	if bad != nil {
		return nil, bad
	}
	if !ch.has(c.token.user) {
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
	if m.edited {
		a["edited"] = answerOf("user", m.user, "ts", m.ts)
	}
	var files []answer
	for _, f := range w.files {
		if slices.Contains(m.files, f.id) {
			files = append(files, f.wire(""))
		}
	}
	if files != nil {
		a["files"] = files
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
