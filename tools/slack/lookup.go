package slack

import (
	"context"
	"net/url"

	"toolvault/tools/upstream"
)

// naming resolves ids to names while one answer is being read. It never fails:
// what cannot be had is shown as the id. A page may cost maxLookups requests.
type naming struct {
	ctx     context.Context
	c       *upstream.Client
	book    *book
	lookups int
}

func (s *service) names(ctx context.Context, c *upstream.Client) *naming {
	return &naming{ctx, c, s.books.of(c.CredentialKey()), maxLookups}
}

// person is the name of a user id.
func (n *naming) person(id string) string {
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
	u, err := userInfo(n.ctx, n.c, id)
	switch {
	case hopeless(err):
		n.lookups = 0 // the others would fail like it
		n.book.nameless(id)
		return id
	case err != nil:
		n.book.nameless(id)
		return id
	}
	name := u.called()
	n.book.call(id, name)
	return name
}

// channel is "#name" of a channel id, or "" where it is not to be had.
func (n *naming) channel(id string) string {
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
