package slack

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) userTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_search_users", s.searchUsers),
		tools.New("slack_get_user", s.getUser),
	}
}

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

func (u User) line() string {
	parts := []string{u.ID}
	if u.Handle != "" {
		parts[0] = fmt.Sprintf("%s %s (%s)", said(u.Name), said(u.Handle), u.ID)
	}
	if u.Email != "" {
		parts = append(parts, u.Email)
	}
	if u.JobTitle != "" {
		parts = append(parts, upstream.Quote(u.JobTitle))
	}
	if u.TimeZone != "" {
		parts = append(parts, u.TimeZone)
	}
	if u.Bot {
		parts = append(parts, "app")
	}
	return strings.Join(parts, ", ")
}

// Text is one line a person.
func (l UserList) Text() string {
	var b strings.Builder
	for _, u := range l.Users {
		b.WriteString(u.line() + "\n")
	}
	return ending(&b, len(l.Users), "people found", l.Next, l.Note)
}

// searchUsers finds people by e-mail or by parts of their names, handles and job
// titles, among a thousand a call.
func (s *service) searchUsers(ctx context.Context, c *upstream.Client, in searchUsersIn) (UserList, error) {
	out := UserList{Users: []User{}}
	want := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(in.Query), "@"))
	query := []string{"search_users", want}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return out, err
	}
	if at := strings.IndexByte(want, '@'); at > 0 && in.Cursor == "" && !strings.Contains(want, " ") && strings.Contains(want[at:], ".") {
		u, err := lookupByEmail(ctx, c, want)
		switch {
		case err == nil:
			out.Users = append(out.Users, person(u))
			return out, nil
		case !has(err, "users_not_found") && !has(err, "missing_scope"):
			return out, err
		}
	}
	terms := strings.Fields(want)
	found, _, next, err := scanUsers(ctx, c, from.Cursor, func(u user) bool { return u.fits(terms) })
	if err != nil {
		return out, err
	}
	all := []User{}
	for _, u := range found {
		all = append(all, person(u))
	}
	out.Users, out.Next = tools.Page(query, from, all, in.Limit, next)
	if next != "" && len(out.Users) == 0 {
		out.Note = fmt.Sprintf("nobody among the %d people searched; next_cursor goes on", userPages*userPageSize)
	}
	return out, nil
}

// fits reports whether each of the terms stands in what is known of the person,
// and none that begins with "-" does.
func (u user) fits(terms []string) bool {
	known := strings.ToLower(strings.Join([]string{u.Name, u.Real, u.Profile.Real, u.Profile.Display, u.Profile.Email, u.Profile.Title}, "\n"))
	for _, t := range terms {
		not, isNot := strings.CutPrefix(t, "-")
		if isNot && not != "" && strings.Contains(known, not) || !isNot && !strings.Contains(known, t) {
			return false
		}
	}
	return true
}

func person(u user) User {
	return User{
		ID: u.ID, Handle: "@" + label(u.Name), Name: u.called(), Email: upstream.Clean(u.Profile.Email, 120),
		JobTitle: label(u.Profile.Title), TimeZone: label(u.TZ), Bot: u.Bot,
	}
}

type getUserIn struct {
	User     string `json:"user"`
	Presence bool   `json:"include_presence"`
}

// Profile is all about one account.
type Profile struct {
	ID          string `json:"id"`
	Handle      string `json:"handle"`
	Name        string `json:"name"`
	RealName    string `json:"real_name,omitempty"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	JobTitle    string `json:"job_title,omitempty"`
	Pronouns    string `json:"pronouns,omitempty"`
	Status      string `json:"status,omitempty"`
	TimeZone    string `json:"time_zone,omitempty"`
	LocalTime   string `json:"local_time,omitempty"` // RFC 3339, there
	Locale      string `json:"locale,omitempty"`
	Presence    string `json:"presence,omitempty"` // "active" or "away"
	Bot         bool   `json:"bot,omitempty"`
	Admin       bool   `json:"admin,omitempty"`
	Guest       bool   `json:"guest,omitempty"`
	Deactivated bool   `json:"deactivated,omitempty"`
}

// Text is one line of who, and one of each thing that is known.
func (p Profile) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s)", p.Name, p.Handle, p.ID)
	for _, f := range []struct {
		is   bool
		what string
	}{{p.Bot, "app"}, {p.Admin, "admin"}, {p.Guest, "guest"}, {p.Deactivated, "deactivated"}} {
		if f.is {
			b.WriteString(", " + f.what)
		}
	}
	for _, f := range []struct{ what, text string }{
		{"E-mail", p.Email}, {"Time zone", p.TimeZone}, {"Local time", p.LocalTime}, {"Locale", p.Locale}, {"Presence", p.Presence},
	} {
		if f.text != "" {
			b.WriteString("\n" + f.what + ": " + f.text)
		}
	}
	for _, f := range []struct{ what, text string }{
		{"Full name", p.RealName}, {"Phone", p.Phone}, {"Job title", p.JobTitle}, {"Pronouns", p.Pronouns}, {"Status", p.Status},
	} {
		if f.text != "" {
			b.WriteString("\n" + f.what + ": " + upstream.Quote(f.text))
		}
	}
	return b.String()
}

// getUser looks at one account, without an argument at the token's own.
func (s *service) getUser(ctx context.Context, c *upstream.Client, in getUserIn) (Profile, error) {
	who := place{id: ""}
	var err error
	if in.User == "" || strings.EqualFold(in.User, "me") {
		who.id = s.self(ctx, c).UserID
		if !userID.MatchString(who.id) {
			return Profile{}, fault.New(fault.UpstreamError, "Slack did not say whose token this is. Name the user.")
		}
	} else if who, err = s.who(ctx, c, "user", in.User); err != nil {
		return Profile{}, err
	}
	u, err := userInfo(ctx, c, who.id)
	if err != nil {
		return Profile{}, err
	}
	p := person(u)
	out := Profile{
		ID: p.ID, Handle: p.Handle, Name: p.Name, Email: p.Email, JobTitle: p.JobTitle, TimeZone: p.TimeZone, Bot: p.Bot,
		RealName: label(u.Profile.Real), Phone: label(u.Profile.Phone), Pronouns: label(u.Profile.Pronouns), Locale: label(u.Locale),
		Status: upstream.Clean(strings.TrimSpace(u.Profile.Emoji+" "+u.Profile.Status), 150), Admin: u.Admin, Guest: u.Restricted, Deactivated: u.Deleted,
	}
	if out.RealName == out.Name {
		out.RealName = ""
	}
	if zone, err := time.LoadLocation(u.TZ); err == nil && u.TZ != "" && u.TZ != "Local" {
		out.LocalTime = s.now().In(zone).Format(time.RFC3339)
	}
	if in.Presence {
		var got struct {
			Presence string `json:"presence"`
		}
		if err := call(ctx, c, "users.getPresence", url.Values{"user": {who.id}}, true, &got); err != nil {
			return Profile{}, err
		}
		out.Presence = label(got.Presence)
	}
	return out, nil
}
