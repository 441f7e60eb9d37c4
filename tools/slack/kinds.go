package slack

import (
	"context"
	"net/url"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// kind is the family of scopes that a conversation belongs to: channels (public),
// groups (private), im or mpim (docs.slack.dev/reference/scopes).
func (ch channel) kind() string {
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

// mayRead refuses a conversation of a kind whose history the call was not
// granted. The app's token may hold more scopes than the agent: which one Slack
// would ask for depends on the conversation, so it is asked for here too. What
// kind a channel is of does not change often and is remembered.
func (s *service) mayRead(ctx context.Context, c *upstream.Client, id string) error {
	all := true
	for _, kind := range []string{"channels", "groups", "im", "mpim"} {
		all = all && c.Allows(kind+":history")
	}
	if all {
		return nil
	}
	kind := "im"
	if id[0] != 'D' {
		var err error
		if kind, err = s.kindOf(ctx, c, id); err != nil {
			return err
		}
	}
	if c.Allows(kind + ":history") {
		return nil
	}
	f := fault.New(fault.NotPermitted, "This agent may not read conversations of that kind: %s:history was not granted. An admin has to add it to the scope of the credential and of the token.", kind)
	f.Needed = []string{name + ":" + kind + ":history"}
	f.NotSent = true
	return f
}

func (s *service) kindOf(ctx context.Context, c *upstream.Client, id string) (string, error) {
	book := s.books.of(c.CredentialKey())
	if kind, known := book.kind(id); known {
		return kind, nil
	}
	var got struct {
		Channel channel `json:"channel"`
	}
	if err := call(ctx, c, "conversations.info", url.Values{"channel": {id}}, true, &got); err != nil {
		return "", err
	}
	if got.Channel.ID != id {
		return "", fault.New(fault.NotFound, "Slack has no conversation %s.", id)
	}
	kind := got.Channel.kind()
	book.sort(id, kind)
	return kind, nil
}
