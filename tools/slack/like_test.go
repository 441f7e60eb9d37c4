package slack

import (
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
)

// TestAWrongNameIsAnsweredWithNearOnes and never with one that the call may not
// know of.
func TestAWrongNameIsAnsweredWithNearOnes(t *testing.T) {
	w := newWorld(t)
	says := func(tool, args string, granted ...string) string {
		c := w.client()
		c.Permit(func(scope string) bool { return slices.Contains(granted, scope) })
		_, err := toolstest.Call(t, w.svc, c, tool, args)
		f := fault.From(err)
		if f == nil || f.Kind != fault.NotFound {
			t.Fatalf("%s %s: %v", tool, args, err)
		}
		return f.Message
	}
	list := w.must("slack_list_channels", `{"type":"private"}`).(ChannelList)
	private := list.Channels[0].Name
	for _, c := range []struct {
		tool, args string
		granted    []string
		want       string // "": nothing is proposed
	}{
		{"slack_get_channel", `{"channel":"#support"}`, []string{"channels:read"}, "Did you mean «#support-updates»?"},
		{"slack_get_channel", `{"channel":"#suport-updates"}`, []string{"channels:read"}, "Did you mean «#support-updates»?"},
		{"slack_get_channel", `{"channel":"#suport-updates"}`, []string{"channels:read"}, "Did you mean «#support-updates»?"}, // from memory
		{"slack_get_channel", `{"channel":"#suport-updates"}`, nil, ""},
		{"slack_get_channel", `{"channel":"` + private + `s"}`, []string{"groups:read"}, "Did you mean «" + private + "»?"},
		{"slack_get_channel", `{"channel":"` + private + `s"}`, []string{"channels:read"}, ""},
		{"slack_get_channel", `{"channel":"#zzzzzz"}`, []string{"channels:read"}, ""},
		{"slack_get_user", `{"user":"@mata"}`, []string{"users:read"}, "Did you mean «@marta»?"},
		{"slack_get_user", `{"user":"@mata"}`, nil, ""},
	} {
		got := says(c.tool, c.args, c.granted...)
		if c.want == "" && strings.Contains(got, "Did you mean") || !strings.Contains(got, c.want) {
			t.Errorf("%s with %v: %s", c.args, c.granted, got)
		}
	}
}

// TestTheLinksOfAPageAreSaidOnce: what the text says of them leads to each message.
func TestTheLinksOfAPageAreSaidOnce(t *testing.T) {
	w := newWorld(t)
	w.must("slack_post_message", `{"channel":"#support-updates","text":"to all","thread_ts":"`+parentTS+`","reply_broadcast":true}`)
	channel := w.must("slack_read_channel", `{"channel":"#support-updates"}`).(MessageList)
	first, _, _ := strings.Cut(channel.Text(), "\n")
	_, form, ok := strings.Cut(first, ", links: ")
	if !ok || len(channel.Messages) < 3 {
		t.Fatalf("no links in %q", first)
	}
	for _, m := range channel.Messages {
		link := strings.Replace(form, "[ts without its dot]", strings.Replace(m.TS, ".", "", 1), 1)
		if m.ThreadTS == "" && link != m.Permalink || m.ThreadTS != "" && !strings.HasPrefix(m.Permalink, link) {
			t.Errorf("%s, and %s", link, m.Permalink)
		}
	}
	thread := w.must("slack_read_thread", `{"thread_ts":"`+parentLink+`","limit":2}`).(MessageList)
	if first, _, _ := strings.Cut(thread.Text(), "\n"); !strings.HasSuffix(first, ", link: "+parentLink) {
		t.Error(first)
	}
	rest := w.must("slack_read_thread", `{"thread_ts":"`+parentLink+`","limit":2,"cursor":"`+thread.Next+`"}`).(MessageList)
	if first, _, _ := strings.Cut(rest.Text(), "\n"); strings.Contains(first, "link") {
		t.Errorf("of replies alone: %s", first)
	}
	if text := w.must("slack_list_files", `{}`).(FileList).Text(); !strings.Contains(text, "https://northwind-support.slack.com/files/") {
		t.Error("a file has no link:", text)
	}
}
