package main

import (
	"bufio"
	"bytes"
	"errors"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"toolvault/tools/sandbox"
	"toolvault/tools/sandbox/double"
)

// connectRun is a running "toolvault connect".
type connectRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	link   string
	stderr *lockedBuffer
	done   chan error
}

func startConnect(t *testing.T, data string, args ...string) *connectRun {
	t.Helper()
	r := &connectRun{t: t, cmd: program(t, data, append([]string{"connect"}, args...)...), stderr: &lockedBuffer{}, done: make(chan error, 1)}
	r.cmd.Stderr = r.stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = r.cmd.Wait()
		t.Fatalf("it gave no link: %v %s", err, r.stderr)
	}
	r.link = strings.TrimSpace(line)
	go func() { r.done <- r.cmd.Wait() }()
	return r
}

func (r *connectRun) ends(code int, texts ...string) {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		r.t.Fatalf("it does not end: %s", r.stderr)
	}
	if got := r.cmd.ProcessState.ExitCode(); got != code {
		r.t.Fatalf("it ended with %d, not %d: %s", got, code, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stderr.String(), text) {
			r.t.Fatalf("it does not say %q: %s", text, r.stderr)
		}
	}
}

// fill sends the form of a page with one more value.
func (v *visitor) fill(at, page, name, value string) string {
	v.t.Helper()
	values := url.Values{name: {value}}
	for _, field := range []string{"csrf", "asked"} {
		if m := regexp.MustCompile(`name="` + field + `" value="([^"]*)"`).FindStringSubmatch(page); m != nil {
			values.Set(field, html.UnescapeString(m[1]))
		}
	}
	return v.text(v.PostForm(at, values))
}

// consent goes the whole way: our page, the provider's, and back.
func (v *visitor) consent(link, answer string) string {
	v.t.Helper()
	page := v.text(v.Get(link))
	if !strings.Contains(page, "support-agent-1") || !strings.Contains(page, " contacts<") {
		v.t.Fatalf("the page does not say what is asked: %s", page)
	}
	m := regexp.MustCompile(`<a class="button" href="([^"]+)"`).FindStringSubmatch(v.fill(link, page, "answer", "approve"))
	if m == nil {
		v.t.Fatal("the browser is not sent on")
	}
	there := html.UnescapeString(m[1])
	return v.fill(there, v.text(v.Get(there)), "answer", answer)
}

const connectConfig = `
services:
  hubspot:
    base_url: BASE
    oauth: { client_id: CLIENT, client_secret: "env:HUBSPOT_SECRET", auth_url: BASE/oauth/authorize }
agents:
  - agentId: support-agent-1
    owners: [ alice ]
    credentials:
      - { service: hubspot, type: oauth_token, source: "vault:hubspot/support-agent-1", scope: contacts.read }
      - { service: hubspot, type: oauth_token, source: "vault:hubspot/alice", scope: contacts.read, user: alice }
      - { service: slack, type: oauth_token, source: "vault:slack/support-agent-1", scope: "chat:write" }
      - { service: pinecone, type: api_key, source: "env:PINECONE", scope: read-only }
`

// hubspotWith is a double of HubSpot and a config whose app is known there.
func hubspotWith(t *testing.T) (config string, double *double.Double) {
	t.Helper()
	double = sandbox.NewHubSpot()
	if err := double.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = double.Close() })
	t.Setenv("HUBSPOT_SECRET", double.ClientSecret)
	t.Setenv("PINECONE", "pcsk_canary_canary")
	config = filepath.Join(t.TempDir(), "toolvault.yaml")
	text := strings.NewReplacer("BASE", double.URL(), "CLIENT", double.ClientID).Replace(connectConfig)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, double
}

// listening is the same config for commands that have to know where the server is.
func listening(t *testing.T, config, addr string) string {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	config += ".listening"
	if err := os.WriteFile(config, append([]byte("server: { listen: \""+addr+"\" }\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestConnectOnThisMachine(t *testing.T) {
	config, _ := hubspotWith(t)
	data := t.TempDir() + "/d"
	r := startConnect(t, data, "hubspot", "--agent", "support-agent-1", "--config", config, "--no-browser")
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/connect/[\w-]{22}$`).MatchString(r.link) {
		t.Fatalf("the link is %q", r.link)
	}
	page := newVisitor(t, "").consent(r.link, "allow")
	if !strings.Contains(page, "HubSpot is connected") || !strings.Contains(page, "account 48219057") {
		t.Fatal(page)
	}
	r.ends(0, "Connected hubspot for agent support-agent-1: account 48219057. It is kept as vault:hubspot/support-agent-1, version 1.")
	out, err := program(t, data, "check", "--live", "--config", config).CombinedOutput() // others are not connected: it fails
	if err == nil || !strings.Contains(string(out), "48219057") || !strings.Contains(string(out), "toolvault connect hubspot --agent support-agent-1 --user alice") {
		t.Fatalf("the credential does not work: %s", out)
	}
	log := commandOutput(t, data, "audit", "query", "-o", "json", "--config", config)
	for _, want := range []string{`"consent.asked"`, `"consent.given"`, "account 48219057", "crm.objects.contacts.read"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log does not have %s: %s", want, log)
		}
	}
	if strings.Contains(log+r.stderr.String(), "na1-") {
		t.Error("a token is in the log")
	}
	commandOutput(t, data, "audit", "verify", "--config", config)

	// Whoever asks for an address of this machine gets it, also where a server has one.
	config = listening(t, config, "127.0.0.1:1\", public_url: \"https://tools.example.com")
	r = startConnect(t, data, "hubspot", "--agent", "support-agent-1", "--config", config, "--localhost")
	if !strings.HasPrefix(r.link, "http://localhost:") {
		t.Fatalf("the link is %q", r.link)
	}
	newVisitor(t, "").consent(r.link, "allow")
	r.ends(0, "version 2")
}

func TestConnectThatIsRefusedOrGivenUp(t *testing.T) {
	config, _ := hubspotWith(t)
	data := t.TempDir() + "/d"
	r := startConnect(t, data, "hubspot", "--agent", "support-agent-1", "--config", config, "--no-browser", "--localhost")
	if !strings.HasPrefix(r.link, "http://localhost:") {
		t.Fatalf("the link is %q", r.link)
	}
	if page := newVisitor(t, "").consent(r.link, "deny"); !strings.Contains(page, "Nothing was connected") {
		t.Fatal(page)
	}
	r.ends(1, "You said no at HubSpot")

	r = startConnect(t, data, "hubspot", "--agent", "support-agent-1", "--config", config, "--no-browser")
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.ends(1, "you gave up waiting")
	if out := commandOutput(t, data, "credential", "list", "-o", "json", "--config", config); out != "" {
		t.Fatalf("the vault holds %s", out)
	}
}

// With a server: its pages, and a code that the terminal shows; or the person signs
// in.
func TestConnectThroughAServer(t *testing.T) {
	config, _ := hubspotWith(t)
	data := t.TempDir() + "/d"
	addr := serve(t, data, "--config", config).addr
	config = listening(t, config, addr)
	r := startConnect(t, data, "hubspot", "--agent", "support-agent-1", "--config", config, "--server")
	code := regexp.MustCompile(`code: ([A-Z]{4}-[A-Z]{4})`)
	eventually(t, "the code is shown", func() bool { return code.MatchString(r.stderr.String()) })
	v := newVisitor(t, addr)
	page := v.text(v.Get(r.link))
	if strings.Contains(page, "support-agent-1") {
		t.Fatalf("the page tells a stranger: %s", page)
	}
	v.fill(r.link, page, "code", code.FindStringSubmatch(r.stderr.String())[1])
	if page := v.consent(r.link, "allow"); !strings.Contains(page, "HubSpot is connected") {
		t.Fatal(page)
	}
	r.ends(0, "Connected hubspot")

	addPerson(t, data, "alice", "long-and-lovely-canaries")
	r = startConnect(t, data, "hubspot", "--agent", "support-agent-1", "--user", "alice", "--config", config, "--server")
	v = newVisitor(t, addr)
	v.signIn("alice", "long-and-lovely-canaries")
	if page := v.consent(r.link, "allow"); !strings.Contains(page, "Acting for") {
		t.Fatal(page)
	}
	r.ends(0, "alice to sign in", "vault:hubspot/alice")
}

// A call that lacks a grant names the page; its owner consents there, and the same
// call succeeds.
func TestConnectForACall(t *testing.T) {
	config, _ := hubspotWith(t)
	data := t.TempDir() + "/d"
	s := serve(t, data, "--config", config)
	addPerson(t, data, "alice", "long-and-lovely-canaries")
	addPerson(t, data, "mallory", "long-and-lovely-canaries")
	token := s.token("--config", config)
	read := func() reply {
		return s.must(token, "hubspot_search_objects", map[string]any{"object_type": "contacts", "limit": 1})
	}
	r := read()
	link := regexp.MustCompile(`http://` + regexp.QuoteMeta(s.addr) + `/connect/[\w-]{22}`).FindString(r.Text + r.Body)
	if link == "" {
		t.Fatalf("the answer names no page: %s", r.Body)
	}
	m := newVisitor(t, s.addr)
	m.signIn("mallory", "long-and-lovely-canaries")
	if page := m.text(m.Get(link)); strings.Contains(page, "HubSpot") || !strings.Contains(page, "somebody else") {
		t.Fatalf("mallory sees %s", page)
	}
	v := newVisitor(t, s.addr)
	v.signIn("alice", "long-and-lovely-canaries")
	if page := v.consent(link, "allow"); !strings.Contains(page, "HubSpot is connected") {
		t.Fatal(page)
	}
	eventually(t, "the call succeeds", func() bool { r = read(); return r.Status == 200 && !r.IsError })
	log := commandOutput(t, data, "audit", "query", "-o", "json", "--config", config)
	for _, want := range []string{`"consent.asked"`, `"consent.refused"`, "person: mallory", `"consent.given"`, "person: alice"} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log does not have %s", want)
		}
	}
}

func TestConnectInTheSandbox(t *testing.T) {
	t.Parallel()
	r := startConnect(t, t.TempDir()+"/d", "hubspot", "--agent", "support-agent-1", "--sandbox", "--no-browser")
	if page := newVisitor(t, "").consent(r.link, "allow"); !strings.Contains(page, "HubSpot is connected") {
		t.Fatal(page)
	}
	r.ends(0, "That was the sandbox")
	for _, service := range []string{"slack", "notion"} {
		r = startConnect(t, t.TempDir()+"/d", service, "--agent", "support-agent-1", "--sandbox", "--no-browser")
		v := newVisitor(t, "")
		page := v.text(v.Get(r.link))
		m := regexp.MustCompile(`<a class="button" href="([^"]+)"`).FindStringSubmatch(v.fill(r.link, page, "answer", "approve"))
		there := html.UnescapeString(m[1])
		if page := v.fill(there, v.text(v.Get(there)), "answer", "allow"); !strings.Contains(page, "workspace Northwind Support") {
			t.Fatal(page)
		}
		r.ends(0, "workspace Northwind Support")
	}
}

func TestConnectMisused(t *testing.T) {
	config, _ := hubspotWith(t)
	config = listening(t, config, freeAddress(t)) // nobody does
	f, err := os.OpenFile(config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`
  - agentId: sales
    credentials:
      - { service: hubspot, type: oauth_token, source: "vault:hubspot/emea", scope: contacts.read, account: emea }
      - { service: hubspot, type: oauth_token, source: "vault:hubspot/us", scope: contacts.read, account: us }
`)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir() + "/d"
	for want, args := range map[string][]string{
		`did you mean "hubspot"`:                 {"hubspott", "--agent", "support-agent-1"},
		`did you mean "support-agent-1"`:         {"hubspot", "--agent", "support-agent-2"},
		"say for which agent":                    {"hubspot"},
		"services.slack.oauth":                   {"slack", "--agent", "support-agent-1"},
		"is of type api_key":                     {"pinecone", "--agent", "support-agent-1"},
		"declare one in the config":              {"metabase", "--agent", "support-agent-1"},
		"write it as":                            {"--agent", "support-agent-1"},
		"there is hubspot/support-agent-1":       {"hubspot", "--agent", "support-agent-1", "--account", "emea"},
		"declare one in the config, such as { ":  {"hubspot", "--agent", "support-agent-1", "--user", "bob"},
		"no server of this store":                {"hubspot", "--agent", "support-agent-1", "--server"},
		"with --account (emea, us)":              {"hubspot", "--agent", "sales"},
		"there is hubspot/emea (--account emea)": {"hubspot", "--agent", "sales", "--account", "apac"},
		"--port must be":                         {"hubspot", "--agent", "support-agent-1", "--port", "70000"},
		"--server uses the server's address":     {"hubspot", "--agent", "support-agent-1", "--server", "--localhost"},
	} {
		cmd := program(t, data, append(append([]string{"connect"}, args...), "--config", config, "--no-browser")...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if err == nil || !strings.Contains(errs.String(), want) || out.Len() > 0 || strings.Contains(errs.String(), "goroutine") {
			t.Errorf("%v: %v %s%s", args, err, out.String(), errs.String())
		}
	}
}
