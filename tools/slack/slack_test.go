package slack

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const description = "slack/slack-openapi3-from-docs-2026-08-20.json"

// world is the service in front of the double, with every request checked
// against the official description on its way.
type world struct {
	t      *testing.T
	svc    tools.Service
	double *double.Double
	base   string
	secret string
	asked  []string // methods, in order
	now    time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	w.double = sandbox.NewSlackAt(func() time.Time { return w.now })
	w.svc, w.secret = newService(func() time.Time { return w.now }), w.double.Secret
	guarded := toolstest.TrySpec(t, description).Guard(t, "", w.double, toolstest.Answers())
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		want := "Bearer " + w.secret
		if strings.HasPrefix(r.URL.Path, "/upload/") { // its address is secret enough
			want = ""
		}
		if h := r.Header.Get("Authorization"); h != want {
			t.Errorf("Authorization of %s is not the one that belongs there", r.URL.Path)
		}
		method, isMethod := strings.CutPrefix(r.URL.Path, "/api/")
		w.asked = append(w.asked, method)
		if !isMethod { // a file
			w.double.ServeHTTP(rw, r)
			return
		}
		if r.Method != http.MethodPost || r.URL.RawQuery != "" {
			t.Errorf("%s %s: every method is called by POST, and nothing stands in the address", r.Method, r.URL)
		}
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), w.secret) {
			t.Errorf("%s: the token stands in the body", method)
		}
		if strings.HasPrefix(method, "usergroups.") && !strings.HasSuffix(method, "list") && !strings.HasSuffix(method, "able") {
			body = asJSON(body)
			r.Header.Set("Content-Type", "application/json")
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		guarded.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.base = server.URL + "/api"
	return w
}

// asJSON is a form as the JSON that Slack takes in its place: the validator reads
// no form whose description has lists of what has no type.
func asJSON(form []byte) []byte {
	fields, _ := url.ParseQuery(string(form))
	body := map[string]any{}
	for k := range fields {
		switch v := fields.Get(k); {
		case k == "users":
			body[k] = strings.Split(v, ",")
		case v == "true", v == "false":
			body[k] = v == "true"
		default:
			body[k] = v
		}
	}
	b, _ := json.Marshal(body)
	return b
}

func (w *world) client() *upstream.Client {
	return toolstest.Client(w.svc.Endpoint, w.base, toolstest.Static{Scheme: vault.Bearer, Secret: w.secret})
}

func (w *world) call(tool, args string) (any, error) {
	w.t.Helper()
	return toolstest.Call(w.t, w.svc, w.client(), tool, args)
}

func (w *world) must(tool, args string) any {
	w.t.Helper()
	out, err := w.call(tool, args)
	if err != nil {
		w.t.Fatalf("%s %s: %v", tool, args, err)
	}
	return out
}

func (w *world) fails(kind fault.Kind, code, tool, args string) *fault.Error {
	w.t.Helper()
	_, err := w.call(tool, args)
	f := fault.From(err)
	if f == nil || f.Kind != kind || f.Code != code {
		w.t.Fatalf("%s %s: got %v, want %s %s", tool, args, err, kind, code)
	}
	return f
}

func TestHandlersFitTheirSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestPostsToAChannelByName(t *testing.T) {
	w := newWorld(t)
	p := w.must("slack_post_message", `{"channel":"#support-updates","text":"**Acme**: looked at <b>exports</b>"}`).(Posted)
	if p.ChannelID != "C07SUPUPD8S1" || p.Channel != "#support-updates" || !strings.HasPrefix(p.Permalink, "https://northwind-support.slack.com/archives/C07SUPUPD8S1/p") {
		t.Errorf("%+v", p)
	}
	posts := sandbox.SlackPosts(w.double)
	if len(posts) != 1 || posts[0].Text != "**Acme**: looked at <b>exports</b>" || posts[0].TS != p.TS {
		t.Errorf("%+v", posts)
	}
	if got := strings.Join(w.asked, " "); got != "users.conversations chat.postMessage auth.test" {
		t.Errorf("asked %s", got)
	}
	w.asked = nil
	w.must("slack_post_message", `{"channel":"#support-updates","text":"again"}`)
	if got := strings.Join(w.asked, " "); got != "chat.postMessage" {
		t.Errorf("the second time asked %s: names are kept", got)
	}
	reply := w.must("slack_post_message", `{"channel":"C07SUPUPD8S1","text":"reply","thread_ts":"`+p.TS+`","reply_broadcast":true}`).(Posted)
	if !strings.Contains(reply.Permalink, "thread_ts="+p.TS) || reply.Channel != "#support-updates" {
		t.Errorf("%+v", reply)
	}
}

func TestPostsToAPerson(t *testing.T) {
	for _, who := range []string{"@marta", "marta.klein@northwind.example", "U07MARTAKLN", "@Marta Klein"} {
		w := newWorld(t)
		p := w.must("slack_post_message", `{"channel":"`+who+`","text":"hello"}`).(Posted)
		if p.ChannelID[0] != 'D' || !strings.HasPrefix(p.Channel, "@") {
			t.Errorf("%s: %+v", who, p)
		}
	}
}

func TestAnAppThatMayNotListChannelsStillPosts(t *testing.T) {
	w := newWorld(t)
	w.secret = sandbox.SlackToken(w.double, "chat:write")
	p := w.must("slack_post_message", `{"channel":"#support-updates","text":"hello"}`).(Posted)
	if p.ChannelID != "C07SUPUPD8S1" {
		t.Errorf("%+v", p)
	}
}

func TestWhereAMessageCannotGo(t *testing.T) {
	w := newWorld(t)
	w.fails(fault.NotPermitted, "not_in_channel", "slack_post_message", `{"channel":"#random","text":"x"}`)
	w.fails(fault.NotFound, "", "slack_post_message", `{"channel":"#incident-room","text":"x"}`)
	w.fails(fault.NotFound, "channel_not_found", "slack_post_message", `{"channel":"C07INCIDENT1","text":"x"}`)
	w.fails(fault.Conflict, "is_archived", "slack_post_message", `{"channel":"C07OLDPROJ01","text":"x"}`)
	w.fails(fault.NotFound, "cannot_reply_to_message", "slack_post_message", `{"channel":"#general","text":"x","thread_ts":"1700000000.000100"}`)
	w.fails(fault.InvalidArguments, "", "slack_post_message", `{"channel":"support-updates","text":"x"}`)
	w.fails(fault.NotFound, "", "slack_post_message", `{"channel":"@nobody","text":"x"}`)
	w.fails(fault.NotFound, "users_not_found", "slack_post_message", `{"channel":"nobody@northwind.example","text":"x"}`)
	if len(sandbox.SlackPosts(w.double)) != 0 {
		t.Error("something was posted")
	}
	w.asked = nil
	w.fails(fault.NotFound, "", "slack_post_message", `{"channel":"#incident-room","text":"x"}`)
	if len(w.asked) != 0 {
		t.Errorf("asked %v: that there is no such channel is kept too", w.asked)
	}
	w.now = w.now.Add(absentTTL)
	w.fails(fault.NotFound, "", "slack_post_message", `{"channel":"#incident-room","text":"x"}`)
	if len(w.asked) == 0 {
		t.Error("it is kept for ever")
	}
}

func TestAMissingScopeIsNamed(t *testing.T) {
	w := newWorld(t)
	w.secret = sandbox.SlackToken(w.double, "channels:read", "channels:history")
	f := w.fails(fault.NotPermitted, "missing_scope", "slack_post_message", `{"channel":"#support-updates","text":"x"}`)
	if len(f.Needed) != 1 || f.Needed[0] != "chat:write" || f.Retryable || !f.NotSent {
		t.Errorf("%+v", f)
	}
	f = w.fails(fault.NotPermitted, "missing_scope", "slack_list_channels", `{"type":"private"}`)
	if len(f.Needed) != 1 || f.Needed[0] != "groups:read" {
		t.Errorf("%+v", f)
	}
	// Names of people are not to be had: their ids are shown.
	l := w.must("slack_read_channel", `{"channel":"#general"}`).(MessageList)
	if l.Messages[0].Author != "U07TOMOKONM" {
		t.Errorf("%+v", l.Messages[0])
	}
}

func TestReadsAChannel(t *testing.T) {
	w := newWorld(t)
	l := w.must("slack_read_channel", `{"channel":"#support-updates"}`).(MessageList)
	if len(l.Messages) != 2 || l.Next != "" {
		t.Fatalf("%+v", l)
	}
	m := l.Messages[0]
	if m.Author != "marta" || m.Text != "Who looks after Acme? @jonas Dana Whitfield wrote again: exports > 50k rows time out." || m.Replies != 2 || m.Time != "2026-11-23T08:55:00Z" || m.Reactions[0] != "eyes 2" || m.Permalink == "" {
		t.Errorf("%+v", m)
	}
	if got := l.Messages[1].Text; got != "Two new tickets overnight, both about exports. Status page (https://status.northwind.example) is green." {
		t.Errorf("%q", got)
	}
	thread := w.must("slack_read_thread", `{"channel":"#support-updates","thread_ts":"`+m.TS+`"}`).(MessageList)
	if len(thread.Messages) != 3 || thread.Messages[0].TS != m.TS || thread.Messages[1].ThreadTS != m.TS || !strings.Contains(thread.Messages[1].Text, "#incident-room") {
		t.Errorf("%+v", thread)
	}
	if lines := strings.Count(thread.Text(), "\n"); lines != 3 {
		t.Errorf("one line a message and one for the channel:\n%s", thread.Text())
	}
	none := w.must("slack_read_channel", `{"channel":"#support-updates","since":"5m"}`).(MessageList)
	if len(none.Messages) != 0 {
		t.Errorf("%+v", none)
	}
	day := w.must("slack_read_channel", `{"channel":"#support-updates","since":"2026-11-23","until":"2026-11-23T08:50:00Z"}`).(MessageList)
	if len(day.Messages) != 1 {
		t.Errorf("%+v", day)
	}
	w.fails(fault.NotPermitted, "not_in_channel", "slack_read_channel", `{"channel":"#random"}`)
	w.fails(fault.NotFound, "thread_not_found", "slack_read_thread", `{"channel":"#general","thread_ts":"1700000000.000100"}`)
	w.fails(fault.InvalidArguments, "", "slack_read_channel", `{"channel":"#general","since":"some time ago"}`)
	w.fails(fault.InvalidArguments, "", "slack_read_channel", `{"channel":"#general","since":"1h","until":"2h"}`)
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	var seen []string
	cursor := ""
	for range 10 {
		l := w.must("slack_read_thread", `{"channel":"#support-updates","thread_ts":"1795424100.000125","limit":1,"cursor":"`+cursor+`"}`).(MessageList)
		for _, m := range l.Messages {
			seen = append(seen, m.Author)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "marta jonas priya" {
		t.Errorf("read %q: each message once", got)
	}
	first := w.must("slack_read_channel", `{"channel":"#support-updates","limit":1}`).(MessageList)
	if len(first.Messages) != 1 || first.Next == "" {
		t.Fatalf("%+v", first)
	}
	w.must("slack_read_channel", `{"channel":"#support-updates","limit":1,"cursor":"`+first.Next+`"}`)
	w.fails(fault.InvalidArguments, "", "slack_read_channel", `{"channel":"#general","limit":1,"cursor":"`+first.Next+`"}`)
	w.fails(fault.InvalidArguments, "", "slack_read_channel", `{"channel":"#general","cursor":"%%%"}`)
}

func TestListsChannels(t *testing.T) {
	w := newWorld(t)
	names := func(args string) string {
		var all []string
		for _, c := range w.must("slack_list_channels", args).(ChannelList).Channels {
			all = append(all, c.Name)
		}
		return strings.Join(all, " ")
	}
	for args, want := range map[string]string{
		`{}`:                                "#general #support-updates #bot-notes",
		`{"joined":false}`:                  "#general #support-updates #random #bot-notes",
		`{"include_archived":true}`:         "#general #support-updates #csv-migration-2025 #bot-notes",
		`{"name_contains":"announcements"}`: "#general",
		`{"type":"private"}`:                "#support-leads",
		`{"type":"private","joined":false}`: "#support-leads",
		`{"name_contains":"#Support"}`:      "#support-updates",
		`{"type":"im"}`:                     "",
	} {
		if got := names(args); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	l := w.must("slack_list_channels", `{"limit":1}`).(ChannelList)
	if len(l.Channels) != 1 || l.Next == "" {
		t.Errorf("%+v", l)
	}
	if _, err := w.call("slack_list_channels", `{"type":"public_channel"}`); err == nil {
		t.Error("an unknown type was taken")
	}
}

func TestFindsPeople(t *testing.T) {
	w := newWorld(t)
	for query, want := range map[string]string{
		"marta": "U07MARTAKLN", "@jonas": "U07JONASBRK", "SHARMA": "U07PRIYASHR", "tomoko.nomura@northwind.example": "U07TOMOKONM",
		"support engineer": "U07JONASBRK", "engineer -backend": "U07JONASBRK", "priya.sharma@": "U07PRIYASHR",
		"nobody@northwind.example": "", "leaver": "", "zzz": "",
	} {
		l := w.must("slack_search_users", `{"query":"`+query+`"}`).(UserList)
		got := ""
		if len(l.Users) > 0 {
			got = l.Users[0].ID
		}
		if got != want || len(l.Users) > 1 {
			t.Errorf("%s: %+v, want %s", query, l.Users, want)
		}
	}
	if l := w.must("slack_search_users", `{"query":"northwind.example","limit":2}`).(UserList); len(l.Users) != 2 || l.Next == "" {
		t.Errorf("%+v", l)
	}
}

func TestReactsOnceAndAgain(t *testing.T) {
	w := newWorld(t)
	const at = `{"channel":"#support-updates","ts":"1795424100.000125","emoji":"thumbsup"}`
	if r := w.must("slack_add_reaction", at).(Reacted); r.Already {
		t.Errorf("%+v", r)
	}
	if r := w.must("slack_add_reaction", at).(Reacted); !r.Already {
		t.Errorf("%+v: it was there", r)
	}
	w.fails(fault.InvalidArguments, "invalid_name", "slack_add_reaction", strings.Replace(at, "thumbsup", "no_such", 1))
	w.fails(fault.NotFound, "message_not_found", "slack_add_reaction", strings.Replace(at, "1795424100", "1795424101", 1))
}

func TestProbeSaysWhoseTokenItIs(t *testing.T) {
	w := newWorld(t)
	who, err := w.svc.Probe(t.Context(), w.client())
	if err != nil || !strings.Contains(who, "Northwind Support") || !strings.Contains(who, "bot toolvault") {
		t.Errorf("%q, %v", who, err)
	}
}
