package sandbox

import (
	"slices"
	"strings"

	"toolvault/tools/pattern"
	"toolvault/tools/sandbox/double"
)

func (w *slackWorkspace) conversationsJoin(c *slackCall) answer {
	ch := w.visible(c, c.form.Get("channel"))
	switch {
	case ch == nil:
		return slackError("channel_not_found")
	case ch.private || ch.im || ch.mpim:
		return slackError("method_not_supported_for_channel_type")
	case ch.archived:
		return slackError("is_archived")
	case ch.has(c.token.user):
		return answer{"channel": ch.wire(c.token.user, true), "warning": "already_in_channel", "response_metadata": answer{"warnings": []string{"already_in_channel"}}}
	}
	ch.members = append(ch.members, c.token.user)
	return answer{"channel": ch.wire(c.token.user, true)}
}

var (
	slackNameForm = pattern.New(`^[\p{Ll}\p{Lo}\p{Nd}_-]+$`)
	slackTSForm   = pattern.New(`^\d{10}\.\d{6}$`)
)

// freeName is what is wrong with a name for a new channel; "" for nothing.
func (w *slackWorkspace) freeName(name string) string {
	switch {
	case name == "":
		return "invalid_name_required"
	case len([]rune(name)) > 80:
		return "invalid_name_maxlength"
	case !slackNameForm.MatchString(name):
		return "invalid_name_specials"
	case slices.ContainsFunc(w.channels, func(ch *slackChannel) bool { return ch.name == name }):
		return "name_taken"
	}
	return ""
}

func (w *slackWorkspace) conversationsCreate(c *slackCall) answer {
	private := c.form.Get("is_private") == "true"
	switch {
	case private && !c.token.has("groups:write"):
		return c.token.missing("groups:write")
	case !private && !c.token.has("channels:manage") && !c.token.has("channels:write"):
		return c.token.missing("channels:manage")
	}
	if bad := w.freeName(c.form.Get("name")); bad != "" {
		return slackError(bad)
	}
	ch := &slackChannel{
		id: w.next("C", "channel"), name: c.form.Get("name"), private: private, members: []string{c.token.user}, creator: c.token.user,
		created: w.now().Unix(), updated: w.now().UnixMilli(),
	}
	w.channels = append(w.channels, ch)
	return answer{"channel": ch.wire(c.token.user, true)}
}

func (w *slackWorkspace) conversationsInvite(c *slackCall) answer {
	ch := w.visible(c, c.form.Get("channel"))
	ids := double.Words(c.form.Get("users"))
	switch {
	case ch == nil:
		return slackError("channel_not_found")
	case ch.archived:
		return slackError("is_archived")
	case ch.im || ch.mpim:
		return slackError("method_not_supported_for_channel_type")
	case !ch.has(c.token.user):
		return slackError("not_in_channel")
	case len(ids) == 0:
		return slackError("no_user")
	}
	for _, id := range ids {
		switch p := w.person(id); {
		case p == nil, p.deleted:
			return slackError("user_not_found")
		case id == c.token.user:
			return slackError("cant_invite_self")
		case ch.has(id):
			return slackError("already_in_channel")
		}
	}
	ch.members = append(ch.members, ids...)
	return answer{"channel": ch.wire(c.token.user, true)}
}

// changeable finds a channel that the caller may change.
func (w *slackWorkspace) changeable(c *slackCall) (*slackChannel, answer) {
	ch, bad := w.named(c, "write")
	switch {
	case bad != nil:
		return nil, bad
	case !ch.has(c.token.user):
		return nil, slackError("not_in_channel")
	}
	return ch, nil
}

func (w *slackWorkspace) setText(field string) func(*slackCall) answer {
	return func(c *slackCall) answer {
		ch, bad := w.changeable(c)
		text := c.form.Get(field)
		switch {
		case bad != nil:
			return bad
		case ch.archived:
			return slackError("is_archived")
		case len([]rune(text)) > 250:
			return slackError("too_long")
		case field == "topic":
			ch.topic = text
		default:
			ch.purpose = text
		}
		return answer{"channel": ch.wire(c.token.user, true)}
	}
}

func (w *slackWorkspace) conversationsRename(c *slackCall) answer {
	ch, bad := w.changeable(c)
	switch {
	case bad != nil:
		return bad
	case ch.archived:
		return slackError("is_archived")
	}
	if bad := w.freeName(c.form.Get("name")); bad != "" && ch.name != c.form.Get("name") {
		return slackError(bad)
	}
	ch.name = c.form.Get("name")
	return answer{"channel": ch.wire(c.token.user, true)}
}

func (w *slackWorkspace) conversationsArchive(c *slackCall) answer {
	ch, bad := w.changeable(c)
	switch {
	case bad != nil:
		return bad
	case ch.archived:
		return slackError("already_archived")
	case ch.name == "general":
		return slackError("cant_archive_general")
	}
	ch.archived = true
	return answer{}
}

func (w *slackWorkspace) conversationsUnarchive(c *slackCall) answer {
	ch, bad := w.changeable(c)
	switch {
	case bad != nil:
		return bad
	case !ch.archived:
		return slackError("not_archived")
	}
	ch.archived = false
	return answer{}
}

func (w *slackWorkspace) conversationsMark(c *slackCall) answer {
	ch, bad := w.changeable(c)
	switch {
	case bad != nil:
		return bad
	case !slackTSForm.MatchString(c.form.Get("ts")):
		return slackError("invalid_timestamp")
	}
	if ch.read == nil {
		ch.read = map[string]string{}
	}
	ch.read[c.token.user] = c.form.Get("ts")
	return answer{}
}

// reactionTo finds the message of a reaction.
func (w *slackWorkspace) reactionTo(c *slackCall) (*slackMessage, *slackChannel, answer) {
	ch := w.visible(c, c.form.Get("channel"))
	if ch == nil {
		return nil, nil, slackError("channel_not_found")
	}
	m := ch.message(c.form.Get("timestamp"))
	if m == nil {
		return nil, nil, slackError("message_not_found")
	}
	return m, ch, nil
}

func (w *slackWorkspace) reactionsAdd(c *slackCall) answer {
	m, _, bad := w.reactionTo(c)
	name := c.form.Get("name")
	_, custom := w.emoji[name]
	switch {
	case bad != nil:
		return bad
	case !custom && !slices.Contains([]string{"thumbsup", "eyes", "white_check_mark", "tada", "+1", "heart"}, strings.Split(name, "::")[0]):
		return slackError("invalid_name")
	}
	i := slices.IndexFunc(m.reactions, func(r slackReaction) bool { return r.name == name })
	if i < 0 {
		m.reactions = append(m.reactions, slackReaction{name: name})
		i = len(m.reactions) - 1
	}
	if slices.Contains(m.reactions[i].users, c.token.user) {
		return slackError("already_reacted")
	}
	m.reactions[i].users = append(m.reactions[i].users, c.token.user)
	return answer{}
}

func (w *slackWorkspace) reactionsRemove(c *slackCall) answer {
	m, _, bad := w.reactionTo(c)
	if bad != nil {
		return bad
	}
	i := slices.IndexFunc(m.reactions, func(r slackReaction) bool {
		return r.name == c.form.Get("name") && slices.Contains(r.users, c.token.user)
	})
	if i < 0 {
		return slackError("no_reaction")
	}
	r := &m.reactions[i]
	r.users = slices.DeleteFunc(slices.Clone(r.users), func(u string) bool { return u == c.token.user })
	if len(r.users) == 0 {
		m.reactions = slices.Delete(m.reactions, i, i+1)
	}
	return answer{}
}

func (w *slackWorkspace) reactionsGet(c *slackCall) answer {
	m, ch, bad := w.reactionTo(c)
	if bad != nil {
		return bad
	}
	return answer{"type": "message", "channel": ch.id, "message": w.wire(ch, m)}
}

func (w *slackWorkspace) emojiList(*slackCall) answer {
	return answer{"emoji": w.emoji, "cache_ts": "1795000000.000000"}
}
