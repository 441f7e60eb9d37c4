package slack

import (
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
)

const (
	parentTS   = "1795424100.000125"
	parentLink = "https://northwind-support.slack.com/archives/C07SUPUPD8S1/p1795424100000125"
	replyTS    = "1795425000.000140"
	replyLink  = "https://northwind-support.slack.com/archives/C07SUPUPD8S1/p1795425000000140?thread_ts=1795424100.000125&cid=C07SUPUPD8S1"
	ownLink    = "https://northwind-support.slack.com/archives/C07BOTNOTES1/p1795426200000160"
)

func TestAPermalinkStandsForAMessage(t *testing.T) {
	w := newWorld(t)
	for _, ts := range []string{parentLink, "<" + parentLink + ">", " " + parentLink + "/ "} {
		if m := w.must("slack_get_message", `{"ts":"`+ts+`"}`).(OneMessage); m.Message.TS != parentTS || m.Channel != "#support-updates" || m.Message.Permalink != parentLink {
			t.Errorf("%s: %+v", ts, m)
		}
	}
	reply := w.must("slack_get_message", `{"ts":"`+replyLink+`"}`).(OneMessage)
	if reply.Message.TS != replyTS || reply.Message.ThreadTS != parentTS || reply.Message.Permalink != replyLink {
		t.Errorf("%+v", reply)
	}
	alone := w.must("slack_get_message", `{"channel":"#support-updates","ts":"`+replyTS+`","context":1}`).(OneMessage)
	if alone.Message.TS != replyTS || len(alone.Before) != 1 || alone.Before[0].Author != "jonas" {
		t.Errorf("a ts does not tell that it is a reply: %+v", alone)
	}
	for _, link := range []string{parentLink, replyLink} {
		if l := w.must("slack_read_thread", `{"thread_ts":"`+link+`"}`).(MessageList); len(l.Messages) != 3 || l.Messages[0].TS != parentTS {
			t.Errorf("%s: %+v", link, l)
		}
	}
	if r := w.must("slack_add_reaction", `{"ts":"`+replyLink+`","emoji":":eyes:"}`).(Reacted); r.Emoji != "eyes" || r.TS != replyTS || r.ChannelID != "C07SUPUPD8S1" {
		t.Errorf("%+v", r)
	}
	p := w.must("slack_post_message", `{"channel":"#support-updates","text":"x","thread_ts":"`+replyLink+`"}`).(Posted)
	if !strings.Contains(p.Permalink, "thread_ts="+parentTS) {
		t.Errorf("a reply to a reply goes to its thread: %+v", p)
	}
}

// A rule may say to which channels an agent may write, and looks at the argument
// channel: a permalink must not lead to another.
func TestAPermalinkCannotLeadAwayFromTheChannel(t *testing.T) {
	w := newWorld(t)
	before := w.double.Snapshot()
	for _, call := range []struct{ tool, args string }{
		{"slack_add_reaction", `{"channel":"#general","ts":"` + parentLink + `","emoji":"eyes"}`},
		{"slack_update_message", `{"channel":"#support-updates","ts":"` + ownLink + `","text":"x"}`},
		{"slack_delete_message", `{"channel":"#support-updates","ts":"` + ownLink + `"}`},
		{"slack_post_message", `{"channel":"#general","text":"x","thread_ts":"` + parentLink + `"}`},
		{"slack_schedule_message", `{"channel":"#general","text":"x","post_at":"2h","thread_ts":"` + parentLink + `"}`},
		{"slack_upload_file", `{"channel":"#general","filename":"a.txt","content":"x","thread_ts":"` + parentLink + `"}`},
		{"slack_mark_read", `{"channel":"#general","ts":"` + parentLink + `"}`},
		{"slack_get_message", `{"channel":"#general","ts":"` + parentLink + `"}`},
	} {
		if f := w.fails(fault.InvalidArguments, "", call.tool, call.args); !strings.Contains(f.Message, "C07") {
			t.Errorf("%s: %s", call.tool, f.Message)
		}
	}
	for k, v := range w.double.Snapshot() {
		if before[k] != v {
			t.Errorf("%s changed", k)
		}
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	w := newWorld(t)
	for _, ts := range []string{
		"https://evil.example/archives/C07SUPUPD8S1/p1795424100000125", "http://northwind-support.slack.com/archives/C07SUPUPD8S1/p1795424100000125",
		"https://x:y@northwind-support.slack.com/archives/C07SUPUPD8S1/p1795424100000125", "https://northwind-support.slack.com.evil.example/archives/C07SUPUPD8S1/p1795424100000125",
		"https://northwind-support.slack.com/archives/C07SUPUPD8S1", "1795424100000125", "the newest one",
	} {
		if f := w.fails(fault.InvalidArguments, "", "slack_get_message", `{"channel":"#support-updates","ts":"`+ts+`"}`); !strings.Contains(f.Message, "1795424100.000125") {
			t.Errorf("%s: %s", ts, f.Message)
		}
	}
	w.fails(fault.InvalidArguments, "", "slack_get_message", `{"ts":"`+parentTS+`"}`)
	if len(w.asked) > 0 {
		t.Errorf("asked %v for what is no message", w.asked)
	}
	w.fails(fault.NotFound, "thread_not_found", "slack_get_message", `{"channel":"#support-updates","ts":"1795424100.000199"}`)
}

// An agent that was granted public channels uses an app that may use everything.
func TestOnlyWhatWasGrantedIsUsed(t *testing.T) {
	w := newWorld(t)
	public := []string{"channels:read", "channels:history", "channels:manage", "channels:write.invites", "chat:write", "search:read.public", "files:read", "im:write"}
	leads := "https://northwind-support.slack.com/archives/C07SUPLEADS1/p1795424100000125"
	for _, call := range []struct{ tool, args, needs string }{
		{"slack_read_channel", `{"channel":"#support-leads"}`, "groups:history"},
		{"slack_get_message", `{"ts":"` + leads + `"}`, "groups:history"},
		{"slack_read_thread", `{"thread_ts":"` + leads + `"}`, "groups:history"},
		{"slack_get_channel", `{"channel":"#support-leads"}`, "groups:read"},
		{"slack_list_channel_members", `{"channel":"#support-leads"}`, "groups:read"},
		{"slack_list_unread", `{"type":"private"}`, "groups:history"},
		{"slack_mark_read", `{"channel":"#support-leads","ts":"1795424100.000125"}`, "groups:write"},
		{"slack_update_channel", `{"channel":"#support-leads","topic":"x"}`, "groups:write"},
		{"slack_invite_to_channel", `{"channel":"#support-leads","users":["@priya"]}`, "groups:write.invites"},
		{"slack_create_channel", `{"name":"secret","private":true}`, "groups:write"},
		{"slack_open_dm", `{"users":["@marta","@jonas"]}`, "mpim:write"},
		{"slack_search_messages", `{"query":"x","where":"all"}`, "search:read.private"},
		{"slack_list_files", `{"query":"x"}`, "search:read.files"},
	} {
		before := w.double.Snapshot()
		c := w.client()
		c.Permit(func(scope string) bool { return slices.Contains(public, scope) })
		_, err := toolstest.Call(t, w.svc, c, call.tool, call.args)
		f := fault.From(err)
		if f == nil || f.Kind != fault.NotPermitted || !slices.Equal(f.Needed, []string{"slack:" + call.needs}) || !f.NotSent {
			t.Errorf("%s %s: %v, want %s", call.tool, call.args, f, call.needs)
		}
		for k, v := range w.double.Snapshot() {
			if before[k] != v {
				t.Errorf("%s: %s changed", call.tool, k)
			}
		}
	}
}

func FuzzPermalink(f *testing.F) {
	for _, s := range []string{parentLink, replyLink, "https://a.slack.com/archives/C1/p1", "%zz", "<https://a.slack.com/archives/C07SUPUPD8S1/p1795424100000125?thread_ts=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		channel, ts, thread, ok := permalinked(s)
		if ok && (!channelID.MatchString(channel) || !tsForm.MatchString(ts) || thread != "" && !tsForm.MatchString(thread)) {
			t.Errorf("%q: %q %q %q", s, channel, ts, thread)
		}
	})
}

func TestNoDirectMessagesYet(t *testing.T) {
	w := newWorld(t)
	f := w.fails(fault.NotFound, "", "slack_read_channel", `{"channel":"@priya"}`)
	if !strings.Contains(f.Message, "no direct messages with @priya") {
		t.Error(f.Message)
	}
	w.must("slack_post_message", `{"channel":"@priya","text":"hello"}`)
	if l := w.must("slack_read_channel", `{"channel":"@priya"}`).(MessageList); len(l.Messages) != 1 || l.ChannelID[0] != 'D' {
		t.Errorf("%+v", l)
	}
}
