package sandbox

import (
	"encoding/json"
	"slices"

	"toolvault/tools/sandbox/double"
)

// slackGroup is a user group.
type slackGroup struct {
	id, name, handle, description string
	disabled                      bool
	users                         []string
}

func (g *slackGroup) wire() answer {
	deleted := 0
	if g.disabled {
		deleted = 1795500000
	}
	return answer{
		"id": g.id, "team_id": slackTeam, "is_usergroup": true, "name": g.name, "handle": g.handle, "description": g.description, "is_external": false,
		"date_create": 1795000000, "date_update": 1795000000, "date_delete": deleted, "created_by": slackPersonID, "updated_by": slackPersonID,
		"prefs": answer{"channels": []string{}, "groups": []string{}}, "users": append([]string{}, g.users...), "user_count": len(g.users),
	}
}

func (w *slackWorkspace) groupsList(c *slackCall) answer {
	list := []answer{}
	for _, g := range w.groups {
		if !g.disabled || c.form.Get("include_disabled") == "true" {
			a := g.wire()
			if c.form.Get("include_users") != "true" {
				delete(a, "users")
			}
			list = append(list, a)
		}
	}
	return answer{"usergroups": list}
}

func (w *slackWorkspace) usergroup(c *slackCall) *slackGroup {
	for _, g := range w.groups {
		if g.id == c.form.Get("usergroup") {
			return g
		}
	}
	return nil
}

func (w *slackWorkspace) groupsCreate(c *slackCall) answer {
	name, handle := c.form.Get("name"), c.form.Get("handle")
	for _, g := range w.groups {
		switch {
		case g.name == name:
			return slackError("name_already_exists")
		case g.handle == handle:
			return slackError("handle_already_exists")
		}
	}
	g := &slackGroup{id: w.next("S", "usergroup"), name: name, handle: handle, description: c.form.Get("description")}
	w.groups = append(w.groups, g)
	return answer{"usergroup": g.wire()}
}

func (w *slackWorkspace) groupsUpdate(c *slackCall) answer {
	g := w.usergroup(c)
	if g == nil {
		return slackError("no_such_subteam")
	}
	for field, to := range map[string]*string{"name": &g.name, "handle": &g.handle, "description": &g.description} {
		if c.form.Has(field) {
			*to = c.form.Get(field)
		}
	}
	return answer{"usergroup": g.wire()}
}

func (w *slackWorkspace) groupsToggle(disabled bool) func(*slackCall) answer {
	return func(c *slackCall) answer {
		g := w.usergroup(c)
		if g == nil {
			return slackError("no_such_subteam")
		}
		g.disabled = disabled
		return answer{"usergroup": g.wire()}
	}
}

// groupsUsers replaces the people of a group, given with commas or as a list.
func (w *slackWorkspace) groupsUsers(c *slackCall) answer {
	g := w.usergroup(c)
	if g == nil {
		return slackError("no_such_subteam")
	}
	var ids []string
	if text := c.form.Get("users"); json.Unmarshal([]byte(text), &ids) != nil {
		ids = double.Words(text)
	}
	if len(ids) == 0 {
		return slackError("no_users_provided")
	}
	if slices.ContainsFunc(ids, func(id string) bool { return w.person(id) == nil }) {
		return slackError("invalid_users")
	}
	g.users = ids
	return answer{"usergroup": g.wire()}
}
