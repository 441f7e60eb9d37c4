package slack

import (
	"regexp"
	"strings"

	"toolvault/tools/upstream"
)

// resolver names people and channels.
type resolver interface {
	person(id string) string
	channel(id string) string
}

var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// marks are where Slack's *bold* and ~struck out~ differ from Markdown's. A word
// that is marked twice is Markdown already.
var marks = []struct {
	form *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`(^|[\s(\[_~>"'])\*([^\s*](?:[^*\n]*[^\s*])?)\*($|[\s)\].,:;!?_~"'])`), "${1}**${2}**${3}"},
	{regexp.MustCompile(`(^|[\s(\[_*>"'])~([^\s~](?:[^~\n]*[^\s~])?)~($|[\s)\].,:;!?_*"'])`), "${1}~~${2}~~${3}"},
}

// emphasis turns Slack's marks into Markdown's, but for what is code.
func emphasis(text string) string {
	if !strings.ContainsAny(text, "*~") {
		return text
	}
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		for _, m := range marks {
			parts[i] = m.form.ReplaceAllString(parts[i], m.to)
			parts[i] = m.form.ReplaceAllString(parts[i], m.to) // those that share the blank between them
		}
	}
	return strings.Join(parts, "`")
}

// readable turns Slack's markup into Markdown for a model: <@U…> into @name,
// <#C…|name> into #name, links into their label and address, *bold* into
// **bold**, &lt; into <. What people do not see is removed; at most limit
// characters are left.
// docs.slack.dev/messaging/formatting-message-text.
func readable(text string, names resolver, limit int) string {
	const most = 64 << 10 // Slack cuts a text at 40,000 characters
	if len(text) > most {
		text = text[:most]
	}
	var b strings.Builder
	for text != "" {
		start := strings.IndexByte(text, '<')
		if start < 0 {
			break
		}
		end := strings.IndexAny(text[start+1:], "<>\n")
		if end < 0 || text[start+1+end] != '>' {
			b.WriteString(entities.Replace(text[:start+1]))
			text = text[start+1:]
			continue
		}
		b.WriteString(entities.Replace(text[:start]))
		b.WriteString(token(text[start+1:start+1+end], names))
		text = text[start+end+2:]
	}
	b.WriteString(entities.Replace(text))
	return upstream.CleanLines(emphasis(b.String()), limit)
}

// token is what stands between < and >.
func token(t string, names resolver) string {
	head, shown, labelled := strings.Cut(t, "|")
	shown = entities.Replace(shown)
	switch {
	case strings.HasPrefix(head, "@"):
		if id := head[1:]; userID.MatchString(id) {
			return "@" + strings.TrimPrefix(names.person(id), "@")
		}
		return "@" + label(strings.TrimPrefix(shown, "@"))
	case strings.HasPrefix(head, "#"):
		if shown != "" {
			return "#" + label(strings.TrimPrefix(shown, "#"))
		}
		if name := names.channel(head[1:]); name != "" {
			return name
		}
		return "#" + label(head[1:])
	case strings.HasPrefix(head, "!"):
		if shown != "" { // a user group, or a date and its fallback
			return label(shown)
		}
		word, _, _ := strings.Cut(head[1:], "^")
		return "@" + label(word)
	}
	address := strings.TrimPrefix(entities.Replace(head), "mailto:")
	if !labelled || shown == "" || shown == address {
		return address
	}
	return shown + " (" + address + ")"
}

// wireMessage is a message as Slack sends it.
type wireMessage struct {
	Type     string `json:"type"`
	Subtype  string `json:"subtype"`
	User     string `json:"user"`
	Username string `json:"username"`
	BotID    string `json:"bot_id"`
	Text     string `json:"text"`
	TS       string `json:"ts"`
	ThreadTS string `json:"thread_ts"`
	Replies  int    `json:"reply_count"`
	Profile  struct {
		Name string `json:"name"`
	} `json:"bot_profile"`
	Edited *struct {
		TS string `json:"ts"`
	} `json:"edited"`
	Reactions   []wireReaction `json:"reactions"`
	Files       []file         `json:"files"`
	Attachments []struct {
		Fallback string `json:"fallback"`
		Title    string `json:"title"`
		Text     string `json:"text"`
	} `json:"attachments"`
	Blocks []block `json:"blocks"`
}

// wireReaction is an emoji on a message, and who put it there.
type wireReaction struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	Users []string `json:"users"`
}

// block is a node of Block Kit, as far as its text goes.
type block struct {
	Type     string  `json:"type"`
	Text     any     `json:"text"` // a text, or an object with one
	Fields   []block `json:"fields"`
	Elements []block `json:"elements"`
	URL      string  `json:"url"`
	UserID   string  `json:"user_id"`
	Name     string  `json:"name"`
}

// body is what a message says: its text, or, where an app sent only blocks or
// attachments, theirs.
func (m wireMessage) body() string {
	if strings.TrimSpace(m.Text) != "" {
		return m.Text
	}
	var b strings.Builder
	for _, x := range m.Blocks {
		x.write(&b, 0)
		b.WriteByte('\n')
	}
	for _, a := range m.Attachments {
		for _, part := range []string{a.Title, a.Text} {
			if part != "" {
				b.WriteString(part + "\n")
			}
		}
		if a.Title == "" && a.Text == "" {
			b.WriteString(a.Fallback + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}

func (x block) write(b *strings.Builder, depth int) {
	if depth > 8 || b.Len() > 64<<10 {
		return
	}
	switch t := x.Text.(type) {
	case string:
		b.WriteString(t)
	case map[string]any:
		if s, ok := t["text"].(string); ok {
			b.WriteString(s)
		}
	default:
		switch {
		case x.Type == "user" && x.UserID != "":
			b.WriteString("<@" + x.UserID + ">")
		case x.Type == "link":
			b.WriteString(x.URL)
		case x.Type == "emoji":
			b.WriteString(":" + x.Name + ":")
		}
	}
	for _, f := range x.Fields {
		b.WriteByte(' ')
		f.write(b, depth+1)
	}
	for _, e := range x.Elements {
		e.write(b, depth+1)
		if e.Type == "rich_text_section" || x.Type == "rich_text" {
			b.WriteByte('\n')
		}
	}
}
