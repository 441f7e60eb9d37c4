package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// seed fills the workspace: the same in every run. The story of the demo has a
// customer, Dana Whitfield of Acme, whose exports to CSV time out.
func (w *slackWorkspace) seed() {
	w.people = []*slackPerson{
		{id: "U07MARTAKLN", handle: "marta", name: "Marta Klein", email: "marta.klein@northwind.example", title: "Head of Support", zone: "Europe/Berlin"},
		{id: "U07JONASBRK", handle: "jonas", name: "Jonas Brekke", email: "jonas.brekke@northwind.example", title: "Support engineer", zone: "Europe/Oslo"},
		{id: "U07PRIYASHR", handle: "priya", name: "Priya Sharma", email: "priya.sharma@northwind.example", title: "Backend engineer", zone: "Asia/Kolkata"},
		{id: "U07TOMOKONM", handle: "tomoko", name: "Tomoko Nomura", email: "tomoko.nomura@northwind.example", title: "Account manager", zone: "Asia/Tokyo"},
		{id: "U07GONEPERS", handle: "leaver", name: "Alex Leaver", email: "alex.leaver@northwind.example", deleted: true},
		{id: slackBotUser, handle: "toolvault", name: "SupportBot", bot: true},
	}
	start := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	all := []string{"U07MARTAKLN", "U07JONASBRK", "U07PRIYASHR", "U07TOMOKONM"}
	w.channels = []*slackChannel{
		{id: "C07GENERAL01", name: "general", topic: "Company-wide announcements", members: append([]string{slackBotUser}, all...)},
		{id: "C07SUPUPD8S1", name: "support-updates", topic: "What support is doing about which customer", members: append([]string{slackBotUser}, all...)},
		{id: "C07RANDOM001", name: "random", topic: "Everything else", members: all},
		{id: "C07INCIDENT1", name: "incident-room", topic: "Incidents, invite only", private: true, members: all[:3]},
		{id: "C07SUPLEADS1", name: "support-leads", topic: "Leads of support", private: true, members: []string{slackBotUser, all[0], all[1]}},
		{id: "C07OLDPROJ01", name: "csv-migration-2025", archived: true, members: append([]string{slackBotUser}, all...)},
	}
	for _, ch := range w.channels {
		ch.created, ch.updated = start.AddDate(-1, 0, 0).Unix(), start.UnixMilli()
	}
	say := func(channel int, minute int, user, text string) *slackMessage {
		t := start.Add(time.Duration(minute) * time.Minute)
		m := &slackMessage{user: user, text: text, ts: fmt.Sprintf("%010d.%06d", t.Unix(), 100+minute)}
		w.channels[channel].messages = append(w.channels[channel].messages, m)
		return m
	}
	say(0, 0, "U07MARTAKLN", "Good morning! All-hands is at <!date^1795600800^{time}|14:00> today.")
	say(0, 5, "U07TOMOKONM", "Acme renews in January, please keep an eye on their tickets.")
	join := say(1, 1, slackBotUser, "<@"+slackBotUser+"> has joined the channel")
	join.subtype = "channel_join"
	say(1, 10, "U07JONASBRK", "Two new tickets overnight, both about exports. <https://status.northwind.example|Status page> is green.")
	parent := say(1, 25, "U07MARTAKLN", "Who looks after Acme? <@U07JONASBRK> Dana Whitfield wrote again: exports &gt; 50k rows time out.")
	parent.reactions = []slackReaction{{"eyes", []string{"U07JONASBRK", "U07PRIYASHR"}}}
	for i, text := range []string{"I do. It is the same as in October, see <#C07INCIDENT1|incident-room>.", "The worker gives up after 30 s. A fix is in review."} {
		say(1, 31+i*9, []string{"U07JONASBRK", "U07PRIYASHR"}[i], text).thread = parent.ts
	}
	say(2, 40, "U07PRIYASHR", "Lunch?")
	say(3, 50, "U07PRIYASHR", "Export workers restarted.")
	say(4, 55, "U07MARTAKLN", "Rota for December is out.")
	w.last = start.Add(time.Hour)
}

func (w *slackWorkspace) person(id string) *slackPerson {
	for _, p := range w.people {
		if p.id == id {
			return p
		}
	}
	return nil
}

func (p *slackPerson) wire(email bool) answer {
	profile := answer{"real_name": p.name, "real_name_normalized": p.name, "display_name": p.handle, "title": p.title, "team": slackTeam}
	if email && p.email != "" {
		profile["email"] = p.email
	}
	return answer{
		"id": p.id, "team_id": slackTeam, "name": p.handle, "deleted": p.deleted, "real_name": p.name, "tz": p.zone,
		"is_bot": p.bot, "is_app_user": false, "updated": 1795000000, "profile": profile,
	}
}

func (w *slackWorkspace) usersList(c *slackCall) answer {
	from, to, next, bad := slackPage(c, "user", len(w.people), 200, 1000)
	if bad != "" {
		return slackError(bad)
	}
	list := []answer{}
	for _, p := range w.people[from:to] {
		list = append(list, p.wire(c.token.has("users:read.email")))
	}
	return answer{"members": list, "cache_ts": 1795000000, "response_metadata": answerOf("next_cursor", next)}
}

func (w *slackWorkspace) usersInfo(c *slackCall) answer {
	p := w.person(c.form.Get("user"))
	if p == nil {
		return slackError("user_not_found")
	}
	return answer{"user": p.wire(c.token.has("users:read.email"))}
}

func (w *slackWorkspace) usersLookup(c *slackCall) answer {
	for _, p := range w.people {
		if p.email != "" && strings.EqualFold(p.email, c.form.Get("email")) && !p.deleted {
			return answer{"user": p.wire(true)}
		}
	}
	return slackError("users_not_found")
}
