package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const loginConfig = `
auth:
  admins: [{ who: ada, scopes: "audit:read admin:agents" }]
  clients: [{ client_id: nightly, secret: "env:NIGHTLY", admin: "audit:read" }]
agents:
  - agentId: bot
    users: [ada]
    client: { secret: "env:BOT" }
    credentials:
      - { service: slack, type: api_key, source: "env:SLACK", scope: "chat:write channels:read" }
`

const adaPassword = "long-and-lovely-canaries"

// withOAuth is a server with one agent, one person and one program.
func withOAuth(t *testing.T) (*server, string) {
	t.Helper()
	t.Setenv("NIGHTLY", "a-secret-of-the-nightly-canary")
	t.Setenv("BOT", "a-secret-of-the-bot-canary")
	t.Setenv("SLACK", "xoxb-canary")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	data, config := t.TempDir()+"/d", filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(config, []byte(loginConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, data, "--config", config)
	addPerson(t, data, "ada", adaPassword)
	return s, config
}

var inputs = regexp.MustCompile(`<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"`)

// submit sends a page's form as a browser does that changes nothing, with one more
// value.
func (v *visitor) submit(at, page, name, value string, leave ...string) string {
	v.t.Helper()
	values := url.Values{name: {value}}
	for _, m := range inputs.FindAllStringSubmatch(page, -1) {
		if m[1] != name && !slices.Contains(leave, m[1]) {
			values.Add(m[1], html.UnescapeString(m[2]))
		}
	}
	return v.text(v.PostForm(at, values))
}

// login runs "toolvault login", and does in a browser what it asks for.
func login(t *testing.T, s *server, v *visitor, args ...string) {
	t.Helper()
	cmd := program(t, s.data, append([]string{"login", "http://" + s.addr}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	lines := bufio.NewReader(stderr)
	first, err := lines.ReadString('\n')
	m := regexp.MustCompile(`^Open (http://\S+)`).FindStringSubmatch(first)
	if err != nil || m == nil {
		t.Fatalf("it says %q, %v", first, err)
	}
	v.signIn("ada", adaPassword)
	at := "http://" + s.addr + "/oauth/device"
	page := v.submit(at, v.text(v.Get(m[1])), "x", "x")
	if !strings.Contains(page, "You are") || !strings.Contains(page, "Allow") {
		t.Fatalf("nobody is asked: %s", page)
	}
	if page = v.submit(at, page, "answer", "allow", "read_only"); !strings.Contains(page, `role="status"`) {
		t.Fatalf("it is not allowed: %s", page)
	}
	rest, _ := io.ReadAll(lines)
	if err := cmd.Wait(); err != nil || !strings.Contains(string(rest), "You are signed in") {
		t.Fatalf("%v: %s", err, rest)
	}
}

// TestASignInCarriesADesktopClient: from a URL to a call, through a server elsewhere,
// and out within a second when the person has left.
func TestASignInCarriesADesktopClient(t *testing.T) { // alone: it measures time
	s, _ := withOAuth(t)
	v := newVisitor(t, s.addr)
	login(t, s, v)

	cmd := program(t, s.data, "stdio", "--remote", "http://"+s.addr+"/mcp")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	answers := bufio.NewReader(out)
	ask := func(id int, method, params string) string {
		t.Helper()
		if _, err := fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", id, method, params); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	const call = `{"name":"toolvault_whoami","arguments":{}}`
	const meta = `{"name":"toolvault_whoami","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}`
	if line := ask(1, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"desk","version":"1"}}`); !strings.Contains(line, `"serverInfo"`) {
		t.Fatal(line)
	}
	for i, params := range []string{call, meta} {
		if line := ask(2+i, "tools/call", params); !strings.Contains(line, "Agent bot for the user ada") {
			t.Error(line)
		}
	}
	if line := ask(9, "tools/call", `{"name":"no_such_tool"}`); !strings.Contains(line, `"error"`) {
		t.Error(line)
	}

	commandOutput(t, s.data, "person", "disable", "ada")
	start := time.Now()
	eventually(t, "ada's client is refused", func() bool { return strings.Contains(ask(4, "tools/call", call), "toolvault login") })
	if d := time.Since(start); d > soon {
		t.Errorf("it took %v", d)
	}
	log := commandOutput(t, s.data, "audit", "query", "-o", "json")
	for _, want := range []string{`"event":"authorization.consented"`, `"event":"token.issued"`, `"user":"ada"`, `"client_id":"toolvault-cli"`, `"event":"person.disabled"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(log+s.logs.String(), "canary") || strings.Contains(log+s.logs.String(), "canaries") || strings.Contains(log+s.logs.String(), "tvr_") {
		t.Error("a secret is in a log")
	}
}

// TestAdministratorsAndAgentsHaveTokensOfTheirOwn: neither does what the other may.
func TestAdministratorsAndAgentsHaveTokensOfTheirOwn(t *testing.T) {
	s, _ := withOAuth(t)
	base := "http://" + s.addr
	token := func(id, secret, resource, scope string) string {
		t.Helper()
		form := url.Values{"grant_type": {"client_credentials"}, "resource": {base + resource}}
		if scope != "" {
			form.Set("scope", scope)
		}
		req, _ := http.NewRequest("POST", base+"/oauth/token", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(id, secret)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer struct {
			Access string `json:"access_token"`
			Error  string `json:"error"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		return answer.Access + answer.Error
	}
	agent := token("bot", os.Getenv("BOT"), "/mcp", "")
	nightly := token("nightly", os.Getenv("NIGHTLY"), "/v1/admin", "")
	for _, c := range []struct{ got, want string }{
		{token("bot", os.Getenv("BOT"), "/v1/admin", ""), "invalid_scope"},
		{token("nightly", os.Getenv("NIGHTLY"), "/mcp", ""), "unauthorized_client"},
		{token("nightly", os.Getenv("NIGHTLY"), "/v1/admin", "admin:agents"), "invalid_scope"},
		{token("nightly", "wrong", "/v1/admin", ""), "invalid_client"},
		{token("bot", os.Getenv("BOT"), "/elsewhere", ""), "invalid_target"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	do := func(method, path, token string) (int, string) {
		t.Helper()
		req, _ := http.NewRequest(method, base+path, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`))
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		method, path, token string
		want                int
	}{
		{"POST", "/mcp", agent, 200},
		{"POST", "/mcp", nightly, 401},
		{"GET", "/v1/admin/audit", nightly, 200},
		{"GET", "/v1/admin/audit?limit=0&order=oldest&since=2020-01-01T00:00:00Z", nightly, 200},
		{"GET", "/v1/admin/audit?limit=-1", nightly, 400},
		{"GET", "/v1/admin/audit?order=odd", nightly, 400},
		{"GET", "/v1/admin/audit?since=yesterday", nightly, 400},
		{"GET", "/v1/admin/audit?x=1", nightly, 400},
		{"GET", "/v1/admin/agents", nightly, 403},
		{"POST", "/v1/admin/agents/bot/suspend", nightly, 403},
		{"GET", "/v1/admin/nothing", nightly, 404},
		{"GET", "/v1/admin/audit", agent, 401},
		{"GET", "/v1/admin/audit", "", 401},
		{"GET", "/v1/admin/nothing", "", 401},
	} {
		if got, body := do(c.method, c.path, c.token); got != c.want {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, got, c.want, body)
		}
	}
	// Of two tokens, or one in the URL, none counts, however good.
	for name, present := range map[string]func(*http.Request){
		"two":        func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + nightly, "Bearer " + nightly} },
		"in the URL": func(r *http.Request) { r.URL.RawQuery = "access_token=" + nightly },
	} {
		req, _ := http.NewRequest("GET", base+"/v1/admin/audit", nil)
		present(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("an administrator's token, %s: %d", name, resp.StatusCode)
		}
	}

	// A person administers as far as the config says.
	v := newVisitor(t, s.addr)
	login(t, s, v, "--admin", "admin:agents audit:read")
	admin := commandOutput(t, s.data, "login", "token", base, "--admin")
	if got, body := do("GET", "/v1/admin/agents", admin); got != 200 || !strings.Contains(body, `{"id":"bot","state":"active","from":"config"}`) {
		t.Errorf("%d %s", got, body)
	}
	if got, body := do("POST", "/v1/admin/agents/bot/suspend", admin); got != 204 {
		t.Fatalf("%d %s", got, body)
	}
	if got, _ := do("POST", "/mcp", agent); got != 401 {
		t.Errorf("the suspended agent: %d", got)
	}
	if got, _ := do("POST", "/v1/admin/agents/bott/suspend", admin); got != 404 {
		t.Errorf("an agent that there is not: %d", got)
	}
	if log := commandOutput(t, s.data, "audit", "query", "-o", "json"); !strings.Contains(log, `"event":"agent.suspended","agent":"bot","admin":"ada"`) {
		t.Errorf("who suspended it? %s", log)
	}
	commandOutput(t, s.data, "logout", base, "--admin")
}

func TestLoginMisused(t *testing.T) {
	data := t.TempDir() + "/d"
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"login"}, "write it as: toolvault login URL", 2},
		{[]string{"login", "ftp://x"}, "is not the URL of a toolvault", 1},
		{[]string{"login", "http://example.com"}, "is not the URL of a toolvault", 1},
		{[]string{"login", "http://127.0.0.1:1"}, "does not answer", 1},
		{[]string{"login", "http://127.0.0.1:1", "--admin", "admin:agent"}, "there is no scope", 2},
		{[]string{"login", "http://127.0.0.1:1", "--admin", "audit:read", "--agent", "x"}, "leave out --admin", 2},
		{[]string{"logout", "http://127.0.0.1:1"}, "nobody is signed in", 1},
		{[]string{"client", "add", "x"}, "give --redirect", 2},
		{[]string{"client", "add", "x", "--redirect", "http://evil.example/cb"}, "--redirect", 2},
		{[]string{"client", "add", "x", "--admin", "audit:read"}, "proves who it is", 2},
		{[]string{"client", "remove", "x"}, "there is no client", 1},
		{[]string{"agent", "add", "x", "--key", "no-such-file"}, "cannot be read", 1},
	} {
		cmd := program(t, data, c.args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.code || !strings.Contains(string(out), c.want) {
			t.Errorf("%q: %d %s, want %d and %q", c.args, got, out, c.code, c.want)
		}
	}
}
