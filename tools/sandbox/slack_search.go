package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// slackQuery is a search as Slack's syntax spells it.
type slackQuery struct {
	words, not    []string
	in, from      string
	after, before string // dates, of neither of which anything is found
	kind          string
	since, until  int64
	families      []string
	bots          bool
}

var slackTerm = pattern.New(`"[^"]*"|\S+`)

func parseSlackQuery(text string) slackQuery {
	var q slackQuery
	for _, t := range slackTerm.FindAllString(text, 50) {
		key, value, ok := strings.Cut(t, ":")
		switch {
		case ok && key == "in":
			q.in = strings.Trim(value, "<#@>")
		case ok && key == "from":
			q.from = strings.Trim(value, "<@>")
		case ok && key == "after":
			q.after = value
		case ok && key == "before":
			q.before = value
		case ok && key == "type":
			q.kind = value
		case ok && (key == "has" || key == "is"):
		case strings.HasPrefix(t, "-") && len(t) > 1:
			q.not = append(q.not, strings.ToLower(t[1:]))
		default:
			q.words = append(q.words, strings.ToLower(strings.Trim(t, `"`)))
		}
	}
	return q
}

func (q slackQuery) says(text string) bool {
	text = strings.ToLower(text)
	for _, w := range q.words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return !slices.ContainsFunc(q.not, func(w string) bool { return strings.Contains(text, w) })
}

type slackHit struct {
	ch *slackChannel
	m  *slackMessage
}

// search finds messages that the caller may see, the newest first.
func (w *slackWorkspace) search(c *slackCall, q slackQuery) []slackHit {
	var hits []slackHit
	for _, ch := range w.channels {
		_, family := ch.kindOf()
		visible := ch.has(c.token.user) || family == "channels"
		here := q.in == "" || q.in == ch.id || q.in == ch.name || ch.im && (q.in == ch.user || w.person(ch.user) != nil && w.person(ch.user).handle == q.in)
		if !visible || !here || !slices.Contains(q.families, family) {
			continue
		}
		for _, m := range ch.messages {
			sec, _ := strconv.ParseInt(m.ts[:10], 10, 64)
			date := time.Unix(sec, 0).UTC().Format(time.DateOnly)
			switch {
			case m.subtype != "", q.from != "" && m.user != q.from, m.app && !q.bots, !q.says(m.text):
			case q.since > 0 && sec < q.since, q.until > 0 && sec > q.until, q.after != "" && date <= q.after, q.before != "" && date >= q.before:
			default:
				hits = append(hits, slackHit{ch, m})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b slackHit) int { return strings.Compare(b.m.ts, a.m.ts) })
	return hits
}

// searchContext is the search of 2026. A bot needs an action token, which comes
// with an event that the app has been sent.
func (w *slackWorkspace) searchContext(c *slackCall) answer {
	if !c.token.searcher() {
		return slackError("invalid_action_token")
	}
	list := func(field string, standard string) []string {
		var all []string
		if json.Unmarshal([]byte(c.form.Get(field)), &all) != nil || len(all) == 0 {
			return []string{standard}
		}
		return all
	}
	text := c.form.Get("query")
	switch {
	case text == "":
		return slackError("missing_query")
	case len(text) > 2000:
		return slackError("query_too_long")
	}
	q := parseSlackQuery(text)
	for _, kind := range list("channel_types", "public_channel") {
		scope := map[string]string{"public_channel": "search:read.public", "private_channel": "search:read.private", "im": "search:read.im", "mpim": "search:read.mpim"}[kind]
		if scope == "" {
			return slackError("invalid_arguments")
		}
		if !c.token.has(scope) {
			return c.token.missing(scope)
		}
		q.families = append(q.families, map[string]string{"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}[kind])
	}
	q.since, _ = strconv.ParseInt(c.form.Get("after"), 10, 64)
	q.until, _ = strconv.ParseInt(c.form.Get("before"), 10, 64)
	q.bots = c.form.Get("include_bots") == "true"
	results := answer{}
	next := ""
	for _, kind := range list("content_types", "messages") {
		switch kind {
		case "messages":
			hits := w.search(c, q)
			from, to, more, bad := slackPage(c, "search", len(hits), 20, 20)
			if bad != "" {
				return slackError(bad)
			}
			found := []answer{}
			for _, h := range hits[from:to] {
				found = append(found, w.found(h, c.form.Get("include_context_messages") == "true"))
			}
			results["messages"], next = found, more
		case "files":
			if !c.token.has("search:read.files") {
				return c.token.missing("search:read.files")
			}
			found := []answer{}
			for _, f := range w.matching(c, q) {
				found = append(found, answer{
					"file_id": f.id, "title": f.title, "file_type": f.kind, "uploader_user_id": f.user, "author_user_id": f.user, "date_created": f.created, "team_id": slackTeam,
					"permalink": f.wire("")["permalink"],
				})
			}
			results["files"] = found
		}
	}
	return answer{"results": results, "response_metadata": answerOf("next_cursor", next)}
}

func (w *slackWorkspace) found(h slackHit, around bool) answer {
	a := answer{
		"author_user_id": h.m.user, "author_name": w.person(h.m.user).handle, "team_id": slackTeam, "channel_id": h.ch.id, "channel_name": h.ch.name,
		"message_ts": h.m.ts, "content": h.m.text, "is_author_bot": h.m.app, "permalink": slackURL + "archives/" + h.ch.id + "/p" + strings.ReplaceAll(h.m.ts, ".", ""),
	}
	if h.m.thread != "" {
		a["thread_ts"] = h.m.thread
	}
	if around {
		i := slices.Index(h.ch.messages, h.m)
		side := func(all []*slackMessage) []answer {
			list := []answer{}
			for _, m := range all {
				list = append(list, answer{"user_id": m.user, "author_name": w.person(m.user).handle, "text": m.text, "ts": m.ts})
			}
			return list
		}
		a["context_messages"] = answer{"before": side(h.ch.messages[max(0, i-2):i]), "after": side(h.ch.messages[i+1 : min(len(h.ch.messages), i+3)])}
	}
	return a
}

// matching are the files that a search finds, by name, title and text.
func (w *slackWorkspace) matching(c *slackCall, q slackQuery) []*slackFile {
	kinds := map[string][]string{"images": {"png"}, "pdfs": {"pdf"}, "canvases": {"quip"}}
	var all []*slackFile
	for _, f := range w.files {
		if w.seen(c, f) && q.says(f.name+"\n"+f.title+"\n"+string(f.content())) && (q.in == "" || slices.Contains(f.channels, q.in)) &&
			(q.from == "" || f.user == q.from) && (q.kind == "" || slices.Contains(kinds[q.kind], f.kind)) {
			all = append(all, f)
		}
	}
	return all
}

var slackFamilies = []string{"channels", "groups", "im", "mpim"}

// searchMessages is the search of old: all that its user may see.
func (w *slackWorkspace) searchMessages(c *slackCall) answer {
	if !c.token.searcher() {
		return slackError("not_allowed_token_type")
	}
	if c.form.Get("query") == "" {
		return slackError("no_query")
	}
	q := parseSlackQuery(c.form.Get("query"))
	q.families, q.bots = slackFamilies, true
	hits := w.search(c, q)
	count, err := strconv.Atoi(c.form.Get("count"))
	if err != nil || count < 1 || count > 100 {
		count = 20
	}
	from := 0
	if mark := c.form.Get("cursor"); mark != "*" && mark != "" {
		if from, err = strconv.Atoi(mark); err != nil || from < 0 || from > len(hits) {
			return slackError("invalid_cursor")
		}
	}
	to, next := min(len(hits), from+count), ""
	if to < len(hits) {
		next = strconv.Itoa(to)
	}
	matches := []answer{}
	for _, h := range hits[from:to] {
		a := answer{
			"type": "message", "team": slackTeam, "user": h.m.user, "username": w.person(h.m.user).handle, "text": h.m.text, "ts": h.m.ts,
			"permalink": slackURL + "archives/" + h.ch.id + "/p" + strings.ReplaceAll(h.m.ts, ".", ""),
			"channel":   answer{"id": h.ch.id, "name": h.ch.name, "is_private": h.ch.private, "is_im": h.ch.im, "is_mpim": h.ch.mpim, "is_shared": false},
		}
		if h.m.app {
			a["bot_id"] = slackBotID
		}
		if h.ch.im {
			a["channel"] = answer{"id": h.ch.id, "name": h.ch.user, "is_im": true, "is_private": false, "is_mpim": false}
		}
		matches = append(matches, a)
	}
	return answer{
		"query": c.form.Get("query"), "response_metadata": answerOf("next_cursor", next),
		"messages": answer{"matches": matches, "total": len(hits), "paging": answer{"count": count, "page": 1, "pages": 1, "total": len(hits)}},
	}
}

func (w *slackWorkspace) searchFiles(c *slackCall) answer {
	if !c.token.searcher() {
		return slackError("not_allowed_token_type")
	}
	q := parseSlackQuery(c.form.Get("query"))
	matches := []answer{}
	for _, f := range w.matching(c, q) {
		matches = append(matches, f.wire(c.base))
	}
	return answer{"query": c.form.Get("query"), "files": answer{"matches": matches, "total": len(matches), "paging": answer{"count": 20, "page": 1, "pages": 1, "total": len(matches)}}}
}
