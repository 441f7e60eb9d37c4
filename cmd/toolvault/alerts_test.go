package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/audit"
)

// receiver is somebody's webhook.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	down bool
	got  []received
}

type received struct {
	at        time.Time
	id, alert string
	kind      string // "alert.raised"
	rule      string
	agent     string
	text      string
	signed    bool
}

const hookSecret = "a-secret-of-the-webhook"

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		at := time.Now()
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var n struct {
			Type  string `json:"type"`
			Text  string `json:"text"`
			Alert struct {
				ID      string `json:"id"`
				Rule    string `json:"rule"`
				Subject struct {
					Agent string `json:"agent"`
				} `json:"subject"`
			} `json:"alert"`
		}
		if err := json.Unmarshal(body, &n); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		id := req.Header.Get("Webhook-Id")
		mac := hmac.New(sha256.New, []byte(hookSecret))
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, req.Header.Get("Webhook-Timestamp"), body)
		r.got = append(r.got, received{at, id, n.Alert.ID, n.Type, n.Alert.Rule, n.Alert.Subject.Agent, n.Text,
			req.Header.Get("Webhook-Signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))})
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// of are those of a kind and rule.
func (r *receiver) of(kind, rule string) (list []received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.got {
		if g.kind == kind && (rule == "" || g.rule == rule) {
			list = append(list, g)
		}
	}
	return list
}

// alertsConfig writes a config with a webhook and what else there is of alerts.
func alertsConfig(t *testing.T, r *receiver, more string) string {
	t.Helper()
	dir := t.TempDir()
	secret, path := filepath.Join(dir, "hook.secret"), filepath.Join(dir, "toolvault.yaml")
	text := fmt.Sprintf("alerts:\n  webhook: { url: %q, secret: %q }\n%s", r.URL, "file:"+secret, more)
	for name, content := range map[string]string{secret: hookSecret, path: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// probe calls tools that do not exist until the alert must be there, and returns when
// the last of the calls that tip it was answered.
func (s *server) probe(token string) time.Time {
	s.t.Helper()
	var at time.Time
	for i := range 10 {
		s.must(token, fmt.Sprintf("admin_tool_%d", i), map[string]any{})
		at = time.Now()
	}
	return at
}

// watched waits until the monitor of a data folder works.
func watched(t *testing.T, data string) {
	t.Helper()
	eventually(t, "the monitor works", func() bool {
		for _, name := range []string{"monitor", "alerts-webhook", "alerts-slack"} {
			if _, err := os.Stat(filepath.Join(data, "audit", "subscribers", name)); err != nil {
				return false
			}
		}
		return true
	})
}

// TestAnAlertArrivesWithinTwoSeconds of the answer to the call that tipped it, signed.
func TestAnAlertArrivesWithinTwoSeconds(t *testing.T) { // alone: it measures time
	hook := newReceiver(t)
	data := t.TempDir() + "/d"
	s := serve(t, data, "--sandbox", "--config", alertsConfig(t, hook, ""))
	watched(t, data)
	tipped := s.probe(s.token())
	eventually(t, "the alert arrives", func() bool { return len(hook.of("alert.raised", "denials")) > 0 })
	got := hook.of("alert.raised", "denials")[0]
	took := got.at.Sub(tipped)
	t.Logf("%v after the call that tipped it", took)
	if took > soon*2 {
		t.Errorf("it took %v", took)
	}
	if !got.signed || got.agent != "support-agent-1" || !strings.HasPrefix(got.id, "msg_"+got.alert) {
		t.Errorf("%+v", got)
	}
	eventually(t, "it is counted", func() bool { // told after the record, which the hook hears of
		resp, err := http.Get("http://" + s.addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		metrics, err := io.ReadAll(resp.Body)
		return err == nil && strings.Contains(string(metrics), `toolvault_alerts_total{rule="denials",severity="high"} 1`) &&
			strings.Contains(string(metrics), "toolvault_alerts_open 1")
	})
	if !strings.Contains(s.logs.String(), `"msg":"alert.raised","id":"`+got.alert) {
		t.Errorf("the logger says nothing of it")
	}
}

// TestAnAlertSurvivesARestart: the receiver is away, the server is killed, and the alert
// comes all the same.
func TestAnAlertSurvivesARestart(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	hook.set(true)
	data := t.TempDir() + "/d"
	config := alertsConfig(t, hook, "")
	s := serve(t, data, "--sandbox", "--config", config)
	watched(t, data)
	s.probe(s.token())
	eventually(t, "the alert is in the log", func() bool { return commandOutput(t, data, "alerts", "list", "-o", "json") != "" })
	eventually(t, "it was tried to send it", func() bool { return strings.Contains(s.logs.String(), "an alert could not be sent") })
	s.kill()
	hook.set(false)
	s = serve(t, data, "--sandbox", "--config", config)
	eventually(t, "the alert arrives", func() bool { return len(hook.of("alert.raised", "denials")) > 0 })
	s.probe(s.token()) // the same incident goes on
	commandOutput(t, data, "alerts", "test")
	eventually(t, "the test alert arrives", func() bool { return len(hook.of("alert.raised", "test")) > 0 })
	ids := map[string]bool{}
	for _, g := range hook.of("alert.raised", "denials") {
		ids[g.alert] = true
	}
	if len(ids) != 1 {
		t.Errorf("one incident has become %d alerts", len(ids))
	}
}

// TestAnAlertSuspendsTheAgentInEveryProcess that shares the store: on other machines
// too, each with a log of its own.
func TestAnAlertSuspendsTheAgentInEveryProcess(t *testing.T) { // alone: it measures time
	for _, c := range []struct {
		name    string
		storage func(t *testing.T) string
	}{
		{"one folder", func(*testing.T) string { return "" }},
		{"two folders on Redis", func(t *testing.T) string {
			return "storage: { url: \"redis://127.0.0.1:" + startRedis(t).port + "/0\" }\n"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			hook := newReceiver(t)
			storage := c.storage(t)
			config := alertsConfig(t, hook, "  rules: { denials: { action: suspend } }\n"+storage+"agents: [ { agentId: a1, credentials: [] } ]\nkeys: { master: \"file:master\" }\n")
			if err := os.WriteFile(filepath.Join(filepath.Dir(config), "master"), []byte(base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))), 0o600); err != nil {
				t.Fatal(err)
			}
			data := []string{t.TempDir() + "/d", ""}
			if data[1] = data[0]; storage != "" {
				data[1] = t.TempDir() + "/d"
			}
			first := serve(t, data[0], "--config", config)
			second := serve(t, data[1], "--config", config)
			watched(t, data[0])
			token := func(s *server) string {
				return commandOutput(t, s.data, "agent", "token", "a1", "--config", config, "--listen", s.addr)
			}
			tokens := []string{token(first), token(second)}
			status := func(s *server, token string) reply { return s.must(token, "toolvault_whoami", map[string]any{}) }
			for i, s := range []*server{first, second} {
				if r := status(s, tokens[i]); r.Status != http.StatusOK {
					t.Fatalf("before: %d %s", r.Status, r.Body)
				}
			}
			for i := range 10 {
				first.must(tokens[0], fmt.Sprintf("admin_tool_%d", i), map[string]any{})
			}
			tipped := time.Now()
			for i, s := range []*server{first, second} {
				eventually(t, "the agent is refused", func() bool { return status(s, tokens[i]).Status == http.StatusUnauthorized })
			}
			took := time.Since(tipped)
			t.Logf("both refuse %v after the call that tipped it", took)
			if took > soon+soon {
				t.Errorf("it took %v", took)
			}
			// Why, whoever asks is told.
			alert := strings.Fields(commandOutput(t, data[0], "alerts", "list"))
			id := ""
			for _, word := range alert {
				if strings.HasPrefix(word, "alert-") {
					id = word
				}
			}
			for what, text := range map[string]string{
				"the agent at one":     status(first, tokens[0]).Body,
				"the agent at another": status(second, tokens[1]).Body,
				"agent list":           commandOutput(t, data[1], "agent", "list", "--config", config, "-o", "json"),
				"alerts show":          commandOutput(t, data[0], "alerts", "show", id),
			} {
				if !strings.Contains(text, id) || !strings.Contains(text, "denials") || !strings.Contains(text, "suspended") {
					t.Errorf("%s is not told why (%s): %s", what, id, text)
				}
			}
			out, err := program(t, data[0], "agent", "token", "a1", "--config", config).CombinedOutput()
			if err == nil || !strings.Contains(string(out), id) {
				t.Errorf("a new token: %s", out)
			}
			eventually(t, "the action is told", func() bool { return len(hook.of("alert.acted", "denials")) == 1 })

			// A person lets it in again: for the same incident it is not stopped again.
			commandOutput(t, data[1], "agent", "resume", "a1", "--config", config)
			eventually(t, "it may act again", func() bool { return status(first, tokens[0]).Status == http.StatusOK })
			for i := range 30 {
				if r := first.must(tokens[0], fmt.Sprintf("admin_tool_%d", i%10), map[string]any{}); r.Status != http.StatusOK {
					t.Fatalf("it is stopped again: %d %s", r.Status, r.Body)
				}
			}
			commandOutput(t, data[0], "alerts", "test", "--config", config)
			eventually(t, "all is judged", func() bool { return len(hook.of("alert.raised", "test")) == 1 })
			if r := status(first, tokens[0]); r.Status != http.StatusOK {
				t.Errorf("it is stopped again: %d %s", r.Status, r.Body)
			}
			if n := len(hook.of("alert.acted", "denials")); n != 1 {
				t.Errorf("the action was taken %d times", n)
			}
		})
	}
}

// TestAFreshTokenIsRequired: the tokens that the agent has are void, and a new one is not.
func TestAFreshTokenIsRequired(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	data := t.TempDir() + "/d"
	s := serve(t, data, "--sandbox", "--config", alertsConfig(t, hook, "  rules: { denials: { action: require_fresh_token } }\n"))
	watched(t, data)
	old := s.token()
	s.probe(old)
	eventually(t, "the token is void", func() bool {
		return s.must(old, "toolvault_whoami", map[string]any{}).Status == http.StatusUnauthorized
	})
	if r := s.must(s.token(), "toolvault_whoami", map[string]any{}); r.Status != http.StatusOK {
		t.Errorf("a new token: %d %s", r.Status, r.Body)
	}
	eventually(t, "the action is told", func() bool { return len(hook.of("alert.acted", "denials")) == 1 })
}

// TestAlertsArePostedToSlack as one of our own agents: by calls like any other, and
// never about that agent itself.
func TestAlertsArePostedToSlack(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	data := t.TempDir() + "/d"
	s := serve(t, data, "--sandbox", "--config", alertsConfig(t, hook,
		"  slack: { channel: \"#support-updates\", agent: support-agent-1 }\nagents: [ { agentId: support-agent-1, credentials: [] } ]\n"))
	watched(t, data)
	token := s.token()
	s.probe(token) // of the agent that posts
	eventually(t, "the webhook has it", func() bool { return len(hook.of("alert.raised", "denials")) == 1 })
	commandOutput(t, data, "alerts", "test")
	posted := func() (list []string) {
		for line := range strings.Lines(commandOutput(t, data, "audit", "query", "--tool", "slack_post_message", "-o", "json")) {
			list = append(list, line)
		}
		return list
	}
	eventually(t, "the test alert is posted", func() bool { return len(posted()) > 0 && strings.Contains(posted()[0], `"status":"ok"`) })
	r := s.must(token, "slack_read_channel", map[string]any{"channel": "#support-updates"})
	if !strings.Contains(r.Text, "alerts test") {
		t.Errorf("the channel: %s", r.Text)
	}
	list := posted()
	if len(list) != 1 || !strings.Contains(list[0], `"agent":"support-agent-1"`) || !strings.Contains(list[0], `"credential_id":"slack/support-agent-1"`) || strings.Contains(list[0], "denials") {
		t.Errorf("posted: %s", list)
	}
}

// TestAnotherProcessTakesOver from one that is killed: it judges on, sends on, and raises
// nothing again.
func TestAnotherProcessTakesOver(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	data := t.TempDir() + "/d"
	config := alertsConfig(t, hook, "")
	first := serve(t, data, "--sandbox", "--config", config)
	watched(t, data)
	second := serve(t, data, "--sandbox", "--config", config)
	first.probe(first.token())
	eventually(t, "the alert arrives", func() bool { return len(hook.of("alert.raised", "denials")) > 0 })
	first.kill()
	second.probe(second.token())
	commandOutput(t, data, "alerts", "test")
	eventually(t, "the test alert arrives", func() bool { return len(hook.of("alert.raised", "test")) > 0 })
	eventually(t, "all is judged", func() bool {
		at, err := audit.Subscription{Dir: filepath.Join(data, "audit"), Name: "monitor"}.Position()
		size, _, e := audit.Newest(filepath.Join(data, "audit"))
		return err == nil && e == nil && at >= size
	})
	if list := commandOutput(t, data, "alerts", "list", "-o", "json"); strings.Count(list, `"rule":"denials"`) != 1 {
		t.Errorf("alerts:\n%s", list)
	}
}

// TestRulesChangeWhileTheServerRuns.
func TestRulesChangeWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	hook := newReceiver(t)
	data := t.TempDir() + "/d"
	agents := "agents: [ { agentId: a1, credentials: [] } ]\n"
	path := alertsConfig(t, hook, "  rules: { denials: { off: true } }\n"+agents)
	s := serve(t, data, "--config", path)
	watched(t, data)
	token := commandOutput(t, data, "agent", "token", "a1", "--config", path, "--listen", s.addr)
	s.probe(token)
	commandOutput(t, data, "alerts", "test", "--config", path)
	eventually(t, "the test alert arrives", func() bool { return len(hook.of("alert.raised", "test")) > 0 })
	if n := len(hook.of("alert.raised", "denials")); n != 0 {
		t.Fatalf("a rule that is off has raised %d alerts", n)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "off: true", "severity: low", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alert arrives", func() bool {
		s.probe(token)
		return len(hook.of("alert.raised", "denials")) > 0
	})
}
