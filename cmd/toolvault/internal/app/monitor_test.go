package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolvault/audit/monitor"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/vault"
)

// TestACredentialThatEndsSoonIsAnAlert until it is renewed.
func TestACredentialThatEndsSoonIsAnAlert(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "toolvault.yaml")
	if err := os.WriteFile(path, []byte("agents:\n  - agentId: a1\n    credentials:\n      - { service: pinecone, type: api_key, source: \"vault:pinecone/a1\", scope: read-only }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), Options{Data: filepath.Join(dir, "d"), Config: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	ends := time.Now().Add(48 * time.Hour)
	if _, err := a.Vault.Put(t.Context(), "pinecone/a1", vault.Stored{Type: vault.TypeAPIKey, Secret: vault.NewSecret("pcsk_0123456789"), Expires: ends}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	list := func() []monitor.Alert {
		t.Helper()
		book, err := monitor.LoadBook(t.Context(), AuditDir(a.Dir), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return book.List(time.Time{}, false)
	}
	until := func(what string, ok func([]monitor.Alert) bool) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for !ok(list()) {
			if time.Now().After(deadline) {
				t.Fatalf("not within half a minute: %s: %+v", what, list())
			}
			// The monitor begins with the first record that it is given.
			if err := a.Event(t.Context(), "test.tick", "", ""); err != nil {
				t.Fatal(err)
			}
			<-tick.C
		}
	}
	until("an alert", func(l []monitor.Alert) bool { return len(l) == 1 })
	got := list()[0]
	if got.Rule != monitor.RuleExpiring || got.Subject.Credential != "pinecone/a1" || got.Subject.Agent != "a1" || !strings.Contains(got.Saw, ends.UTC().Format(time.RFC3339)) {
		t.Errorf("%+v", got)
	}
	if err := a.CredentialEvent(t.Context(), "credential.rotated", "pinecone/a1", 2, ""); err != nil {
		t.Fatal(err)
	}
	until("it has ended", func(l []monitor.Alert) bool { return len(l) == 1 && !l[0].Open() })
}

// TestPosts: of alerts about the agent that posts none is posted, nor what is less than
// somebody wants to hear.
func TestPosts(t *testing.T) {
	notice := func(kind, agent, severity string) monitor.Notice {
		return monitor.Notice{Type: kind, Alert: monitor.Alert{Severity: severity, Subject: monitor.Subject{Agent: agent}}}
	}
	for _, c := range []struct {
		what  string
		n     monitor.Notice
		least string
		want  bool
	}{
		{"of another agent", notice(monitor.EventRaised, "a", "low"), "", true},
		{"of the one that posts", notice(monitor.EventRaised, "bot", "high"), "", false},
		{"less than wanted", notice(monitor.EventRaised, "a", "low"), "medium", false},
		{"as much as wanted", notice(monitor.EventEnded, "a", "medium"), "medium", true},
		{"more", notice(monitor.EventUpdated, "a", "high"), "medium", true},
		{"what was done", notice(monitor.EventActed, "a", ""), "high", true},
		{"that somebody knows", notice(monitor.EventAcknowledged, "a", ""), "", false},
		{"of nobody", notice(monitor.EventRaised, "", "high"), "", true},
	} {
		if got := posts(c.n, &config.AlertSlack{Agent: "bot", Least: c.least}); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

// TestSlackTextIsOurs: what others chose stands in code and ends there.
func TestSlackTextIsOurs(t *testing.T) {
	text := slackText(monitor.Notice{
		Type: monitor.EventRaised, Text: "tool `<!channel>`\n**bold** [x](https://evil.example)",
		Alert: monitor.Alert{ID: "alert-1", Rule: "denials", Severity: "high", Normal: "none", Subject: monitor.Subject{Client: "`@here`"}},
	})
	outside := ""
	for i, part := range strings.Split(text, "`") {
		if i%2 == 0 {
			outside += part
		}
	}
	for _, bad := range []string{"channel", "bold", "evil", "here"} {
		if strings.Contains(outside, bad) {
			t.Errorf("%q is outside of code: %s", bad, text)
		}
	}
	if !strings.HasPrefix(text, "**high** alert raised: **denials**, ") || !strings.Contains(text, "toolvault alerts show alert-1") {
		t.Errorf("%s", text)
	}
}
