package slack

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

type listMembersIn struct {
	Channel string `json:"channel"`
	Format  string `json:"response_format"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// MemberList is a page of those who are in a channel.
type MemberList struct {
	ChannelID string   `json:"channel_id"`
	Channel   string   `json:"channel"`
	Members   []Member `json:"members"`
	Next      string   `json:"next_cursor,omitempty"`
	Note      string   `json:"note,omitempty"`
}

// Member is somebody in a channel; all but the id is left out where only ids were
// asked for.
type Member struct {
	ID       string `json:"id"`
	Handle   string `json:"handle,omitempty"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
	JobTitle string `json:"job_title,omitempty"`
	TimeZone string `json:"time_zone,omitempty"`
	Bot      bool   `json:"bot,omitempty"`
}

// Text is one line a person.
func (l MemberList) Text() string {
	var b strings.Builder
	b.WriteString(named(l.Channel, l.ChannelID) + "\n")
	for _, m := range l.Members {
		b.WriteString(User(m).line() + "\n")
	}
	return ending(&b, len(l.Members), "members", l.Next, l.Note)
}

// listMembers lists who is in a channel. Slack answers with ids; each person is a
// request more, which the tier for users.info allows a hundred of a minute.
func (s *service) listMembers(ctx context.Context, c *upstream.Client, in listMembersIn) (MemberList, error) {
	query := []string{"members", in.Channel}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return MemberList{}, err
	}
	at, err := s.locate(ctx, c, in.Channel)
	if err != nil {
		return MemberList{}, err
	}
	if err := s.mayUse(ctx, c, at.id, "read"); err != nil {
		return MemberList{}, err
	}
	var got struct {
		Members  []string `json:"members"`
		Metadata metadata `json:"response_metadata"`
	}
	err = call(ctx, c, "conversations.members", url.Values{"channel": {at.id}, "limit": {strconv.Itoa(in.Limit + from.Skip)}, "cursor": {from.Cursor}}, true, &got)
	if err != nil {
		return MemberList{}, s.stale(c, in.Channel, err)
	}
	at = s.titled(ctx, c, at)
	out := MemberList{ChannelID: at.id, Channel: at.shown(), Members: []Member{}}
	ids, next := tools.Page(query, from, got.Members, in.Limit, got.Metadata.Next)
	out.Next = next
	book := s.books.of(c.CredentialKey())
	asking := in.Format != "ids"
	for i, id := range ids {
		if !userID.MatchString(id) {
			continue
		}
		m := Member{ID: id}
		if asking {
			u, err := userInfo(ctx, c, id)
			switch {
			case ctx.Err() != nil:
				return MemberList{}, err
			case hopeless(err):
				asking = false // the others would fail like it
				out.Note = "The names of some could not be had (" + missingOr(err) + ")."
			case err == nil && u.Deleted:
				continue
			case err == nil:
				book.call(id, u.called())
				m = memberOf(u, in.Format == detailed)
			}
			c.Progress(float64(i+1), float64(len(ids)), "people looked up")
		}
		out.Members = append(out.Members, m)
	}
	return out, nil
}

// hopeless reports whether the next request like it would fail as this one did.
func hopeless(err error) bool {
	return has(err, "missing_scope") || err != nil && fault.From(err).Kind == fault.RateLimited
}

func missingOr(err error) string {
	if has(err, "missing_scope") {
		return "the app lacks users:read"
	}
	return "Slack is limiting the rate of calls"
}

func memberOf(u user, full bool) Member {
	m := Member(person(u))
	if !full {
		m.Email, m.JobTitle, m.TimeZone = "", "", ""
	}
	return m
}
