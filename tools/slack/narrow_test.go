package slack

import (
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

// A rule may be about the argument that names a channel or a person; Slack's own
// modifiers in the words must not say another.
func TestWordsDoNotWidenWhatAnArgumentNarrows(t *testing.T) {
	w := newWorld(t)
	w.secret = sandbox.SlackUserToken(w.double, "search:read", "search:read.public", "search:read.files", "files:read", "channels:read", "users:read")
	for _, c := range []struct{ tool, args string }{
		{"slack_list_files", `{"channel":"#general","query":"export in:#support-updates"}`},
		{"slack_list_files", `{"channel":"#general","query":"IN:<#C07SUPUPD8S1> export"}`},
		{"slack_list_files", `{"channel":"#general","query":"export (in : support-updates)"}`},
		{"slack_list_files", `{"channel":"#general","query":"export in：support-updates"}`},
		{"slack_list_files", `{"user":"@marta","query":"export from:@jonas"}`},
		{"slack_search_messages", `{"in_channel":"#general","query":"export in:#support-updates"}`},
		{"slack_search_messages", `{"from_user":"@marta","query":"export from:@jonas"}`},
	} {
		out, err := w.call(c.tool, c.args)
		if f := fault.From(err); f == nil || f.Kind != fault.InvalidArguments || !strings.Contains(f.Message, "leave") {
			t.Errorf("%s %s: %+v, %v", c.tool, c.args, out, err)
		}
	}
	for _, c := range []struct{ tool, args string }{
		{"slack_list_files", `{"channel":"#support-updates","query":"export"}`},
		{"slack_list_files", `{"query":"export in:#support-updates"}`}, // no argument says otherwise
		{"slack_search_messages", `{"in_channel":"#support-updates","query":"login: failed"}`},
	} {
		if _, err := w.call(c.tool, c.args); err != nil {
			t.Errorf("%s %s: %v", c.tool, c.args, err)
		}
	}
}
