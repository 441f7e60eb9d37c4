package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolvault/tools/sandbox"
)

// ourProgram builds the program once, with the build cache that the other tests use.
func ourProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "toolvault")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "toolvault/cmd/toolvault").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// The figures of ours in docs/compared.md are what the program does today, within
// five percent, and the tasks are done: what came back says what was asked.
func TestComparedPageIsUpToDate(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(root, "docs", "compared.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"catalogue", "-toolvault", ourProgram(t)}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	was, is := rows(string(kept)), rows(out.String())
	if len(was) != len(is) || len(was) < 30 {
		t.Fatalf("the page has %d rows, and would have %d: go run ./cmd/bench catalogue -update", len(was), len(is))
	}
	for i, row := range is {
		if row.name != was[i].name {
			t.Errorf("row %d is %q, and would be %q", i, was[i].name, row.name)
			continue
		}
		for j, n := range row.numbers {
			if old := was[i].numbers[j]; math.Abs(n-old) > 0.05*math.Max(n, old) {
				t.Errorf("%s: %v, and now %v: go run ./cmd/bench catalogue -update", row.name, old, n)
			}
		}
	}
}

type line struct {
	name    string
	numbers []float64
}

// rows are the rows of the page's tables that have numbers.
func rows(page string) (all []line) {
	number := regexp.MustCompile(`^[\d,]+$`)
	for text := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(text), "|"), "|")
		r := line{name: strings.TrimSpace(cells[0])}
		for _, c := range cells[1:] {
			if c = strings.TrimSpace(c); number.MatchString(c) {
				n, _ := strconv.ParseFloat(strings.ReplaceAll(c, ",", ""), 64)
				r.numbers = append(r.numbers, n)
			}
		}
		if len(r.numbers) > 2 {
			all = append(all, r)
		}
	}
	return all
}

// The calls that stand in for Slack's own server fit the schemas of its list.
func TestHostedCallsFitTheirList(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(root), "shared", "specs", "slack", "official-mcp-tools.json"))
	if os.IsNotExist(err) {
		t.Skip("NOT CHECKED: the shared specs are not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Result struct {
			Tools []struct {
				Name  string `json:"name"`
				Input any    `json:"inputSchema"`
			} `json:"tools"`
		} `json:"result"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	compiled := map[string]*jsonschema.Schema{}
	c := jsonschema.NewCompiler()
	for _, tool := range in.Result.Tools {
		tool.Input.(map[string]any)["additionalProperties"] = false // what it does not name it does not know
		if err := c.AddResource(tool.Name+".json", tool.Input); err != nil {
			t.Fatal(err)
		}
		if compiled[tool.Name], err = c.Compile(tool.Name + ".json"); err != nil {
			t.Fatal(err)
		}
	}
	for _, task := range slackTasks() {
		w, err := newWorld(time.Now(), true)
		if err != nil {
			t.Fatal(err)
		}
		s := &session{ctx: t.Context(), world: w}
		task.theirs(s)
		w.close()
		if s.err != nil {
			t.Errorf("%s: %v", task.key, s.err)
		}
		for _, m := range s.made {
			sent, _ := json.Marshal(m.args)
			args, err := jsonschema.UnmarshalJSON(bytes.NewReader(sent))
			switch schema := compiled[m.tool]; {
			case err != nil:
				t.Error(err)
			case schema == nil:
				t.Errorf("%s: there is no tool %s", task.key, m.tool)
			default:
				if err := schema.Validate(args); err != nil {
					t.Errorf("%s: %s: %v", task.key, m.tool, err)
				}
			}
		}
	}
}

// A script that does not do what it says is no measurement.
func TestSideHoldsTheScriptToItsWords(t *testing.T) {
	c := comparison{now: time.Now()}
	post := func(s *session) {
		s.instead("slack_send_message", object{"channel_id": "C07GENERAL01", "message": "hello"}, slack("chat.postMessage", "channel", "C07GENERAL01", "text", "hello"))
	}
	for _, c2 := range []struct {
		name, want string
		task       task
		script     func(*session)
	}{
		{"does its job", "", task{service: "slack", writes: true, facts: []string{"hello"}}, post},
		{"a fact is missing", `do not say "goodbye"`, task{service: "slack", writes: true, facts: []string{"goodbye"}}, post},
		{"a reading task writes", "but the service was changed: true", task{service: "slack"}, post},
		{"a writing task does not", "but the service was changed: false", task{service: "slack", writes: true}, func(*session) {}},
		{"the service refuses", "channel_not_found", task{service: "slack"}, func(s *session) {
			s.instead("t", nil, slack("conversations.history", "channel", "C0NONE"))
		}},
		{"the answer has no such thing", "nothing at [messages 99 ts]", task{service: "slack"}, func(s *session) {
			s.instead("t", nil, slack("conversations.history", "channel", "C07GENERAL01")).text("messages", 99, "ts")
		}},
	} {
		t.Run(c2.name, func(t *testing.T) {
			cost, state, err := c.side(t.Context(), c2.task, c2.task.facts, c2.script, true, nil)
			switch {
			case c2.want == "" && (err != nil || cost.Calls != 1 || cost.Sent == 0 || cost.Read == 0 || len(state) == 0):
				t.Errorf("%v, %+v", err, cost)
			case c2.want != "" && (err == nil || !strings.Contains(err.Error(), c2.want)):
				t.Errorf("error %v, wanted %s", err, c2.want)
			}
		})
	}
}

func TestDifferences(t *testing.T) {
	ours := map[string]string{"note 1": "hello at 10:00:01", "note 2": "x"}
	theirs := map[string]string{"note 1": "hello at 10:00:07", "note 3": "x"}
	got := strings.Join(differences(ours, theirs, nil), "; ")
	if want := "+ note 1 = hello at 10:00:01; + note 2 = x; - note 1 = hello at 10:00:07; - note 3 = x"; got != want {
		t.Errorf("%s", got)
	}
	but := []explained{{regexp.MustCompile(` at [\d:]+`), "the clock"}}
	if got := strings.Join(differences(ours, theirs, but), "; "); got != "+ note 2 = x; - note 3 = x" {
		t.Errorf("%s", got)
	}
}

// Slack takes GET and JSON, and so does the double behind formsOnly.
func TestFormsOnly(t *testing.T) {
	d := sandbox.NewSlack()
	server := httptest.NewServer(formsOnly(d))
	t.Cleanup(server.Close)
	ask := func(method, path, kind, body string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(context.Background(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+d.Secret)
		r.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := ask(http.MethodGet, "/api/conversations.info?channel=C07GENERAL01", "", ""); !strings.Contains(got, `"name":"general"`) {
		t.Errorf("GET: %s", got)
	}
	if got := ask(http.MethodPost, "/api/chat.postMessage", "application/json", `{"channel":"C07GENERAL01","text":"hello","unfurl_links":false}`); !strings.Contains(got, `"ok":true`) {
		t.Errorf("JSON: %s", got)
	}
	if got := ask(http.MethodPost, "/api/chat.postMessage", "application/json", `{`); !strings.Contains(got, "invalid_json") {
		t.Errorf("bad JSON: %s", got)
	}
	if got := ask(http.MethodPost, "/api/conversations.info", "application/x-www-form-urlencoded", "channel=C07GENERAL01"); !strings.Contains(got, `"name":"general"`) {
		t.Errorf("form: %s", got)
	}
}

// The proxy takes connections for Slack, with a certificate that its file vouches
// for, and for nobody else.
func TestSlackProxy(t *testing.T) {
	p, err := startSlackProxy(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "for "+r.Host) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	text, err := os.ReadFile(p.authority)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	proxy, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	for _, host := range []string{"slack.com", "northwind-support.slack.com"} {
		resp, err := (&http.Client{Transport: transport}).Get("https://" + host + "/api/auth.test")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(b) != "for "+host {
			t.Errorf("%s: %q, %v", host, b, err)
		}
	}
	for _, host := range []string{"api.pinecone.io", "notslack.com", "slack.com.example.com"} {
		if resp, err := (&http.Client{Transport: transport}).Get("https://" + host + "/"); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s went through", host)
		} else if !strings.Contains(err.Error(), "Forbidden") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// A program that is no MCP server is an error that names it, and leaves nothing.
func TestStartMCPOfAnotherProgram(t *testing.T) {
	temp, none := t.TempDir(), filepath.Join(t.TempDir(), "none")
	t.Setenv("TMPDIR", temp)
	for _, program := range []string{"false", "cat", none} {
		if _, err := startMCP(t.Context(), "the server", nil, program); err == nil {
			t.Errorf("%s shook hands", program)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestCatalogueUsage(t *testing.T) {
	for want, args := range map[string][]string{
		`there is no task "nope"`: {"catalogue", "-toolvault", "x", "-task", "nope"},
		"say with -vendors":       {"catalogue", "-toolvault", "x", "-same"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, wanted %s", args, err, want)
		}
	}
}
