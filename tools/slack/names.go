package slack

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// How far a name is looked for before the caller is asked for the id: a
// workspace can have 200,000 people.
const (
	ownPages, ownPageSize   = 5, 200
	listPages, listPageSize = 5, 999 // Slack's limit is below 1000
	userPages, userPageSize = 5, 200
	maxLookups              = 20 // users.info calls for the people of one page
	maxHistory              = 999
)

var (
	channelID = pattern.New(`^[CGD][A-Z0-9]{7,20}$`)
	userID    = pattern.New(`^[UW][A-Z0-9]{7,20}$`)
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
	Created  int64  `json:"created"`
	Creator  string `json:"creator"`
	LastRead string `json:"last_read"`
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
			return "", noChannel(c, book, name)
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
					book.sort(ch.ID, ch.family())
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
	return "", noChannel(c, book, name)
}

func noChannel(c *upstream.Client, book *book, name string) error {
	return fault.New(fault.NotFound, "Slack has no channel %s that this credential can see.%s Check the name with slack_list_channels; a private channel must have the app as a member.", upstream.Clean(name, 80), meant(book.like(name, mayList(c, book))))
}
