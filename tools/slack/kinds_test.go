package slack

import (
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/toolstest"
)

// TestOnlyWhatWasGrantedIsRead lets an agent that was granted public channels use
// an app that may read everything.
func TestOnlyWhatWasGrantedIsRead(t *testing.T) {
	w := newWorld(t)
	read := func(channel string, granted ...string) error {
		c := w.client()
		c.Permit(func(scope string) bool { return slices.Contains(granted, scope) })
		_, err := toolstest.Call(t, w.svc, c, "slack_read_channel", `{"channel":"`+channel+`"}`)
		return err
	}
	private := privateChannel(t, w)
	if err := read("#general", "channels:history"); err != nil {
		t.Error("a public channel:", err)
	}
	for channel, scope := range map[string]string{private: "groups:history", "D0123456789": "im:history", "U0123456789": "im:history"} {
		f := fault.From(read(channel, "channels:history"))
		if f == nil || f.Kind != fault.NotPermitted || !slices.Equal(f.Needed, []string{"slack:" + scope}) {
			t.Errorf("%s: %v", channel, f)
		}
	}
	if slices.Contains(w.asked, "conversations.open") {
		t.Error("a conversation was opened that may not be read")
	}
	if err := read(private, "channels:history", "groups:history"); err != nil {
		t.Error("a private channel that was granted:", err)
	}
	before := len(w.asked)
	_ = read(private, "channels:history")
	if n := len(w.asked) - before; n != 0 {
		t.Errorf("the kind of a channel was asked for again: %v", w.asked[before:])
	}
}

// privateChannel is a private channel that the app is in.
func privateChannel(t *testing.T, w *world) string {
	t.Helper()
	list := w.must("slack_list_channels", `{"type":"private"}`).(ChannelList)
	for _, ch := range list.Channels {
		if strings.HasPrefix(ch.Name, "#") {
			return ch.ID
		}
	}
	t.Fatalf("the double has no private channel: %+v", list)
	return ""
}
