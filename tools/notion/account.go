package notion

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

func (s *service) accountTools() []tools.Tool {
	return []tools.Tool{
		tools.New("notion_whoami", s.whoami),
		tools.New("notion_list_users", s.listUsers),
	}
}

type nothing struct{}

type userModel struct {
	Object string `json:"object"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Person struct {
		Email string `json:"email"`
	} `json:"person"`
	Bot struct {
		Owner struct {
			Type string     `json:"type"` // "workspace" or "user"
			User *userModel `json:"user"`
		} `json:"owner"`
		WorkspaceID string `json:"workspace_id"`
		Workspace   string `json:"workspace_name"`
	} `json:"bot"`
}

func (u userModel) label() string {
	text := "workspace " + upstream.Clean(u.Bot.Workspace, 80) + ", " + upstream.Clean(u.Type, 20) + " " + upstream.Clean(u.Name, 80)
	if u.Bot.Workspace == "" {
		text = upstream.Clean(u.Type, 20) + " " + upstream.Clean(u.Name, 80)
	}
	return text
}

// getMe needs no capability.
func getMe(ctx context.Context, c *upstream.Client) (userModel, error) {
	var me userModel
	if err := c.Get(ctx, "/users/me", nil, &me); err != nil {
		return me, err
	}
	if me.ID == "" {
		return me, fault.New(fault.UpstreamError, "Notion answered without a user. Is the address really Notion's?")
	}
	return me, nil
}

// Me is who the token is.
type Me struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Type      string   `json:"type"` // "bot", or "person" with a person's own token
	Workspace string   `json:"workspace,omitempty"`
	ActsFor   string   `json:"acts_for,omitempty"` // the person whose connection it is
	May       []string `json:"may"`                // scopes of ours that were granted
}

// Text is a few lines.
func (m Me) Text() string {
	text := "Notion " + upstream.Quote(m.Type) + " " + upstream.Quote(m.Name) + " (" + m.ID + ")"
	if m.Workspace != "" {
		text += " in the workspace " + upstream.Quote(m.Workspace)
	}
	if m.ActsFor != "" {
		text += ", of " + upstream.Quote(m.ActsFor)
	}
	if len(m.May) == 0 {
		return text + "\nMay do nothing else"
	}
	return text + "\nMay: " + strings.Join(m.May, ", ") + ", on pages that are shared with it"
}

func (s *service) whoami(ctx context.Context, c *upstream.Client, _ nothing) (Me, error) {
	u, err := getMe(ctx, c)
	if err != nil {
		return Me{}, err
	}
	me := Me{ID: upstream.Clean(u.ID, 60), Name: upstream.Clean(u.Name, 100), Type: upstream.Clean(u.Type, 20), Workspace: upstream.Clean(u.Bot.Workspace, 100), May: []string{}}
	if of := u.Bot.Owner.User; of != nil {
		me.ActsFor = upstream.Clean(of.Name, 100)
	}
	for _, sc := range []string{"content.read", "content.insert", "content.update", "content.trash", "comment.read", "comment.insert", "user.read"} {
		if c.Allows(sc) {
			me.May = append(me.May, sc)
		}
	}
	return me, nil
}

// maxPeople bounds whom a name is looked for among, in pages of a hundred.
const maxPeople = 10

// everybody are the people and bots of the workspace, kept for a while.
func (s *service) everybody(ctx context.Context, c *upstream.Client) ([]userModel, error) {
	return s.people.Get(c.CredentialKey(), func() ([]userModel, error) {
		var all []userModel
		q := url.Values{"page_size": {"100"}}
		for range maxPeople {
			var list pageList[userModel]
			if err := c.Do(ctx, upstream.Request{Path: "/users", Query: q, Read: true, Fault: readUsers.judge}, &list); err != nil {
				return nil, err
			}
			all = append(all, list.Results...)
			if list.next() == "" {
				break
			}
			q.Set("start_cursor", list.next())
		}
		return all, nil
	})
}

// person is the id of whom a word means: an id, an e-mail address or a name.
func (s *service) person(ctx context.Context, c *upstream.Client, word string) (string, error) {
	if id, ok := bareID(strings.TrimSpace(word)); ok {
		return id, nil
	}
	if !c.Allows("user.read") {
		return "", lacking("user.read", "To find a person by name", "Give the id.")
	}
	word = strings.TrimPrefix(strings.TrimSpace(word), "@")
	all, err := s.everybody(ctx, c)
	if err != nil {
		return "", err
	}
	var list []names.Named
	for _, u := range all {
		if u.Person.Email != "" && strings.EqualFold(u.Person.Email, word) {
			return u.ID, nil
		}
		list = append(list, names.Named{ID: u.ID, Name: u.Name})
	}
	one, err := names.Pick("person", word, list, "notion_list_users")
	return one.ID, err
}

type usersIn struct {
	Search string `json:"search"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// User is a person or a bot of the workspace.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Email string `json:"email,omitempty"`
}

// Users is a page of them.
type Users struct {
	Users []User `json:"users"`
	Next  string `json:"next_cursor,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Text is one line a user.
func (u Users) Text() string {
	var lines []string
	for _, one := range u.Users {
		line := upstream.Quote(one.Name) + " " + one.ID + " (" + upstream.Quote(one.Type)
		if one.Email != "" {
			line += ", " + upstream.Quote(one.Email)
		}
		lines = append(lines, line+")")
	}
	return listed(lines, "No users.", u.Next, u.Note)
}

// listed is the text of a list.
func listed(lines []string, none, next, note string) string {
	if len(lines) == 0 {
		lines = []string{none}
	}
	if note != "" {
		lines = append(lines, note)
	}
	if next != "" {
		lines = append(lines, "More with cursor "+next)
	}
	return strings.Join(lines, "\n")
}

func (s *service) listUsers(ctx context.Context, c *upstream.Client, in usersIn) (Users, error) {
	out := Users{Users: []User{}}
	found, next, err := s.usersAt(ctx, c, in)
	if err != nil {
		return out, err
	}
	for _, u := range found {
		out.Users = append(out.Users, User{ID: upstream.Clean(u.ID, 60), Name: upstream.Clean(u.Name, 100), Type: upstream.Clean(u.Type, 20), Email: upstream.Clean(u.Person.Email, 200)})
	}
	out.Next = next
	if in.Search != "" && len(out.Users) == 0 {
		out.Note = "Nobody here is called so. Guests are not listed."
	}
	return out, nil
}

// usersAt is a page of all, or, as the API cannot search, of those among the first
// thousand whose name or address has the word in it.
func (s *service) usersAt(ctx context.Context, c *upstream.Client, in usersIn) ([]userModel, string, error) {
	query := usersIn{Search: in.Search}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return nil, "", err
	}
	if in.Search == "" {
		q := url.Values{"page_size": {strconv.Itoa(size(at, in.Limit))}}
		if at.Cursor != "" {
			q.Set("start_cursor", at.Cursor)
		}
		var list pageList[userModel]
		if err := c.Do(ctx, upstream.Request{Path: "/users", Query: q, Read: true, Fault: readUsers.judge}, &list); err != nil {
			return nil, "", err
		}
		page, next := tools.Page(query, at, list.Results, in.Limit, list.next())
		return page, next, nil
	}
	all, err := s.everybody(ctx, c)
	if err != nil {
		return nil, "", err
	}
	var found []userModel
	word := strings.ToLower(in.Search)
	for _, u := range all {
		if strings.Contains(strings.ToLower(u.Name), word) || strings.Contains(strings.ToLower(u.Person.Email), word) {
			found = append(found, u)
		}
	}
	page, next := tools.Page(query, at, found, in.Limit, "")
	return page, next, nil
}
