package slack

import (
	"context"
	"net/url"

	"toolvault/auth/scope"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// scopes are Slack's own names (docs.slack.dev/reference/scopes). "public:read"
// and its like are how slack_list_channels names the scope that it needs. The
// wide scopes bring the narrow ones with them, as they do at Slack; the search of
// old sees all that its user sees.
func scopes() *scope.Catalog {
	read := func(name string, aliases ...string) scope.Def { return scope.Def{Name: name, Aliases: aliases} }
	write := func(name string, implies ...string) scope.Def {
		return scope.Def{Name: name, Write: true, Implies: implies}
	}
	return scope.NewCatalog(name,
		read("channels:read", "public:read"), read("groups:read", "private:read"), read("im:read"), read("mpim:read"),
		read("channels:history"), read("groups:history"), read("im:history"), read("mpim:history"),
		write("chat:write"), write("chat:write.public", "chat:write"), write("chat:write.customize", "chat:write"),
		write("channels:join"), write("channels:manage", "channels:write.topic", "channels:write.invites"),
		write("channels:write", "channels:manage", "channels:join"),
		write("groups:write", "groups:write.topic", "groups:write.invites"), write("im:write"), write("mpim:write"),
		write("channels:write.topic"), write("channels:write.invites"), write("groups:write.topic"), write("groups:write.invites"),
		read("users:read"), read("users:read.email", "users:email"), read("users.profile:read"),
		read("reactions:read"), write("reactions:write"),
		read("pins:read"), write("pins:write"), read("bookmarks:read"), write("bookmarks:write"),
		read("files:read"), write("files:write"), read("usergroups:read"), write("usergroups:write"),
		read("emoji:read"), read("team:read"), read("dnd:read"), write("reminders:write"),
		read("canvases:read"), write("canvases:write"), read("lists:read"), write("lists:write"),
		scope.Def{Name: "search:read", Implies: []string{
			"search:read.public", "search:read.private", "search:read.im", "search:read.mpim", "search:read.files", "search:read.users",
		}},
		read("search:read.public"), read("search:read.private"), read("search:read.im"),
		read("search:read.mpim"), read("search:read.files"), read("search:read.users"),
	)
}

// kinds are the families of scopes that a conversation can belong to
// (docs.slack.dev/reference/scopes), and how the tools call them.
var kinds = []struct{ family, called string }{{"channels", "public"}, {"groups", "private"}, {"im", "im"}, {"mpim", "mpim"}}

// called is the tools' word for a family.
func called(family string) string {
	for _, k := range kinds {
		if k.family == family {
			return k.called
		}
	}
	return "public"
}

// family is the family of scopes that a conversation belongs to: channels
// (public), groups (private), im or mpim.
func (ch channel) family() string {
	switch {
	case ch.IM:
		return "im"
	case ch.MPIM:
		return "mpim"
	case ch.Private:
		return "groups"
	}
	return "channels"
}

// mayUse refuses a conversation of a kind for which the call was not granted
// what: "history", "read" or "write". The app's token may hold more scopes than
// the agent: which one Slack would ask for depends on the conversation, so it is
// asked for here too. What kind a channel is of does not change often and is
// remembered.
func (s *service) mayUse(ctx context.Context, c *upstream.Client, id, what string) error {
	all := true
	for _, k := range kinds {
		all = all && c.Allows(needed(k.family, what))
	}
	if all {
		return nil
	}
	family := "im"
	if id[0] != 'D' {
		var err error
		if family, err = s.familyOf(ctx, c, id); err != nil {
			return err
		}
	}
	return allowed(c, family, what)
}

// needed is the scope for a family: of public channels, the one that changes
// them is channels:manage.
func needed(family, what string) string {
	if family == "channels" && what == "write" {
		return "channels:manage"
	}
	return family + ":" + what
}

func allowed(c *upstream.Client, family, what string) error {
	scope := needed(family, what)
	if c.Allows(scope) {
		return nil
	}
	return notGranted(scope)
}

// notGranted is the fault of a call that would need one more scope.
func notGranted(scope string) error {
	f := fault.New(fault.NotPermitted, "This agent may not do that here: %s was not granted. An admin has to add it to the scope of the credential and of the token.", scope)
	f.Needed = []string{name + ":" + scope}
	f.NotSent = true
	return f
}

func (s *service) familyOf(ctx context.Context, c *upstream.Client, id string) (string, error) {
	book := s.books.of(c.CredentialKey())
	if family, known := book.kind(id); known {
		return family, nil
	}
	ch, err := channelInfo(ctx, c, id)
	if err != nil {
		return "", err
	}
	family := ch.family()
	book.sort(id, family)
	return family, nil
}

// channelInfo asks for one conversation.
func channelInfo(ctx context.Context, c *upstream.Client, id string) (channel, error) {
	var got struct {
		Channel channel `json:"channel"`
	}
	if err := call(ctx, c, "conversations.info", url.Values{"channel": {id}, "include_num_members": {"true"}}, true, &got); err != nil {
		return channel{}, err
	}
	if got.Channel.ID != id {
		return channel{}, fault.New(fault.NotFound, "Slack has no conversation %s.", id)
	}
	return got.Channel, nil
}
