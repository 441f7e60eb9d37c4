package sandbox

import (
	"fmt"
	"strings"
)

// snapshot is what the people of the workspace see of it.
func (w *slackWorkspace) snapshot() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]string{}
	for _, ch := range w.channels {
		all["channel "+ch.id] = fmt.Sprintf("#%s topic %q purpose %q private %v archived %v", ch.name, ch.topic, ch.purpose, ch.private, ch.archived)
		for _, id := range ch.members {
			all["member "+ch.id+" "+id] = "is in it"
		}
		for id, ts := range ch.read {
			all["read "+ch.id+" "+id] = ts
		}
		for _, m := range ch.messages {
			key := ch.id + " " + m.ts
			all["message "+key] = fmt.Sprintf("%s: %q thread %s broadcast %v files %s", m.user, m.text, m.thread, m.broadcast, strings.Join(m.files, " "))
			for _, r := range m.reactions {
				for _, id := range r.users {
					all["reaction "+key+" "+r.name+" "+id] = "is there"
				}
			}
		}
	}
	for _, p := range w.planned {
		all[fmt.Sprintf("scheduled %d", p.id)] = fmt.Sprintf("%s at %d: %q thread %s", p.channel, p.at, p.text, p.thread)
	}
	for _, f := range w.files {
		if f.shared {
			all["file "+f.id] = fmt.Sprintf("%s %q in %s: %s", f.name, f.title, strings.Join(f.channels, " "), f.content())
		}
	}
	for _, g := range w.groups {
		all["usergroup "+g.id] = fmt.Sprintf("@%s %q %q disabled %v", g.handle, g.name, g.description, g.disabled)
		for _, id := range g.users {
			all["usergroup member "+g.id+" "+id] = "is in it"
		}
	}
	return all
}
