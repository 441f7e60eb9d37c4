package slack

import (
	"context"
	"fmt"
	"strings"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

type searchUsersIn struct {
	Query  string `json:"query"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// UserList is the people who fit.
type UserList struct {
	Users []User `json:"users"`
	Next  string `json:"next_cursor,omitempty"`
	Note  string `json:"note,omitempty"`
}

// User is a person or an app.
type User struct {
	ID       string `json:"id"`
	Handle   string `json:"handle"` // "@dana"
	Name     string `json:"name"`
	Email    string `json:"email,omitempty"`
	JobTitle string `json:"job_title,omitempty"`
	TimeZone string `json:"time_zone,omitempty"`
	Bot      bool   `json:"bot,omitempty"`
}

// Text is one line a person.
func (l UserList) Text() string {
	var b strings.Builder
	for _, u := range l.Users {
		fmt.Fprintf(&b, "%s %s (%s)", u.Name, u.Handle, u.ID)
		for _, part := range []string{u.Email, u.JobTitle, u.TimeZone} {
			if part != "" {
				b.WriteString(", " + part)
			}
		}
		if u.Bot {
			b.WriteString(", app")
		}
		b.WriteByte('\n')
	}
	return ending(&b, len(l.Users), "people found", l.Next, l.Note)
}

// searchUsers finds people by e-mail (exact) or by a part of their names, among a
// thousand a call.
func (s *service) searchUsers(ctx context.Context, c *upstream.Client, in searchUsersIn) (UserList, error) {
	out := UserList{Users: []User{}}
	want := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(in.Query), "@"))
	query := []string{"search_users", want}
	cursor, err := tools.OpenCursor(query, in.Cursor)
	if err != nil {
		return out, err
	}
	if strings.Contains(want, "@") {
		u, err := lookupByEmail(ctx, c, want)
		switch {
		case has(err, "users_not_found"):
			return out, nil
		case err != nil:
			return out, err
		}
		out.Users = append(out.Users, person(u))
		return out, nil
	}
	found, _, next, err := scanUsers(ctx, c, cursor, func(u user) bool {
		for _, n := range []string{u.Name, u.Real, u.Profile.Real, u.Profile.Display, u.Profile.Email} {
			if strings.Contains(strings.ToLower(n), want) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return out, err
	}
	for _, u := range found[:min(len(found), in.Limit)] {
		out.Users = append(out.Users, person(u))
	}
	if len(found) > in.Limit {
		out.Note = fmt.Sprintf("%d more people fit; give more of the name", len(found)-in.Limit)
	} else if next != "" {
		out.Next = tools.Cursor(query, next)
		out.Note = fmt.Sprintf("searched %d people, there are more", userPages*userPageSize)
	}
	return out, nil
}

func person(u user) User {
	return User{
		ID: u.ID, Handle: "@" + label(u.Name), Name: u.called(), Email: upstream.Clean(u.Profile.Email, 120),
		JobTitle: label(u.Profile.Title), TimeZone: label(u.TZ), Bot: u.Bot,
	}
}
