package slack

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

func TestEditsAndDeletesItsOwn(t *testing.T) {
	w := newWorld(t)
	u := w.must("slack_update_message", `{"ts":"`+ownLink+`","text":"**0** waiting"}`).(Updated)
	if u.Channel != "#bot-notes" || u.Permalink != ownLink {
		t.Errorf("%+v", u)
	}
	if m := w.must("slack_get_message", `{"ts":"`+ownLink+`"}`).(OneMessage); m.Message.Text != "**0** waiting" || !m.Message.Edited {
		t.Errorf("%+v", m)
	}
	w.fails(fault.NotPermitted, "cant_update_message", "slack_update_message", `{"ts":"`+parentLink+`","text":"x"}`)
	w.fails(fault.NotPermitted, "cant_delete_message", "slack_delete_message", `{"ts":"`+parentLink+`"}`)
	if d := w.must("slack_delete_message", `{"ts":"`+ownLink+`"}`).(Deleted); d.Already {
		t.Errorf("%+v", d)
	}
	if d := w.must("slack_delete_message", `{"ts":"`+ownLink+`"}`).(Deleted); !d.Already {
		t.Errorf("%+v", d)
	}
	w.fails(fault.NotFound, "message_not_found", "slack_update_message", `{"ts":"`+ownLink+`","text":"x"}`)
}

func TestSchedules(t *testing.T) {
	w := newWorld(t)
	s := w.must("slack_schedule_message", `{"channel":"#support-updates","text":"Good morning","post_at":"tomorrow 9:00"}`).(Scheduled)
	if s.PostAt != "2026-11-25T08:00:00Z" || s.Channel != "#support-updates" { // nine in Berlin
		t.Errorf("%+v", s)
	}
	w.must("slack_schedule_message", `{"channel":"@marta","text":"hi","post_at":"2h"}`)
	l := w.must("slack_list_scheduled_messages", `{"channel":"#support-updates"}`).(ScheduledList)
	if len(l.Messages) != 2 || l.Messages[0].ID != s.ID || l.Messages[0].Text != "Good morning" || l.Messages[0].PostAt != s.PostAt {
		t.Errorf("%+v", l)
	}
	first := w.must("slack_list_scheduled_messages", `{"limit":1}`).(ScheduledList)
	if len(first.Messages) != 1 || first.Next == "" || first.Messages[0].Channel != "@marta" {
		t.Errorf("%+v", first)
	}
	if c := w.must("slack_cancel_scheduled_message", `{"scheduled_message_id":"`+s.ID+`"}`).(Cancelled); c.Already || c.Said != "Good morning" || c.PostAt != s.PostAt {
		t.Errorf("%+v", c)
	}
	if c := w.must("slack_cancel_scheduled_message", `{"scheduled_message_id":"`+strings.TrimPrefix(s.ID, "Q")+`"}`).(Cancelled); !c.Already {
		t.Errorf("%+v", c)
	}
	w.fails(fault.InvalidArguments, "", "slack_cancel_scheduled_message", `{"scheduled_message_id":"the one of tomorrow"}`)
	w.asked = nil
	for _, at := range []string{"2026-11-24T08:00:00Z", "121d", "whenever"} {
		if f := w.fails(fault.InvalidArguments, "", "slack_schedule_message", `{"channel":"#support-updates","text":"x","post_at":"`+at+`"}`); !strings.HasPrefix(f.Message, "post_at: ") {
			t.Error(f.Message)
		}
	}
	if len(w.asked) > 0 {
		t.Errorf("asked %v", w.asked)
	}
}

// What is posted makes Slack fetch no address: a link that an outsider has talked a
// model into posting would carry data away.
func TestNothingIsUnfurled(t *testing.T) {
	w := newWorld(t)
	seen := map[string]url.Values{}
	server := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err == nil {
			seen[r.URL.Path] = r.PostForm
		}
		w.double.ServeHTTP(rw, r)
	}))
	c := toolstest.Client(w.svc.Endpoint, server+"/api", toolstest.Static{Scheme: vault.Bearer, Secret: w.secret})
	const link = "https://evil.example/?leak=1"
	for tool, args := range map[string]string{
		"slack_post_message":     `{"channel":"#support-updates","text":"` + link + `"}`,
		"slack_schedule_message": `{"channel":"#support-updates","text":"` + link + `","post_at":"2h"}`,
	} {
		if _, err := toolstest.Call(t, w.svc, c, tool, args); err != nil {
			t.Fatal(err)
		}
		if _, err := toolstest.Call(t, w.svc, c, tool, strings.TrimSuffix(args, "}")+`,"unfurl_links":true}`); err == nil {
			t.Errorf("%s: a model can switch it on", tool)
		}
	}
	for _, path := range []string{"/api/chat.postMessage", "/api/chat.scheduleMessage"} {
		if f := seen[path]; f.Get("unfurl_links") != "false" || f.Get("unfurl_media") != "false" {
			t.Errorf("%s: %v", path, f)
		}
	}
}

func TestReactionsAndEmoji(t *testing.T) {
	w := newWorld(t)
	w.must("slack_add_reaction", `{"ts":"`+parentLink+`","emoji":"eyes"}`)
	l := w.must("slack_get_reactions", `{"ts":"`+parentLink+`"}`).(ReactionList)
	if len(l.Reactions) != 1 || l.Reactions[0].Count != 3 || l.Reactions[0].Users[2] != "toolvault (U07TVSANDBX)" {
		t.Errorf("%+v", l)
	}
	if r := w.must("slack_remove_reaction", `{"ts":"`+parentLink+`","emoji":"eyes"}`).(Unreacted); r.Already {
		t.Errorf("%+v", r)
	}
	if r := w.must("slack_remove_reaction", `{"ts":"`+parentLink+`","emoji":"eyes"}`).(Unreacted); !r.Already {
		t.Errorf("%+v", r)
	}
	if none := w.must("slack_get_reactions", `{"channel":"#general","ts":"1795422900.000105"}`).(ReactionList); len(none.Reactions) != 0 {
		t.Errorf("%+v", none)
	}
	w.fails(fault.InvalidArguments, "", "slack_add_reaction", `{"ts":"`+parentLink+`","emoji":"👍"}`)
	e := w.must("slack_search_emojis", `{"query":"PARROT, acme","limit":2}`).(EmojiList)
	if e.Total != 3 || len(e.Emojis) != 2 || e.Emojis[1].Alias != "party_parrot" || e.Next == "" {
		t.Errorf("%+v", e)
	}
	w.asked = nil
	if rest := w.must("slack_search_emojis", `{"query":"PARROT, acme","limit":2,"cursor":"`+e.Next+`"}`).(EmojiList); len(rest.Emojis) != 1 || len(w.asked) != 0 {
		t.Errorf("%+v, asked %v", rest, w.asked)
	}
}

func TestWhoAmI(t *testing.T) {
	w := newWorld(t)
	a := w.must("slack_whoami", `{}`).(Account)
	if a.Kind != "bot" || a.TeamID != "T07NRTHWND1" || a.Account != "@toolvault" || a.TimeZone != "Europe/Berlin" || len(a.Scopes) < 20 || a.Note == "" {
		t.Errorf("%+v", a)
	}
	w.secret, w.svc = sandbox.SlackUserToken(w.double, "users:read"), newService(w.svcNow)
	if a := w.must("slack_whoami", `{}`).(Account); a.Kind != "user" || a.Account != "@marta" || len(a.Scopes) != 1 || a.Note != "" {
		t.Errorf("%+v", a)
	}
	if p := w.must("slack_get_user", `{}`).(Profile); p.ID != "U07MARTAKLN" || p.LocalTime != "2026-11-24T10:00:00+01:00" || !p.Admin {
		t.Errorf("%+v", p)
	}
	if p := w.must("slack_get_user", `{"user":"U07GONEPERS"}`).(Profile); !p.Deactivated {
		t.Errorf("%+v", p)
	}
	w.fails(fault.InvalidArguments, "", "slack_get_user", `{"user":"#general"}`)
}

func TestReadsFromTheRightTimeInTheRightDetail(t *testing.T) {
	w := newWorld(t)
	if l := w.must("slack_read_channel", `{"channel":"#support-updates","since":"yesterday 9:50"}`).(MessageList); len(l.Messages) != 1 || l.Messages[0].TS != parentTS {
		t.Errorf("ten to nine in UTC: %+v", l)
	}
	if l := w.must("slack_read_channel", `{"channel":"#support-updates","include_joins":true}`).(MessageList); len(l.Messages) != 3 {
		t.Errorf("%+v", l)
	}
	d := w.must("slack_read_channel", `{"channel":"#support-updates","response_format":"detailed"}`).(MessageList)
	if d.Messages[0].Reactions[0] != "eyes 2: jonas, priya" || d.Messages[1].Files[0] != "export-errors.csv (F07EXPORTS01, text/csv, 305 bytes)" {
		t.Errorf("%+v", d)
	}
}

// Slack gives some apps fewer messages than they ask for: the answer says so, and
// goes on where it stopped.
func TestAShortPageSaysSo(t *testing.T) {
	var messages []string
	for i := range 15 {
		messages = append(messages, fmt.Sprintf(`{"type":"message","user":"U01234567","ts":"1795424100.%06d","text":"x"}`, 900-i))
	}
	c, _ := canned(t, map[string]string{
		"conversations.history": `{"ok":true,"messages":[` + strings.Join(messages, ",") + `],"has_more":true,"response_metadata":{"next_cursor":"bmV4dA=="}}`,
	})
	out, err := toolstest.Call(t, New(), c, "slack_read_channel", `{"channel":"C0123456789","limit":100}`)
	if l, ok := out.(MessageList); err != nil || !ok || len(l.Messages) != 15 || l.Next == "" || !strings.Contains(l.Note, "15 of the 100") || !strings.Contains(l.Text(), l.Note) {
		t.Errorf("%+v %v", out, err)
	}
	// And one that gives more than was asked for is cut, with the way to the rest.
	out, err = toolstest.Call(t, New(), c, "slack_read_channel", `{"channel":"C0123456789","limit":10}`)
	l, ok := out.(MessageList)
	if err != nil || !ok || len(l.Messages) != 10 || l.Next == "" {
		t.Fatalf("%+v %v", out, err)
	}
	out, err = toolstest.Call(t, New(), c, "slack_read_channel", `{"channel":"C0123456789","limit":10,"cursor":"`+l.Next+`"}`)
	if rest, ok := out.(MessageList); err != nil || !ok || len(rest.Messages) != 5 || rest.Messages[0].TS != "1795424100.000890" {
		t.Errorf("%+v %v", out, err)
	}
}
