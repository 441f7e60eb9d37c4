package slack

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) usergroupTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_list_usergroups", s.listUsergroups),
		tools.New("slack_create_usergroup", s.createUsergroup),
		tools.New("slack_update_usergroup", s.updateUsergroup),
	}
}

// usergroup is one as Slack sends it.
type usergroup struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Handle      string   `json:"handle"`
	Description string   `json:"description"`
	Deleted     int64    `json:"date_delete"`
	Users       []string `json:"users"`
}

const maxGroupUsers = 1000

// Usergroup is a group that people can be mentioned by.
type Usergroup struct {
	ID          string   `json:"id"`
	Handle      string   `json:"handle"` // "@support-crew"
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Count       int      `json:"count,omitempty"`
	Users       []string `json:"users,omitempty"`
	Disabled    bool     `json:"disabled,omitempty"`
}

func (g Usergroup) line() string {
	t := g.Handle + " " + upstream.Quote(g.Name) + " (" + g.ID + ")" + fmt.Sprintf(", %d people", g.Count)
	if g.Disabled {
		t += ", disabled"
	}
	if g.Description != "" {
		t += ": " + upstream.Quote(g.Description)
	}
	if len(g.Users) > 0 {
		t += " {" + saidAll(g.Users) + "}"
	}
	return t
}

// Text is one line.
func (g Usergroup) Text() string { return g.line() }

// UsergroupList is a page of groups.
type UsergroupList struct {
	Usergroups []Usergroup `json:"usergroups"`
	Total      int         `json:"total"`
	Next       string      `json:"next_cursor,omitempty"`
}

// Text is one line a group.
func (l UsergroupList) Text() string {
	var b strings.Builder
	for _, g := range l.Usergroups {
		b.WriteString(g.line() + "\n")
	}
	return ending(&b, len(l.Usergroups), "user groups", l.Next, "")
}

type listUsergroupsIn struct {
	Contains string `json:"name_contains"`
	Users    bool   `json:"include_users"`
	Disabled bool   `json:"include_disabled"`
	Limit    int    `json:"limit"`
	Cursor   string `json:"cursor"`
}

// listUsergroups lists groups. Slack answers with all of them at once.
func (s *service) listUsergroups(ctx context.Context, c *upstream.Client, in listUsergroupsIn) (UsergroupList, error) {
	query := listUsergroupsIn{Contains: in.Contains, Users: in.Users, Disabled: in.Disabled}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return UsergroupList{}, err
	}
	all, err := loadGroups(ctx, c)
	if err != nil {
		return UsergroupList{}, err
	}
	s.groups.Keep(c.CredentialKey(), all)
	word := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(in.Contains), "@"))
	var fit []usergroup
	for _, g := range all {
		if (in.Disabled || g.Deleted == 0) && strings.Contains(strings.ToLower(g.Handle+"\n"+g.Name+"\n"+g.Description), word) {
			fit = append(fit, g)
		}
	}
	names := s.names(ctx, c)
	shown := []Usergroup{}
	for i, g := range fit {
		// Only those of this page are worth looking up.
		shown = append(shown, g.shown(names, in.Users && i >= from.Skip && i < from.Skip+in.Limit))
	}
	out := UsergroupList{Total: len(fit)}
	out.Usergroups, out.Next = tools.Page(query, from, shown, in.Limit, "")
	return out, nil
}

func (g usergroup) shown(names *naming, users bool) Usergroup {
	out := Usergroup{
		ID: label(g.ID), Handle: "@" + label(g.Handle), Name: label(g.Name), Description: upstream.Clean(g.Description, 140), Count: len(g.Users), Disabled: g.Deleted != 0,
	}
	if users {
		out.Users = names.shown(g.Users[:min(len(g.Users), 100)])
	}
	return out
}

func loadGroups(ctx context.Context, c *upstream.Client) ([]usergroup, error) {
	var got struct {
		Usergroups []usergroup `json:"usergroups"`
	}
	err := call(ctx, c, "usergroups.list", url.Values{"include_users": {"true"}, "include_disabled": {"true"}, "include_count": {"true"}}, true, &got)
	return got.Usergroups, err
}

// group finds a group by its @handle, name or id.
func (s *service) group(ctx context.Context, c *upstream.Client, word string) (usergroup, error) {
	word = strings.TrimSpace(word)
	all, err := s.groups.Get(c.CredentialKey(), func() ([]usergroup, error) { return loadGroups(ctx, c) })
	if err != nil {
		return usergroup{}, err
	}
	bare, isHandle := strings.CutPrefix(word, "@")
	for _, g := range all {
		if strings.EqualFold(g.Handle, bare) || g.ID == word {
			return g, nil
		}
	}
	var list []names.Named
	for _, g := range all {
		if isHandle {
			list = append(list, names.Named{ID: g.ID, Name: g.Handle})
		} else {
			list = append(list, names.Named{ID: g.ID, Name: g.Name})
		}
	}
	picked, err := names.Pick("user group", bare, list, "slack_list_usergroups")
	if err != nil {
		return usergroup{}, err
	}
	for _, g := range all {
		if g.ID == picked.ID {
			return g, nil
		}
	}
	return usergroup{}, fault.New(fault.NotFound, "There is no user group %s.", upstream.Clean(word, 80))
}

var handleForm = pattern.New(`^[a-z0-9][a-z0-9._-]{0,79}$`)

func groupHandle(word string) (string, error) {
	handle := strings.TrimPrefix(strings.TrimSpace(word), "@")
	if !handleForm.MatchString(handle) {
		return "", fault.New(fault.InvalidArguments, "handle: %q will not do. Use lower case, digits, - and _, such as support-crew.", upstream.Clean(word, 80))
	}
	return handle, nil
}

type createUsergroupIn struct {
	Name        string   `json:"name"`
	Handle      string   `json:"handle"`
	Description string   `json:"description"`
	Users       []string `json:"users"`
}

type usergroupAnswer struct {
	Usergroup usergroup `json:"usergroup"`
}

// createUsergroup makes a group, and puts people in it.
func (s *service) createUsergroup(ctx context.Context, c *upstream.Client, in createUsergroupIn) (Usergroup, error) {
	handle, err := groupHandle(in.Handle)
	if err != nil {
		return Usergroup{}, err
	}
	people, err := s.crew(ctx, c, "users", in.Users)
	if err != nil {
		return Usergroup{}, err
	}
	var got usergroupAnswer
	if err := call(ctx, c, "usergroups.create", url.Values{"name": {in.Name}, "handle": {handle}, "description": {in.Description}}, false, &got); err != nil {
		return Usergroup{}, err
	}
	s.groups.Forget(c.CredentialKey())
	made := got.Usergroup
	if made.ID == "" {
		made = usergroup{Name: in.Name, Handle: handle, Description: in.Description}
		if made, err = s.group(ctx, c, "@"+handle); err != nil {
			return Usergroup{}, fault.New(fault.UpstreamError, "Slack made the user group and did not say which it is. Find it with slack_list_usergroups before making it again.").Because(err)
		}
	}
	if len(people) > 0 {
		if err := setMembers(ctx, c, made.ID, people); err != nil {
			f := *fault.From(err)
			f.Message = fmt.Sprintf("The user group @%s (%s) was made, but nobody was put in it: %s Use slack_update_usergroup.", handle, label(made.ID), f.Message)
			f.NotSent = false
			return Usergroup{}, &f
		}
		made.Users = people
	}
	return made.shown(s.names(ctx, c), true), nil
}

func setMembers(ctx context.Context, c *upstream.Client, id string, people []string) error {
	return call(ctx, c, "usergroups.users.update", url.Values{"usergroup": {id}, "users": {strings.Join(people, ",")}}, false, nil)
}

type updateUsergroupIn struct {
	Usergroup   string   `json:"usergroup"`
	Name        string   `json:"name"`
	Handle      string   `json:"handle"`
	Description string   `json:"description"`
	Add         []string `json:"add"`
	Remove      []string `json:"remove"`
	Disabled    *bool    `json:"disabled"`
}

// updateUsergroup changes what is given. Slack takes the whole list of people
// only, so the one that is there is asked for right before.
func (s *service) updateUsergroup(ctx context.Context, c *upstream.Client, in updateUsergroupIn) (Usergroup, error) {
	if in.Name == "" && in.Handle == "" && in.Description == "" && len(in.Add)+len(in.Remove) == 0 && in.Disabled == nil {
		return Usergroup{}, fault.New(fault.InvalidArguments, "Nothing to change: give name, handle, description, add, remove or disabled.")
	}
	handle := ""
	var err error
	if in.Handle != "" {
		if handle, err = groupHandle(in.Handle); err != nil {
			return Usergroup{}, err
		}
	}
	add, err := s.crew(ctx, c, "add", in.Add)
	if err != nil {
		return Usergroup{}, err
	}
	remove, err := s.crew(ctx, c, "remove", in.Remove)
	if err != nil {
		return Usergroup{}, err
	}
	s.groups.Forget(c.CredentialKey()) // who is in it has to be what is so now
	g, err := s.group(ctx, c, in.Usergroup)
	if err != nil {
		return Usergroup{}, err
	}
	defer s.groups.Forget(c.CredentialKey())
	people := slices.DeleteFunc(slices.Clone(g.Users), func(id string) bool { return slices.Contains(remove, id) })
	for _, id := range add {
		if !slices.Contains(people, id) {
			people = append(people, id)
		}
	}
	switch {
	case len(people) == 0 && len(g.Users) > 0:
		return Usergroup{}, fault.New(fault.InvalidArguments, "That would leave the user group @%s empty, which Slack does not allow. Disable it instead (disabled: true).", label(g.Handle))
	case len(people) > maxGroupUsers:
		return Usergroup{}, fault.New(fault.InvalidArguments, "The user group would have %d people, more than the %d that are sent at once.", len(people), maxGroupUsers)
	}
	var done []string
	step := func(what string, do func() error) error {
		err := do()
		if err == nil {
			done = append(done, what)
			return nil
		}
		f := *fault.From(err)
		if len(done) > 0 {
			f.Message = fmt.Sprintf("Changed %s; the %s was not: %s", strings.Join(done, ", "), what, f.Message)
			f.NotSent = false
		}
		return &f
	}
	toggle := func(method string) func() error {
		return func() error { return call(ctx, c, method, url.Values{"usergroup": {g.ID}}, false, nil) }
	}
	if in.Disabled != nil && !*in.Disabled && g.Deleted != 0 {
		if err := step("state", toggle("usergroups.enable")); err != nil {
			return Usergroup{}, err
		}
		g.Deleted = 0
	}
	if in.Name != "" || handle != "" || in.Description != "" {
		fields := url.Values{"usergroup": {g.ID}, "name": {in.Name}, "handle": {handle}, "description": {in.Description}}
		if err := step("name", func() error { return call(ctx, c, "usergroups.update", fields, false, nil) }); err != nil {
			return Usergroup{}, err
		}
		for _, f := range []struct {
			to   *string
			text string
		}{{&g.Name, in.Name}, {&g.Handle, handle}, {&g.Description, in.Description}} {
			if f.text != "" {
				*f.to = f.text
			}
		}
	}
	if !slices.Equal(people, g.Users) {
		if err := step("people", func() error { return setMembers(ctx, c, g.ID, people) }); err != nil {
			return Usergroup{}, err
		}
		g.Users = people
	}
	if in.Disabled != nil && *in.Disabled && g.Deleted == 0 {
		if err := step("state", toggle("usergroups.disable")); err != nil {
			return Usergroup{}, err
		}
		g.Deleted = 1
	}
	return g.shown(s.names(ctx, c), true), nil
}
