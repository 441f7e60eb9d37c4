package slack

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// How far a name is looked for before the caller is asked for the id: a
// workspace can have 200,000 people.
const (
	ownPages, ownPageSize   = 5, 200
	listPages, listPageSize = 5, 999 // Slack's limit is below 1000
	userPages, userPageSize = 5, 200
	maxLookups              = 20 // users.info calls for the authors of one page
)

var (
	channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{7,20}$`)
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]{7,20}$`)
)

// place is where a message goes to or comes from.
type place struct {
	id   string // C…, G…, D… or, for a person, U…
	name string // "#general", "@dana"; "" where it is not known
}

// shown is the name for a person and a model, or the id where there is none.
func (p place) shown() string {
	if p.name == "" {
		return p.id
	}
	return p.name
}

// channel is one of conversations.list.
type channel struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	User     string `json:"user"` // of a direct message
	Private  bool   `json:"is_private"`
	IM       bool   `json:"is_im"`
	MPIM     bool   `json:"is_mpim"`
	Archived bool   `json:"is_archived"`
	Member   *bool  `json:"is_member"` // not in users.conversations, which has no others
	Members  int    `json:"num_members"`
	Topic    struct {
		Value string `json:"value"`
	} `json:"topic"`
	Purpose struct {
		Value string `json:"value"`
	} `json:"purpose"`
}

type channelPage struct {
	Channels []channel `json:"channels"`
	Metadata metadata  `json:"response_metadata"`
}

type metadata struct {
	Next string `json:"next_cursor"`
}

// user is one of users.list.
type user struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"`
	Bot     bool   `json:"is_bot"`
	TZ      string `json:"tz"`
	Real    string `json:"real_name"`
	Profile struct {
		Real    string `json:"real_name"`
		Display string `json:"display_name"`
		Email   string `json:"email"`
		Title   string `json:"title"`
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

// find turns what a model writes for a channel into a place: an id, #name, or a
// person as @handle, e-mail or user id. There is one way to write each, so that
// a policy can compare texts.
func (s *service) find(ctx context.Context, c *upstream.Client, word string) (place, error) {
	book := s.books.of(c.CredentialKey())
	switch {
	case channelID.MatchString(word):
		name, _ := book.name(word)
		return place{word, name}, nil
	case userID.MatchString(word):
		return place{word, ""}, nil
	case strings.HasPrefix(word, "#") && len(word) > 1:
		id, err := s.channelByName(ctx, c, book, word)
		return place{id, word}, err
	case strings.HasPrefix(word, "@") && len(word) > 1:
		return s.personByHandle(ctx, c, book, word)
	case strings.Contains(word, "@"):
		u, err := lookupByEmail(ctx, c, word)
		return place{u.ID, "@" + label(u.Name)}, err
	}
	return place{}, fault.New(fault.InvalidArguments, "%q is no channel. Write #name or a channel id; for a person @handle, e-mail or user id.", upstream.Clean(word, 80))
}

// channelByName looks among the channels that the app is in, which is quick,
// then among all public ones.
func (s *service) channelByName(ctx context.Context, c *upstream.Client, book *book, name string) (string, error) {
	if id, known := book.id(name); known {
		if id == "" {
			return "", noChannel(name)
		}
		return id, nil
	}
	seen := 0
	for _, search := range []struct {
		method, types string
		pages, size   int
	}{
		{"users.conversations", "public_channel,private_channel", ownPages, ownPageSize},
		{"conversations.list", "public_channel", listPages, listPageSize},
	} {
		cursor, types := "", search.types
		for page := 0; page < search.pages; {
			var got channelPage
			err := call(ctx, c, search.method, url.Values{
				"types": {types}, "exclude_archived": {"true"}, "limit": {strconv.Itoa(search.size)}, "cursor": {cursor},
			}, true, &got)
			if has(err, "missing_scope") && types != "public_channel" {
				types = "public_channel" // an app that may see public channels only
				continue
			}
			if err != nil {
				return "", err
			}
			for _, ch := range got.Channels {
				if channelID.MatchString(ch.ID) && ch.Name != "" {
					book.learn("#"+label(ch.Name), ch.ID)
					book.sort(ch.ID, ch.kind())
				}
			}
			seen += len(got.Channels)
			if id, _ := book.id(name); id != "" {
				return id, nil
			}
			if cursor = got.Metadata.Next; cursor == "" {
				break
			}
			page++
		}
		if cursor != "" && search.method == "conversations.list" {
			return "", fault.New(fault.NotFound, "%s is not among the first %d channels. Give the channel's id instead (in Slack: open the channel, then its details).", upstream.Clean(name, 80), seen)
		}
	}
	book.absent(name)
	return "", noChannel(name)
}

func noChannel(name string) error {
	return fault.New(fault.NotFound, "Slack has no channel %s that this credential can see. Check the name with slack_list_channels; a private channel must have the app as a member.", upstream.Clean(name, 80))
}

// personByHandle looks for a handle, or a display or full name, among the first
// thousand people.
func (s *service) personByHandle(ctx context.Context, c *upstream.Client, book *book, word string) (place, error) {
	if id, known := book.id(word); known && id != "" {
		return place{id, word}, nil
	} else if known {
		return place{}, noPerson(word)
	}
	users, complete, _, err := scanUsers(ctx, c, "", func(u user) bool {
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
			who = append(who, u.called()+" ("+u.ID+")")
		}
		return place{}, fault.New(fault.InvalidArguments, "%s could be several people: %s. Give the user id.", upstream.Clean(word, 80), strings.Join(who, ", "))
	case !complete:
		return place{}, fault.New(fault.NotFound, "%s is not among the first %d people. Give the user id or the e-mail address.", upstream.Clean(word, 80), userPages*userPageSize)
	}
	book.absent(word)
	return place{}, noPerson(word)
}

func noPerson(word string) error {
	return fault.New(fault.NotFound, "Slack knows nobody called %s. Find the right person with slack_search_users.", upstream.Clean(word, 80))
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

// names resolves ids to names while one answer is being read. It never fails:
// what cannot be had is shown as the id. A page may cost maxLookups requests.
type names struct {
	ctx     context.Context
	c       *upstream.Client
	book    *book
	lookups int
}

func (s *service) names(ctx context.Context, c *upstream.Client) *names {
	return &names{ctx, c, s.books.of(c.CredentialKey()), maxLookups}
}

// person is the name of a user id.
func (n *names) person(id string) string {
	if !userID.MatchString(id) {
		return label(id)
	}
	if name, known := n.book.name(id); known {
		if name == "" {
			return id
		}
		return name
	}
	if n.lookups <= 0 {
		return id
	}
	n.lookups--
	var got struct {
		User user `json:"user"`
	}
	err := call(n.ctx, n.c, "users.info", url.Values{"user": {id}}, true, &got)
	switch {
	case has(err, "missing_scope"), has(err, "ratelimited"):
		n.lookups = 0 // the others would fail like it
		n.book.nameless(id)
		return id
	case err != nil, got.User.ID != id:
		n.book.nameless(id)
		return id
	}
	name := got.User.called()
	n.book.call(id, name)
	return name
}

// channel is "#name" of a channel id, or "" where it is not to be had.
func (n *names) channel(id string) string {
	if name, known := n.book.name(id); known || !channelID.MatchString(id) {
		return name
	}
	if n.lookups <= 0 {
		return ""
	}
	n.lookups--
	var got struct {
		Channel channel `json:"channel"`
	}
	err := call(n.ctx, n.c, "conversations.info", url.Values{"channel": {id}}, true, &got)
	if err != nil || got.Channel.ID != id {
		n.book.nameless(id)
		return ""
	}
	name := ""
	switch ch := got.Channel; {
	case ch.IM:
		name = "@" + n.person(ch.User)
	case ch.Name != "":
		name = "#" + label(ch.Name)
	}
	n.book.call(id, name)
	return name
}
