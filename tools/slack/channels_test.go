package slack

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

func TestMakesAChannelAndPeopleComeIn(t *testing.T) {
	w := newWorld(t)
	made := w.must("slack_create_channel", `{"name":"#acme-exports","topic":"Exports","purpose":"Mend them","invite":["@jonas","marta.klein@northwind.example"]}`).(CreatedChannel)
	if made.Channel != "#acme-exports" || len(made.Invited) != 2 || made.Note != "" || made.URL == "" {
		t.Errorf("%+v", made)
	}
	info := w.must("slack_get_channel", `{"channel":"#acme-exports"}`).(ChannelInfo)
	if info.Topic != "Exports" || info.Purpose != "Mend them" || info.Members != 3 || info.Type != "public" || !info.Joined {
		t.Errorf("%+v", info)
	}
	in := w.must("slack_invite_to_channel", `{"channel":"#acme-exports","users":["@marta","@priya"]}`).(Invited)
	if len(in.Invited) != 1 || len(in.Already) != 1 || in.Note != "" {
		t.Errorf("%+v", in)
	}
	some := w.must("slack_create_channel", `{"name":"b","invite":["U07GONEPERS","@jonas"]}`).(CreatedChannel)
	if len(some.Invited) != 1 || !strings.Contains(some.Note, "U07GONEPERS") {
		t.Errorf("one who has left keeps nobody out, and fails nothing: %+v", some)
	}
	w.fails(fault.NotFound, "user_not_found", "slack_invite_to_channel", `{"channel":"#b","users":["U07GONEPERS"]}`)
	w.fails(fault.Conflict, "name_taken", "slack_create_channel", `{"name":"general"}`)
	if f := w.fails(fault.InvalidArguments, "", "slack_create_channel", `{"name":"Acme Exports!"}`); !strings.Contains(f.Message, `"acme-exports"`) {
		t.Error(f.Message)
	}
	before := len(w.double.Snapshot())
	w.fails(fault.NotFound, "", "slack_create_channel", `{"name":"c","invite":["@nobody"]}`)
	if len(w.double.Snapshot()) != before {
		t.Error("a channel was made though somebody is not known")
	}
}

func TestChangesAChannel(t *testing.T) {
	w := newWorld(t)
	c := w.must("slack_update_channel", `{"channel":"#bot-notes","topic":"","purpose":"p","name":"notes","archived":true}`).(ChangedChannel)
	if strings.Join(c.Changed, " ") != "topic purpose name archived" || c.Channel != "#notes" || !c.Archived {
		t.Errorf("%+v", c)
	}
	if got := w.double.Snapshot()["channel C07BOTNOTES1"]; got != `#notes topic "" purpose "p" private false archived true` {
		t.Error(got)
	}
	w.fails(fault.NotFound, "", "slack_post_message", `{"channel":"#bot-notes","text":"x"}`)
	again := w.must("slack_update_channel", `{"channel":"#notes","archived":false}`).(ChangedChannel)
	if again.Archived || again.ChannelID != "C07BOTNOTES1" {
		t.Errorf("an archived channel is found by its name: %+v", again)
	}
	f := w.fails(fault.Conflict, "name_taken", "slack_update_channel", `{"channel":"#notes","topic":"t","name":"general"}`)
	if !strings.HasPrefix(f.Message, "Changed topic; the name was not") || f.NotSent {
		t.Errorf("%+v", f)
	}
	w.fails(fault.InvalidArguments, "", "slack_update_channel", `{"channel":"#notes"}`)
	w.fails(fault.NotPermitted, "cant_archive_general", "slack_update_channel", `{"channel":"#general","archived":true}`)
}

func TestJoinsAndOpens(t *testing.T) {
	w := newWorld(t)
	w.fails(fault.NotPermitted, "not_in_channel", "slack_post_message", `{"channel":"#random","text":"x"}`)
	if j := w.must("slack_join_channel", `{"channel":"#random"}`).(Joined); j.Already {
		t.Errorf("%+v", j)
	}
	if j := w.must("slack_join_channel", `{"channel":"C07RANDOM001"}`).(Joined); !j.Already || j.Channel != "#random" {
		t.Errorf("%+v", j)
	}
	w.must("slack_post_message", `{"channel":"#random","text":"x"}`)
	one := w.must("slack_open_dm", `{"users":["@marta"]}`).(Opened)
	two := w.must("slack_open_dm", `{"users":["@marta","@jonas","U07MARTAKLN"]}`).(Opened)
	again := w.must("slack_open_dm", `{"users":["@jonas","@marta"]}`).(Opened)
	if one.ChannelID[0] != 'D' || two.ChannelID == one.ChannelID || again.ChannelID != two.ChannelID || !again.Already || len(two.Users) != 2 {
		t.Errorf("%+v %+v %+v", one, two, again)
	}
	if l := w.must("slack_list_channels", `{"type":"mpim"}`).(ChannelList); len(l.Channels) != 1 || l.Channels[0].ID != two.ChannelID {
		t.Errorf("%+v", l)
	}
	w.fails(fault.InvalidArguments, "", "slack_open_dm", `{"users":["#general"]}`)
}

func TestMembers(t *testing.T) {
	w := newWorld(t)
	var seen []string
	cursor := ""
	for range 10 {
		l := w.must("slack_list_channel_members", `{"channel":"#support-updates","limit":2,"response_format":"detailed","cursor":"`+cursor+`"}`).(MemberList)
		for _, m := range l.Members {
			seen = append(seen, m.Handle+" "+m.Email)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if len(seen) != 5 || seen[1] != "@marta marta.klein@northwind.example" {
		t.Errorf("%v", seen)
	}
	w.asked = nil
	ids := w.must("slack_list_channel_members", `{"channel":"C07SUPUPD8S1","response_format":"ids"}`).(MemberList)
	if len(ids.Members) != 5 || ids.Members[0].Handle != "" || slices.Contains(w.asked, "users.info") {
		t.Errorf("%+v, asked %v", ids, w.asked)
	}
	w.secret = sandbox.SlackToken(w.double, "channels:read")
	few := w.must("slack_list_channel_members", `{"channel":"C07SUPUPD8S1"}`).(MemberList)
	if len(few.Members) != 5 || !strings.Contains(few.Note, "users:read") {
		t.Errorf("%+v", few)
	}
}

func TestUnread(t *testing.T) {
	w := newWorld(t)
	l := w.must("slack_list_unread", `{}`).(UnreadList)
	if len(l.Channels) != 1 || l.Channels[0].Count != 2 || l.Channels[0].Messages[0].TS != parentTS || l.Channels[0].LastRead == "" {
		t.Errorf("%+v", l)
	}
	if one := w.must("slack_list_unread", `{"messages":1}`).(UnreadList); len(one.Channels[0].Messages) != 1 || one.Channels[0].Count != 2 {
		t.Errorf("%+v", one)
	}
	if none := w.must("slack_list_unread", `{"mentions_only":true}`).(UnreadList); len(none.Channels) != 0 {
		t.Errorf("%+v", none)
	}
	w.must("slack_mark_read", `{"channel":"#support-updates"}`)
	if none := w.must("slack_list_unread", `{}`).(UnreadList); len(none.Channels) != 0 {
		t.Errorf("%+v", none)
	}
	// With the token of a person, it is what that person has not read.
	w.secret = sandbox.SlackUserToken(w.double, "channels:read", "channels:history", "users:read")
	hers := w.must("slack_list_unread", `{"limit":2}`).(UnreadList)
	if len(hers.Channels) == 0 || hers.Next == "" {
		t.Errorf("%+v", hers)
	}
	w.fails(fault.InvalidArguments, "", "slack_mark_read", `{}`)
}

func TestUsergroups(t *testing.T) {
	w := newWorld(t)
	l := w.must("slack_list_usergroups", `{"include_disabled":true,"include_users":true}`).(UsergroupList)
	if l.Total != 2 || l.Usergroups[0].Users[0] != "marta (U07MARTAKLN)" || !l.Usergroups[1].Disabled {
		t.Errorf("%+v", l)
	}
	made := w.must("slack_create_usergroup", `{"name":"Export crew","handle":"@export-crew","users":["@priya"]}`).(Usergroup)
	if made.Handle != "@export-crew" || made.Count != 1 {
		t.Errorf("%+v", made)
	}
	for _, word := range []string{"@export-crew", "Export crew", made.ID, "export crew"} {
		if g := w.must("slack_update_usergroup", `{"usergroup":"`+word+`","description":"d"}`).(Usergroup); g.ID != made.ID {
			t.Errorf("%s: %+v", word, g)
		}
	}
	g := w.must("slack_update_usergroup", `{"usergroup":"@support-crew","add":["@priya"],"remove":["@marta"],"name":"First line","handle":"first-line","disabled":true}`).(Usergroup)
	if g.Count != 2 || g.Name != "First line" || !g.Disabled || slices.Contains(g.Users, "marta (U07MARTAKLN)") {
		t.Errorf("%+v", g)
	}
	before := w.double.Snapshot()
	w.fails(fault.InvalidArguments, "", "slack_update_usergroup", `{"usergroup":"@export-crew","remove":["@priya"],"name":"x"}`)
	if w.double.Snapshot()["usergroup "+made.ID] != before["usergroup "+made.ID] {
		t.Error("it was renamed though nobody would be left in it")
	}
	w.fails(fault.Conflict, "handle_already_exists", "slack_create_usergroup", `{"name":"x","handle":"export-crew"}`)
	if f := w.fails(fault.NotFound, "", "slack_update_usergroup", `{"usergroup":"@export-crow","name":"x"}`); !strings.Contains(f.Message, "export-crew") {
		t.Error(f.Message)
	}
}

// History that is limited to one request a minute is known as such from the first
// refusal on: smaller pages, and a rate that the client can wait for.
func TestNarrowHistory(t *testing.T) {
	w := newWorld(t)
	s := w.service2()
	limitsOf := func(c *upstream.Client, method string, form map[string][]string) []upstream.Limit {
		return s.limits(c, &upstream.Request{Path: "/" + method, Form: form})
	}
	c := w.client()
	c.Account("T07NRTHWND1")
	if l := limitsOf(c, "conversations.history", nil); len(l) != 1 || l[0].Every != 1200*time.Millisecond || l[0].Key != "slack T07NRTHWND1 conversations.history" {
		t.Errorf("%+v", l)
	}
	busy := fault.New(fault.RateLimited, "Slack is limiting the rate of calls.")
	busy.Status, busy.RetryAfter = 429, 5*time.Second
	if err := s.throttled(c, busy); err != busy || s.isNarrow(c) {
		t.Error("five seconds are an ordinary limit")
	}
	busy.RetryAfter = time.Minute
	if f := fault.From(s.throttled(c, busy)); f.RetryAfter != time.Minute || !strings.Contains(f.Message, "15 messages a minute") {
		t.Errorf("%+v", f)
	}
	if l := limitsOf(c, "conversations.replies", nil); l[0].Burst != 1 || l[0].Every != time.Minute || s.historyPage(c, 100) != 15 {
		t.Errorf("%+v", l)
	}
	if l := limitsOf(c, "users.info", nil); l[0].Every != 600*time.Millisecond {
		t.Errorf("other methods are as before: %+v", l)
	}
	other := w.client()
	other.Account("T0OTHER0001")
	if s.isNarrow(other) || s.historyPage(other, 100) != 100 {
		t.Error("another workspace is not")
	}
	w.now = w.now.Add(narrowTTL)
	if s.isNarrow(c) {
		t.Error("it is believed for ever")
	}
	if l := limitsOf(c, "chat.postMessage", map[string][]string{"channel": {"C07GENERAL01"}}); l[0].Key != "slack T07NRTHWND1 chat.postMessage C07GENERAL01" || l[0].Every != time.Second {
		t.Errorf("%+v", l)
	}
	if l := s.limits(c, &upstream.Request{Path: "/files-pri/x", Host: "https://files.slack.com"}); l != nil {
		t.Errorf("%+v", l)
	}
}

func (w *world) service2() *service {
	s := w.service()
	s.narrow = names.NewCache[bool](w.svcNow, narrowTTL)
	return s
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// Where the rate is limited on the way, what was found so far is the answer.
func TestUnreadStopsWhereItIsLimited(t *testing.T) {
	w := newWorld(t)
	n := 0
	guard := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "conversations.history") {
			if n++; n > 2 {
				rw.Header().Set("Retry-After", "60")
				rw.WriteHeader(http.StatusTooManyRequests)
				return
			}
		}
		w.double.ServeHTTP(rw, r)
	})
	server := serve(t, guard)
	c := toolstest.Client(w.svc.Endpoint, server+"/api", toolstest.Static{Scheme: vault.Bearer, Secret: w.secret})
	out, err := toolstest.Call(t, w.svc, c, "slack_list_unread", `{}`)
	l, ok := out.(UnreadList)
	if err != nil || !ok || len(l.Channels) != 1 || l.Next == "" || !strings.Contains(l.Note, "2 of 3 channels") {
		t.Fatalf("%+v %v", l, err)
	}
	n = 0
	out, err = toolstest.Call(t, w.svc, c, "slack_list_unread", `{"cursor":"`+l.Next+`"}`)
	if rest, ok := out.(UnreadList); err != nil || !ok || len(rest.Channels) != 0 || rest.Next != "" {
		t.Errorf("%+v %v", out, err)
	}
}
