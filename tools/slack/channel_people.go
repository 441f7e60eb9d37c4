package slack

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) channelPeople() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_open_dm", s.openDM),
		tools.New("slack_join_channel", s.joinChannel),
		tools.New("slack_invite_to_channel", s.inviteToChannel),
	}
}

type openDMIn struct {
	Users []string `json:"users"`
}

// Opened is a conversation with people.
type Opened struct {
	ChannelID string   `json:"channel_id"`
	Users     []string `json:"users"`
	Already   bool     `json:"already,omitempty"` // it was open before
}

// Text says with whom.
func (o Opened) Text() string {
	verb := "Opened"
	if o.Already {
		verb = "Was open already:"
	}
	return fmt.Sprintf("%s %s with %s", verb, o.ChannelID, saidAll(o.Users))
}

// openDM opens direct messages with one person, or a group conversation.
func (s *service) openDM(ctx context.Context, c *upstream.Client, in openDMIn) (Opened, error) {
	if len(in.Users) > 1 {
		if err := allowed(c, "mpim", "write"); err != nil {
			return Opened{}, err
		}
	}
	ids, err := s.crew(ctx, c, "users", in.Users)
	if err != nil {
		return Opened{}, err
	}
	var got struct {
		Already bool    `json:"already_open"`
		NoOp    bool    `json:"no_op"`
		Channel channel `json:"channel"`
	}
	if err := call(ctx, c, "conversations.open", url.Values{"users": {strings.Join(ids, ",")}, "return_im": {"true"}}, false, &got); err != nil {
		return Opened{}, err
	}
	if !channelID.MatchString(got.Channel.ID) {
		return Opened{}, fault.New(fault.UpstreamError, "Slack opened the conversation and did not say which it is. List it with slack_list_channels (type im or mpim).")
	}
	return Opened{ChannelID: got.Channel.ID, Users: s.names(ctx, c).shown(ids), Already: got.Already || got.NoOp}, nil
}

// Joined is a channel that the app is in now.
type Joined struct {
	ChannelID string `json:"channel_id"`
	Channel   string `json:"channel"`
	Already   bool   `json:"already,omitempty"`
}

// Text says which.
func (j Joined) Text() string {
	if j.Already {
		return "The app was in " + named(j.Channel, j.ChannelID) + " already"
	}
	return "The app is in " + named(j.Channel, j.ChannelID) + " now"
}

// joinChannel makes the app a member of a public channel.
func (s *service) joinChannel(ctx context.Context, c *upstream.Client, in channelIn) (Joined, error) {
	at, err := s.find(ctx, c, in.Channel)
	if err != nil {
		return Joined{}, err
	}
	var got struct {
		Channel  channel `json:"channel"`
		Warning  string  `json:"warning"`
		Metadata struct {
			Warnings []string `json:"warnings"`
		} `json:"response_metadata"`
	}
	err = call(ctx, c, "conversations.join", url.Values{"channel": {at.id}}, false, &got)
	already := has(err, "already_in_channel") || got.Warning == "already_in_channel" || slices.Contains(got.Metadata.Warnings, "already_in_channel")
	if err != nil && !already {
		return Joined{}, s.stale(c, in.Channel, err)
	}
	if at.name == "" && got.Channel.Name != "" {
		at.name = "#" + label(got.Channel.Name)
		s.books.of(c.CredentialKey()).learn(at.name, at.id)
	}
	return Joined{ChannelID: at.id, Channel: at.shown(), Already: already}, nil
}

type inviteIn struct {
	Channel string   `json:"channel"`
	Users   []string `json:"users"`
}

// Invited says who is in a channel now.
type Invited struct {
	ChannelID string   `json:"channel_id"`
	Channel   string   `json:"channel"`
	Invited   []string `json:"invited,omitempty"`
	Already   []string `json:"already,omitempty"`
	Note      string   `json:"note,omitempty"` // who could not be
}

// Text says who.
func (r Invited) Text() string {
	t := named(r.Channel, r.ChannelID)
	if len(r.Invited) > 0 {
		t += ": invited " + saidAll(r.Invited)
	}
	if len(r.Already) > 0 {
		t += "; already in it: " + saidAll(r.Already)
	}
	if r.Note != "" {
		t += "\nNote: " + r.Note
	}
	return t
}

// inviteToChannel adds people to a channel.
func (s *service) inviteToChannel(ctx context.Context, c *upstream.Client, in inviteIn) (Invited, error) {
	at, err := s.locate(ctx, c, in.Channel)
	if err != nil {
		return Invited{}, err
	}
	if err := s.mayUse(ctx, c, at.id, "write.invites"); err != nil {
		return Invited{}, err
	}
	people, err := s.crew(ctx, c, "users", in.Users)
	if err != nil {
		return Invited{}, err
	}
	out, failed := s.invite(ctx, c, at.id, people)
	if len(out.Invited)+len(out.Already) == 0 {
		return Invited{}, s.stale(c, in.Channel, failed)
	}
	at = s.titled(ctx, c, at)
	out.ChannelID, out.Channel = at.id, at.shown()
	return out, nil
}

// invite invites all at once and, where Slack takes not all of them, each alone,
// since it says of a list only that something is wrong with one. failed is the
// last that went wrong.
func (s *service) invite(ctx context.Context, c *upstream.Client, id string, people []string) (out Invited, failed error) {
	names := s.names(ctx, c)
	ask := func(users ...string) error {
		return call(ctx, c, "conversations.invite", url.Values{"channel": {id}, "users": {strings.Join(users, ",")}}, false, nil)
	}
	err := ask(people...)
	if err == nil {
		out.Invited = names.shown(people)
		return out, nil
	}
	if len(people) > 1 && !perPerson(err) {
		out.Note = "Nobody was invited: " + fault.From(err).Message
		return out, err
	}
	var refused []string
	for i, p := range people {
		if len(people) > 1 {
			err = ask(p)
			c.Progress(float64(i+1), float64(len(people)), "people invited")
		}
		switch {
		case err == nil:
			out.Invited = append(out.Invited, names.shown([]string{p})...)
		case has(err, "already_in_channel"):
			out.Already = append(out.Already, names.shown([]string{p})...)
		default:
			failed = err
			refused = append(refused, named(names.person(p), p)+": "+fault.From(err).Message)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if len(refused) > 0 {
		out.Note = upstream.Clean("Not invited: "+strings.Join(refused, " "), 1500)
	}
	return out, failed
}

// perPerson reports whether an invitation failed for one of the people, so that
// the others may still be invited.
func perPerson(err error) bool {
	for _, code := range []string{
		"already_in_channel", "cant_invite_self", "cant_invite", "user_not_found", "user_is_restricted", "user_is_ultra_restricted", "ura_max_channels", "users_not_found",
		"user_not_visible", "user_team_not_in_channel", "failed_for_some_users", "user_disabled",
	} {
		if has(err, code) {
			return true
		}
	}
	return false
}
