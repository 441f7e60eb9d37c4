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
