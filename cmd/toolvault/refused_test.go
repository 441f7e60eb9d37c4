package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestTheRecordOfARefusedTokenSaysWhose, where its signature is good; of a made-up
// one nobody knows.
func TestTheRecordOfARefusedTokenSaysWhose(t *testing.T) {
	t.Parallel()
	data := t.TempDir() + "/d"
	s := serve(t, data, "--sandbox")
	token := s.token()
	commandOutput(t, data, "agent", "suspend", "support-agent-1")
	eventually(t, "the token is refused", func() bool {
		return s.must(token, "slack_list_channels", map[string]any{}).Status == http.StatusUnauthorized
	})
	s.must(token+"x", "slack_list_channels", map[string]any{})
	log := strings.Split(commandOutput(t, data, "audit", "query", "--tool", "token.refused", "-o", "json"), "\n")
	if len(log) != 2 || strings.Contains(log[0], `"agent"`) || !strings.Contains(log[1], `"agent":"support-agent-1"`) || !strings.Contains(log[1], `"token_id":"`) {
		t.Errorf("%q", log)
	}
}
