package slack

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// user is one of users.list.
type user struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Deleted    bool   `json:"deleted"`
	Bot        bool   `json:"is_bot"`
	Admin      bool   `json:"is_admin"`
	Restricted bool   `json:"is_restricted"`
	Locale     string `json:"locale"`
	TZ         string `json:"tz"`
	Real       string `json:"real_name"`
	Profile    struct {
		Real     string `json:"real_name"`
		Display  string `json:"display_name"`
		Email    string `json:"email"`
		Phone    string `json:"phone"`
		Title    string `json:"title"`
		Pronouns string `json:"pronouns"`
		Status   string `json:"status_text"`
		Emoji    string `json:"status_emoji"`
	} `json:"profile"`
}

// called is how a person is called in the workspace.
func (u user) called() string {
	for _, n := range []string{u.Profile.Display, u.Profile.Real, u.Real, u.Name} {
		if n = label(n); n != "" {
			return n
		}
	}
	return u.ID
}

type userPage struct {
	Members  []user   `json:"members"`
	Metadata metadata `json:"response_metadata"`
}

// personByHandle looks for a handle, or a display or full name, among the first
// thousand people.
func (s *service) personByHandle(ctx context.Context, c *upstream.Client, book *book, word string) (place, error) {
	if id, known := book.id(word); known && id != "" {
		return place{id, word}, nil
	} else if known {
		return place{}, noPerson(c, book, word)
	}
	users, complete, _, err := scanUsers(ctx, c, "", func(u user) bool {
		book.put(&book.ids, "@"+label(u.Name), u.ID) // who else is met need not be looked for later
		book.call(u.ID, u.called())
		for _, n := range []string{u.Name, u.Profile.Display, u.Profile.Real} {
			if strings.EqualFold(n, word[1:]) {
				return true
			}
		}
		return false
	})
	for _, u := range users {
		if u.Name == word[1:] { // a handle is one person's; what people call themselves is not
			users = []user{u}
			break
		}
	}
	switch {
	case err != nil:
		return place{}, err
	case len(users) == 1:
		book.put(&book.ids, word, users[0].ID)
		book.call(users[0].ID, users[0].called())
		return place{users[0].ID, word}, nil
	case len(users) > 1:
		var who []string
		for _, u := range users[:min(5, len(users))] {
			who = append(who, named(u.called(), u.ID))
		}
		return place{}, fault.New(fault.InvalidArguments, "%s could be several people: %s. Give the user id.", upstream.Clean(word, 80), strings.Join(who, ", "))
	case !complete:
		return place{}, fault.New(fault.NotFound, "%s is not among the first %d people. Give the user id or the e-mail address.", upstream.Clean(word, 80), userPages*userPageSize)
	}
	book.absent(word)
	return place{}, noPerson(c, book, word)
}

func noPerson(c *upstream.Client, book *book, word string) error {
	like := book.like(word, func(string) bool { return c.Allows("users:read") })
	return fault.New(fault.NotFound, "Slack knows nobody called %s.%s Find the right person with slack_search_users.", upstream.Clean(word, 80), meant(like))
}

// scanUsers reads a bounded number of pages and keeps the people, not deleted,
// that fit. next is where to go on, if not complete.
func scanUsers(ctx context.Context, c *upstream.Client, cursor string, fits func(user) bool) (found []user, complete bool, next string, err error) {
	for range userPages {
		var got userPage
		if err := call(ctx, c, "users.list", url.Values{"limit": {strconv.Itoa(userPageSize)}, "cursor": {cursor}}, true, &got); err != nil {
			return nil, false, "", err
		}
		for _, u := range got.Members {
			if !u.Deleted && userID.MatchString(u.ID) && fits(u) {
				found = append(found, u)
			}
		}
		if cursor = got.Metadata.Next; cursor == "" {
			return found, true, "", nil
		}
	}
	return found, false, cursor, nil
}

func lookupByEmail(ctx context.Context, c *upstream.Client, email string) (user, error) {
	var got struct {
		User user `json:"user"`
	}
	if err := call(ctx, c, "users.lookupByEmail", url.Values{"email": {email}}, true, &got); err != nil {
		return user{}, err
	}
	if !userID.MatchString(got.User.ID) {
		return user{}, fault.New(fault.UpstreamError, "Slack answered without a user id. Try again later; if it stays so, tell the operator.")
	}
	return got.User, nil
}

// userInfo asks for one account by its id.
func userInfo(ctx context.Context, c *upstream.Client, id string) (user, error) {
	var got struct {
		User user `json:"user"`
	}
	if err := call(ctx, c, "users.info", url.Values{"user": {id}, "include_locale": {"true"}}, true, &got); err != nil {
		return user{}, err
	}
	if got.User.ID != id {
		return user{}, fault.New(fault.NotFound, "Slack knows nobody with the id %s.", id)
	}
	return got.User, nil
}

// who finds a person: a user id, @handle or e-mail.
func (s *service) who(ctx context.Context, c *upstream.Client, argument, word string) (place, error) {
	word = strings.TrimSpace(word)
	if channelID.MatchString(word) || strings.HasPrefix(word, "#") || !userID.MatchString(word) && !strings.Contains(word, "@") {
		return place{}, fault.New(fault.InvalidArguments, "%s: %q is no person. Write @handle, an e-mail address or a user id; slack_search_users finds them.", argument, upstream.Clean(word, 80))
	}
	return s.find(ctx, c, word)
}

// crew finds several people, each once.
func (s *service) crew(ctx context.Context, c *upstream.Client, argument string, words []string) ([]string, error) {
	var ids []string
	for _, w := range words {
		p, err := s.who(ctx, c, argument, w)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, p.id) {
			ids = append(ids, p.id)
		}
	}
	return ids, nil
}

// shown are people by name and id.
func (n *naming) shown(ids []string) []string {
	var all []string
	for _, id := range ids {
		all = append(all, both(n.person(id), label(id)))
	}
	return all
}
