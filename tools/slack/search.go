package slack

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) searchTools() []tools.Tool {
	return []tools.Tool{tools.New("slack_search_messages", s.searchMessages)}
}

const maxAround = 3 // messages shown before and after one that was found

type searchIn struct {
	Query   string `json:"query"`
	Channel string `json:"in_channel"`
	User    string `json:"from_user"`
	Since   string `json:"since"`
	Until   string `json:"until"`
	Where   string `json:"where"`
	Sort    string `json:"sort"`
	Bots    bool   `json:"include_bots"`
	Context bool   `json:"context"`
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// Found is a page of messages that were found.
type Found struct {
	Messages []FoundMessage `json:"messages"`
	Total    int            `json:"total,omitempty"` // where Slack says it
	Next     string         `json:"next_cursor,omitempty"`
	Note     string         `json:"note,omitempty"`
}

// FoundMessage is one of them.
type FoundMessage struct {
	ChannelID string   `json:"channel_id"`
	Channel   string   `json:"channel"`
	TS        string   `json:"ts"`
	Time      string   `json:"time"`
	Author    string   `json:"author"`
	AuthorID  string   `json:"author_id,omitempty"`
	Text      string   `json:"text"`
	Before    []string `json:"before,omitempty"` // "marta: …"
	After     []string `json:"after,omitempty"`
	Permalink string   `json:"permalink,omitempty"`
}

// Text is one line a message, and those around it.
func (f Found) Text() string {
	var b strings.Builder
	quoted := func(text string) string { return upstream.Quote(strings.ReplaceAll(text, "\n", " ⏎ ")) }
	for _, m := range f.Messages {
		fmt.Fprintf(&b, "%s %s [ts %s] %s: %s", m.Time, named(m.Channel, m.ChannelID), m.TS, named(m.Author, m.AuthorID), quoted(m.Text))
		for _, part := range []struct {
			word  string
			texts []string
		}{{"before", m.Before}, {"after", m.After}} {
			for _, t := range part.texts {
				b.WriteString(" {" + part.word + ": " + quoted(t) + "}")
			}
		}
		if m.Permalink != "" {
			b.WriteString(" " + m.Permalink)
		}
		b.WriteByte('\n')
	}
	if f.Total > 0 {
		fmt.Fprintf(&b, "%d in all\n", f.Total)
	}
	return ending(&b, len(f.Messages), "messages found", f.Next, f.Note)
}

// modifiers are those of Slack's syntax that an argument stands for.
var modifiers = map[string]*regexp.Regexp{
	"in":   regexp.MustCompile(`(?i)(^|[^\pL\pN_])in\s*[:：]`),
	"from": regexp.MustCompile(`(?i)(^|[^\pL\pN_])from\s*[:：]`),
}

// onlyOnce refuses words that name a channel or a person beside the argument that
// does: Slack may find what fits either, and a rule was about the argument.
func onlyOnce(query, modifier, argument, given string) error {
	if given == "" || !modifiers[modifier].MatchString(query) {
		return nil
	}
	return fault.New(fault.InvalidArguments, "query: leave %s: out of it where %s is given, or leave %s out.", modifier, argument, argument)
}

// searching is a search with its names resolved.
type searching struct {
	searchIn
	at             place  // in_channel; zero: anywhere
	with           string // where that is direct messages: whose, a user id
	user           place
	oldest, latest string
	families       []string // of conversations that may be searched
}

// searchMessages searches by Slack's search of 2026, and by the one of old where
// that is not to be had. Both want the token of a user.
func (s *service) searchMessages(ctx context.Context, c *upstream.Client, in searchIn) (Found, error) {
	query := in
	query.Limit, query.Cursor = 0, ""
	cursor, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Found{}, err
	}
	if err := onlyOnce(in.Query, "in", "in_channel", in.Channel); err != nil {
		return Found{}, err
	}
	if err := onlyOnce(in.Query, "from", "from_user", in.User); err != nil {
		return Found{}, err
	}
	q := searching{searchIn: in}
	if q.families, err = searchable(c, in.Where); err != nil {
		return Found{}, err
	}
	if q.oldest, q.latest, err = s.span(ctx, c, in.Since, in.Until); err != nil {
		return Found{}, err
	}
	if in.Channel != "" {
		if err := s.searchIn(ctx, c, &q); err != nil {
			return Found{}, err
		}
	}
	if in.User != "" {
		if q.user, err = s.who(ctx, c, "from_user", in.User); err != nil {
			return Found{}, err
		}
	}
	old, _ := s.legacy.Get(c.CredentialKey(), func() (bool, error) { return false, nil })
	if of, rest, ok := strings.Cut(cursor.Cursor, " "); ok { // a cursor is good where it comes from
		old, cursor.Cursor = of == "old", rest
	}
	if !old {
		out, err := s.searchContext(ctx, c, q, query, cursor)
		if !notHere(err) || in.Cursor != "" {
			return out, tokenOfUser(err)
		}
		s.legacy.Keep(c.CredentialKey(), true)
		old, lack := s.searchOld(ctx, c, q, query, cursor)
		if notHere(lack) { // neither: what the first one lacks is what to ask for
			return Found{}, tokenOfUser(err)
		}
		return old, lack
	}
	out, err := s.searchOld(ctx, c, q, query, cursor)
	return out, tokenOfUser(err)
}

// searchable are the kinds of conversations of which the call may search.
func searchable(c *upstream.Client, where string) ([]string, error) {
	families := []string{"channels"}
	if where != "all" {
		return families, nil
	}
	for family, scope := range map[string]string{"groups": "search:read.private", "im": "search:read.im", "mpim": "search:read.mpim"} {
		if c.Allows(scope) {
			families = append(families, family)
		}
	}
	if len(families) == 1 {
		return nil, notGranted("search:read.private")
	}
	slices.Sort(families)
	return families, nil
}

// searchIn narrows a search to one conversation, which has to be of a kind that
// is searched.
func (s *service) searchIn(ctx context.Context, c *upstream.Client, q *searching) error {
	at, err := s.find(ctx, c, q.Channel)
	if err != nil {
		return err
	}
	family := "im"
	switch {
	case userID.MatchString(at.id):
		q.with = at.id
		at, err = s.directWith(ctx, c, at)
	case at.id[0] == 'D':
		var ch channel
		ch, err = channelInfo(ctx, c, at.id)
		q.with = ch.User
	default:
		family, err = s.familyOf(ctx, c, at.id)
	}
	q.at = at
	switch {
	case err != nil:
		return err
	case slices.Contains(q.families, family):
		q.families = []string{family}
		return nil
	case q.Where == "all":
		scope := map[string]string{"groups": "search:read.private"}[family]
		if scope == "" {
			scope = "search:read." + family
		}
		return notGranted(scope)
	}
	return fault.New(fault.InvalidArguments, "%s is not a public channel. Search it with where: all.", at.shown())
}

// notHere reports whether a search failed because this way of searching is not
// to be had with this token or in this workspace.
func notHere(err error) bool {
	for _, code := range []string{
		"feature_not_enabled", "assistant_search_context_disabled", "missing_scope", "not_allowed_token_type", "unknown_method", "invalid_action_token", "method_not_supported",
	} {
		if has(err, code) {
			return true
		}
	}
	return false
}

// tokenOfUser says of a search that a bot has tried what it would take.
func tokenOfUser(err error) error {
	if !has(err, "not_allowed_token_type") && !has(err, "invalid_action_token") {
		return err
	}
	f := *fault.From(err)
	f.Kind, f.Retryable, f.NotSent = fault.NotPermitted, false, true
	f.Message = "Slack lets only the token of a user search, and this is a bot's (" + f.Code + "). An admin can connect Slack with a user scope such as search:read (toolvault connect slack); until then, read the channel with slack_read_channel."
	f.Needed = []string{"search:read"}
	return &f
}

// terms are what Slack's syntax adds to the words that are looked for. Ids are
// used: a name could be spelt so that it is more than a name.
func (q searching) terms(dates bool) string {
	text := strings.TrimSpace(q.Query)
	switch {
	case userID.MatchString(q.with):
		text += " in:<@" + q.with + ">"
	case q.at.id != "":
		text += " in:<#" + q.at.id + ">"
	}
	if q.user.id != "" {
		text += " from:<@" + q.user.id + ">"
	}
	if !dates {
		return text
	}
	// The search of old knows days only, and neither of the two that it is given.
	if q.oldest != "" {
		text += " after:" + day(q.oldest, -1)
	}
	if q.latest != "" {
		text += " before:" + day(q.latest, 1)
	}
	return text
}

func seconds(ts string) int64 {
	if !tsForm.MatchString(ts) {
		return 0
	}
	n, _ := strconv.ParseInt(ts[:10], 10, 64)
	return n
}
