package slack

import (
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// narrowTTL is how long it is believed that an app may read one page of history
// a minute.
const (
	narrowTTL  = time.Hour
	narrowPage = 15
)

// tier is one of Slack's rates, for a method in a workspace
// (docs.slack.dev/apis/web-api/rate-limits). Slack lets bursts pass; half a
// minute's calls at once stay within its count.
type tier struct {
	burst int
	every time.Duration
}

var tiers = map[string]tier{
	"t1": {1, time.Minute},
	"t2": {10, 3 * time.Second},
	"t3": {25, 1200 * time.Millisecond},
	"t4": {50, 600 * time.Millisecond},
}

// methodTiers are the tiers of the methods that are called here. Those that
// Slack calls special and gives no number for are not among them; the search of
// 2026 has ten a minute in small workspaces and more in others, and Retry-After
// tells which.
var methodTiers = map[string]string{
	"conversations.list": "t2", "users.conversations": "t3", "conversations.info": "t3", "conversations.members": "t4",
	"conversations.history": "t3", "conversations.replies": "t3", "conversations.open": "t3", "conversations.join": "t3",
	"conversations.create": "t2", "conversations.invite": "t3", "conversations.archive": "t2", "conversations.unarchive": "t2",
	"conversations.setTopic": "t2", "conversations.setPurpose": "t2", "conversations.rename": "t2", "conversations.mark": "t3",
	"chat.update": "t3", "chat.delete": "t3", "chat.scheduleMessage": "t3", "chat.scheduledMessages.list": "t3", "chat.deleteScheduledMessage": "t3",
	"users.list": "t2", "users.info": "t4", "users.lookupByEmail": "t3", "users.getPresence": "t3",
	"reactions.add": "t3", "reactions.remove": "t2", "reactions.get": "t3",
	"files.info": "t4", "files.list": "t3", "files.getUploadURLExternal": "t4", "files.completeUploadExternal": "t4",
	"search.messages": "t2", "search.files": "t2",
	"usergroups.list": "t2", "usergroups.create": "t2", "usergroups.update": "t2", "usergroups.enable": "t2",
	"usergroups.disable": "t2", "usergroups.users.update": "t2", "emoji.list": "t2",
	"canvases.create": "t2", "canvases.edit": "t3", "canvases.sections.lookup": "t3",
}

// limits are what a request counts against. A message may be posted to a channel
// once a second, with a little burst. History is a case of its own: an app that
// is sold but not in Slack's marketplace gets one request a minute, which shows
// only in what Slack answers (docs.slack.dev/changelog, 2025-05-29).
func (s *service) limits(c *upstream.Client, req *upstream.Request) []upstream.Limit {
	if req.Host != "" { // a file
		return nil
	}
	method := strings.TrimPrefix(req.Path, "/")
	limit := upstream.Limit{Key: name + " " + c.AccountKey() + " " + method}
	switch t, known := tiers[methodTiers[method]]; {
	case method == "chat.postMessage":
		limit.Key += " " + req.Form.Get("channel")
		limit.Burst, limit.Every = 3, time.Second
	case isHistory(method) && s.isNarrow(c):
		limit.Burst, limit.Every = 1, time.Minute
	case known:
		limit.Burst, limit.Every = t.burst, t.every
	default:
		return nil
	}
	return []upstream.Limit{limit}
}

func isHistory(method string) bool {
	return method == "conversations.history" || method == "conversations.replies"
}

// isNarrow reports whether Slack has shown lately that this app may read one page
// of history a minute.
func (s *service) isNarrow(c *upstream.Client) bool {
	narrow, err := s.narrow.Get(c.AccountKey(), func() (bool, error) { return false, fault.New(fault.NotFound, "not known") })
	return err == nil && narrow
}

// historyPage is how many messages to ask for.
func (s *service) historyPage(c *upstream.Client, want int) int {
	if s.isNarrow(c) {
		return min(want, narrowPage)
	}
	return min(want, maxHistory)
}

// throttled looks at how a request for history has failed: to wait for half a
// minute or more is what only an app with one request a minute has to.
func (s *service) throttled(c *upstream.Client, err error) error {
	f := fault.From(err)
	if f == nil || f.Kind != fault.RateLimited || f.Status == 0 || f.RetryAfter < 30*time.Second { // our own has no status
		return err
	}
	s.narrow.Keep(c.AccountKey(), true)
	g := *f
	g.Message += " It lets this app read one page of at most 15 messages a minute, as it does with apps that are sold outside its marketplace."
	return &g
}
