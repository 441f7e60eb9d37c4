package sandbox

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"time"
)

// seed fills the workspace: the same in every run. The story of the demo has a
// customer, Dana Whitfield of Acme, whose exports to CSV time out.
func (w *slackWorkspace) seed() {
	w.people = []*slackPerson{
		{id: "U07MARTAKLN", handle: "marta", name: "Marta Klein", email: "marta.klein@northwind.example", title: "Head of Support", zone: "Europe/Berlin", phone: "+49 30 5550123", status: "On call until Friday", admin: true},
		{id: "U07JONASBRK", handle: "jonas", name: "Jonas Brekke", email: "jonas.brekke@northwind.example", title: "Support engineer", zone: "Europe/Oslo"},
		{id: "U07PRIYASHR", handle: "priya", name: "Priya Sharma", email: "priya.sharma@northwind.example", title: "Backend engineer", zone: "Asia/Kolkata"},
		{id: "U07TOMOKONM", handle: "tomoko", name: "Tomoko Nomura", email: "tomoko.nomura@northwind.example", title: "Account manager", zone: "Asia/Tokyo"},
		{id: "U07GONEPERS", handle: "leaver", name: "Alex Leaver", email: "alex.leaver@northwind.example", deleted: true},
		{id: slackBotUser, handle: "toolvault", name: "SupportBot", zone: "Europe/Berlin", bot: true},
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
		{id: "C07BOTNOTES1", name: "bot-notes", topic: "What the bot keeps for itself", members: []string{slackBotUser, "U07PRIYASHR"}},
	}
	for _, ch := range w.channels {
		ch.creator, ch.read = "U07MARTAKLN", map[string]string{}
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
	tickets := w.channels[1].messages[1]
	tickets.files = []string{"F07EXPORTS01"}
	say(2, 40, "U07PRIYASHR", "Lunch?")
	say(3, 50, "U07PRIYASHR", "Export workers restarted.")
	say(4, 55, "U07MARTAKLN", "Rota for December is out.")
	note := say(6, 60, slackBotUser, "Export queue: 14 waiting.")
	note.app, note.seeded = true, true
	note.reactions = []slackReaction{{"eyes", []string{slackBotUser}}}
	w.channels[0].read[slackBotUser] = w.channels[0].messages[1].ts
	w.channels[1].read[slackBotUser] = join.ts
	w.last = start.Add(time.Hour + time.Minute)
	w.seedThings(start)
}

// seedThings fills in what is not said: files, a canvas, a user group, emoji and a
// message for later.
func (w *slackWorkspace) seedThings(start time.Time) {
	const support = "C07SUPUPD8S1"
	w.emoji = map[string]string{
		"acme_logo": slackURL + "emoji/acme_logo.png", "party_parrot": slackURL + "emoji/party_parrot.gif", "parrot": "alias:party_parrot", "shipit": "alias:squirrel",
	}
	w.groups = []*slackGroup{
		{id: "S07SUPPORT01", name: "Support crew", handle: "support-crew", description: "Who answers customers", users: []string{"U07MARTAKLN", "U07JONASBRK"}},
		{id: "S07OLDCREW01", name: "Migration 2025", handle: "migration-2025", disabled: true, users: []string{"U07PRIYASHR"}},
	}
	w.planned = []*slackPlanned{{id: 7010000001, channel: support, text: "Who has the rota tomorrow?", at: time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC).Unix()}}
	rows := "ticket,customer,rows,seconds\n"
	for i := range 12 {
		rows += fmt.Sprintf("TCK-10%02d,Acme,%d,%d\n", i+10, 48_000+i*1_500, 24+i)
	}
	at := func(minute int) int64 { return start.Add(time.Duration(minute) * time.Minute).Unix() }
	w.files = []*slackFile{
		{id: "F07EXPORTS01", name: "export-errors.csv", title: "Exports that timed out", mime: "text/csv", kind: "csv", pretty: "CSV", user: "U07JONASBRK", channels: []string{support}, created: at(10), body: []byte(rows)},
		{id: "F07DOTIMAGE1", name: "dot.png", title: "dot.png", mime: "image/png", kind: "png", pretty: "PNG", user: "U07MARTAKLN", channels: []string{support}, created: at(12), body: slackDot()},
		{id: "F07CONTRACT1", name: "acme-contract.pdf", title: "Contract with Acme", mime: "application/pdf", kind: "pdf", pretty: "PDF", user: "U07TOMOKONM", channels: []string{"C07GENERAL01"}, created: at(5), body: []byte("%PDF-1.7\n\x00\x01\x02")},
		{id: "F07LEADSPLN1", name: "staffing.txt", title: "Staffing", mime: "text/plain", kind: "text", pretty: "Plain Text", user: "U07MARTAKLN", channels: []string{"C07INCIDENT1"}, created: at(3), body: []byte("for the incident room only")},
		{
			id: "F07CANVASHB1", name: "Export handbook", title: "Export handbook", mime: slackCanvasMIME, kind: "quip", pretty: "Canvas", user: "U07PRIYASHR", channels: []string{support}, created: at(2),
			sections: w.canvasSections("# Export handbook\n\nExports of more than 50k rows run in the worker.\n\n## When one hangs\n\n- Look at the queue\n- Restart the worker\n\n## Who to call\n\nPriya, then Jonas."),
		},
	}
	for _, f := range w.files {
		f.shared = true
	}
}

// slackDot is a picture of one point.
func slackDot() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))) // to memory, which takes it
	return b.Bytes()
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
	profile := answer{
		"real_name": p.name, "real_name_normalized": p.name, "display_name": p.handle, "title": p.title, "team": slackTeam, "phone": p.phone, "status_text": p.status, "status_emoji": "",
	}
	if email && p.email != "" {
		profile["email"] = p.email
	}
	return answer{
		"id": p.id, "team_id": slackTeam, "name": p.handle, "deleted": p.deleted, "real_name": p.name, "tz": p.zone,
		"is_bot": p.bot, "is_admin": p.admin, "is_restricted": false, "locale": "en-GB", "is_app_user": false, "updated": 1795000000, "profile": profile,
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

func (w *slackWorkspace) usersPresence(c *slackCall) answer {
	if w.person(c.form.Get("user")) == nil {
		return slackError("user_not_found")
	}
	return answer{"presence": "active"}
}

func (w *slackWorkspace) usersLookup(c *slackCall) answer {
	for _, p := range w.people {
		if p.email != "" && strings.EqualFold(p.email, c.form.Get("email")) && !p.deleted {
			return answer{"user": p.wire(true)}
		}
	}
	return slackError("users_not_found")
}
