package slack

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) reactionTools() []tools.Tool {
	return []tools.Tool{
		tools.New("slack_add_reaction", s.addReaction),
		tools.New("slack_remove_reaction", s.removeReaction),
		tools.New("slack_get_reactions", s.getReactions),
		tools.New("slack_search_emojis", s.searchEmojis),
	}
}

type reactionIn struct {
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Emoji   string `json:"emoji"`
}

// Reacted is a reaction that is there now.
type Reacted struct {
	ChannelID string `json:"channel_id"`
	TS        string `json:"ts"`
	Emoji     string `json:"emoji"`
	Already   bool   `json:"already,omitempty"` // it was there before
}

// Text says where.
func (r Reacted) Text() string {
	verb := "Added"
	if r.Already {
		verb = "Already there:"
	}
	return fmt.Sprintf("%s :%s: on ts %s in %s", verb, r.Emoji, r.TS, r.ChannelID)
}

// Unreacted is a reaction that is not there any more.
type Unreacted Reacted

// Text says where.
func (r Unreacted) Text() string {
	verb := "Removed"
	if r.Already {
		verb = "Was not there:"
	}
	return fmt.Sprintf("%s :%s: on ts %s in %s", verb, r.Emoji, r.TS, r.ChannelID)
}

var emojiForm = pattern.New(`^[\p{L}\p{M}\p{Nd}_+'.-]+(::skin-tone-[2-6])?$`)

// emojiName reads an emoji as people write it: thumbsup or :thumbsup:.
func emojiName(word string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(word))
	if len(name) > 2 && strings.HasPrefix(name, ":") && strings.HasSuffix(name, ":") {
		name = name[1 : len(name)-1]
	}
	if utf8.RuneCountInString(name) > 100 || !emojiForm.MatchString(name) {
		return "", fault.New(fault.InvalidArguments, "emoji: %q is no name of an emoji. Write it in words, such as thumbsup, eyes or white_check_mark; with a skin tone, thumbsup::skin-tone-2.", upstream.Clean(word, 40))
	}
	return name, nil
}

// react adds or removes a reaction. What is so already is a success.
func (s *service) react(ctx context.Context, c *upstream.Client, in reactionIn, method, same string) (Reacted, error) {
	emoji, err := emojiName(in.Emoji)
	if err != nil {
		return Reacted{}, err
	}
	at, err := s.message(ctx, c, "ts", in.Channel, in.TS, false)
	if err != nil {
		return Reacted{}, err
	}
	out := Reacted{ChannelID: at.id, TS: at.ts, Emoji: emoji}
	err = call(ctx, c, method, url.Values{"channel": {at.id}, "timestamp": {at.ts}, "name": {emoji}}, false, nil)
	if has(err, same) {
		out.Already, err = true, nil
	}
	if err != nil {
		return Reacted{}, s.stale(c, in.Channel, err)
	}
	return out, nil
}

// addReaction reacts to a message.
func (s *service) addReaction(ctx context.Context, c *upstream.Client, in reactionIn) (Reacted, error) {
	return s.react(ctx, c, in, "reactions.add", "already_reacted")
}

// removeReaction takes the app's own reaction back.
func (s *service) removeReaction(ctx context.Context, c *upstream.Client, in reactionIn) (Unreacted, error) {
	out, err := s.react(ctx, c, in, "reactions.remove", "no_reaction")
	return Unreacted(out), err
}

// ReactionList is who reacted to a message.
type ReactionList struct {
	ChannelID string     `json:"channel_id"`
	TS        string     `json:"ts"`
	Reactions []Reaction `json:"reactions"`
}

// Reaction is one emoji. Slack may name fewer people than it counts.
type Reaction struct {
	Emoji string   `json:"emoji"`
	Count int      `json:"count"`
	Users []string `json:"users"`
}

// Text is one line an emoji.
func (l ReactionList) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ts %s in %s\n", l.TS, l.ChannelID)
	for _, r := range l.Reactions {
		fmt.Fprintf(&b, ":%s: %d: %s\n", r.Emoji, r.Count, saidAll(r.Users))
	}
	return ending(&b, len(l.Reactions), "reactions", "", "")
}

// getReactions lists who reacted, at most fifty people an emoji.
func (s *service) getReactions(ctx context.Context, c *upstream.Client, in messageIn) (ReactionList, error) {
	at, err := s.message(ctx, c, "ts", in.Channel, in.TS, false)
	if err != nil {
		return ReactionList{}, err
	}
	var got struct {
		Message wireMessage `json:"message"`
	}
	if err := call(ctx, c, "reactions.get", url.Values{"channel": {at.id}, "timestamp": {at.ts}, "full": {"true"}}, true, &got); err != nil {
		return ReactionList{}, s.stale(c, in.Channel, err)
	}
	const most = 50
	names := s.names(ctx, c)
	out := ReactionList{ChannelID: at.id, TS: at.ts, Reactions: []Reaction{}}
	for _, r := range got.Message.Reactions[:min(len(got.Message.Reactions), most)] {
		item := Reaction{Emoji: label(r.Name), Count: max(0, r.Count), Users: names.shown(r.Users[:min(len(r.Users), most)])}
		if item.Users == nil {
			item.Users = []string{}
		}
		out.Reactions = append(out.Reactions, item)
	}
	return out, nil
}

type searchEmojisIn struct {
	Query  string `json:"query"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// EmojiList is a page of the workspace's own emoji.
type EmojiList struct {
	Emojis []Emoji `json:"emojis"`
	Total  int     `json:"total"`
	Next   string  `json:"next_cursor,omitempty"`
}

// Emoji is one of the workspace's own.
type Emoji struct {
	Name  string `json:"name"`
	Alias string `json:"alias_for,omitempty"`
}

// Text is one line an emoji.
func (l EmojiList) Text() string {
	var b strings.Builder
	for _, e := range l.Emojis {
		b.WriteString(":" + e.Name + ":")
		if e.Alias != "" {
			b.WriteString(" (is :" + e.Alias + ":)")
		}
		b.WriteByte('\n')
	}
	return ending(&b, len(l.Emojis), "custom emoji of that name; the standard ones are not listed", l.Next, "")
}

// searchEmojis finds custom emoji by parts of their names, separated by commas.
func (s *service) searchEmojis(ctx context.Context, c *upstream.Client, in searchEmojisIn) (EmojiList, error) {
	query := []string{"emojis", in.Query}
	from, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return EmojiList{}, err
	}
	all, err := s.emoji.Get(c.CredentialKey(), func() ([]Emoji, error) { return loadEmoji(ctx, c) })
	if err != nil {
		return EmojiList{}, err
	}
	fit := []Emoji{}
	for _, e := range all {
		for _, term := range strings.Split(strings.ToLower(in.Query), ",") {
			if term = strings.Trim(strings.TrimSpace(term), ":"); term != "" && strings.Contains(strings.ToLower(e.Name), term) {
				fit = append(fit, e)
				break
			}
		}
	}
	out := EmojiList{Total: len(fit)}
	out.Emojis, out.Next = tools.Page(query, from, fit, in.Limit, "")
	return out, nil
}

const maxEmoji = 20_000

func loadEmoji(ctx context.Context, c *upstream.Client) ([]Emoji, error) {
	var got struct {
		Emoji map[string]string `json:"emoji"`
	}
	if err := call(ctx, c, "emoji.list", nil, true, &got); err != nil {
		return nil, err
	}
	all := []Emoji{}
	for _, name := range slices.Sorted(maps.Keys(got.Emoji)) {
		e := Emoji{Name: label(name)}
		if alias, ok := strings.CutPrefix(got.Emoji[name], "alias:"); ok {
			e.Alias = label(alias)
		}
		if len(all) < maxEmoji && e.Name != "" {
			all = append(all, e)
		}
	}
	return all, nil
}
