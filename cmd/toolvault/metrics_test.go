package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// scrape reads metrics under a Host and with a token, either of which may be "".
func scrape(t *testing.T, addr, host, token string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

var (
	seriesLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// series are the names of all series, and the values of their labels.
func series(t *testing.T, text string) (n int, labels map[string]map[string]bool) {
	t.Helper()
	labels = map[string]map[string]bool{}
	helped := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			helped[name] = help != ""
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		m := seriesLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("this is no line of metrics: %q", line)
		}
		n++
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m[1], "")
		if !helped[m[1]] && !helped[base] {
			t.Errorf("%s has no help", m[1])
		}
		for _, pair := range labelPair.FindAllStringSubmatch(m[2], -1) {
			if labels[pair[1]] == nil {
				labels[pair[1]] = map[string]bool{}
			}
			labels[pair[1]][pair[2]] = true
		}
	}
	return n, labels
}

// Whatever clients call themselves, their tools, their tokens and their ids: no
// series comes of it.
func TestHostileTrafficMakesNoSeries(t *testing.T) {
	upstream := httptest.NewServer(parrot("answer"))
	defer upstream.Close()
	config := tracedConfig(t, upstream.URL, "")
	s := serve(t, filepath.Join(t.TempDir(), "d"), "--config", config)
	token := s.token("--config", config)
	round := func(n int) {
		for i := range 40 {
			word := fmt.Sprintf("hostile-%d-%d", n, i)
			calls := []struct {
				tool  string
				args  map[string]any
				token string
			}{
				{word, map[string]any{}, token},
				{"hubspot_" + word, map[string]any{"x": word}, token},
				{"hubspot_get_object", map[string]any{"object_type": word, "id": word}, token},
				{"hubspot_list_owners", map[string]any{}, token},
				{"hubspot_get_object", map[string]any{}, word},
			}
			for _, c := range calls {
				if _, err := s.call(c.token, c.tool, c.args, word); err != nil {
					t.Fatal(err)
				}
			}
			for _, path := range []string{"/" + word, "/mcp?access_token=" + word, "/v1/agents/" + word + "/credentials/" + word, "/oauth/token", "/oauth/authorize?client_id=" + word} {
				req, _ := http.NewRequest(http.MethodPost, "http://"+s.addr+path, strings.NewReader("grant_type="+word+"&client_id="+word+"&scope="+word))
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				req.Header.Set("User-Agent", word+"/1")
				req.Header.Set("Traceparent", "00-"+fmt.Sprintf("%032x", n*1000+i+1)+"-00f067aa0ba902b7-01")
				if i%2 == 0 {
					req.Host = word + ".example.com"
				} else {
					req.Header.Set("Origin", "https://"+word+".example.com")
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
	}
	round(1)
	_, text := scrape(t, s.addr, "", "")
	before, _ := series(t, text)
	round(2)
	round(3)
	_, text = scrape(t, s.addr, "", "")
	after, labels := series(t, text)
	if after > before || after > 1500 {
		t.Errorf("%d series, then %d", before, after)
	}
	if strings.Contains(text, "hostile") || strings.Contains(text, "example.com") || strings.Contains(text, "support-agent-1") {
		t.Errorf("a name of others is in the metrics:\n%s", text)
	}
	own := map[string]*regexp.Regexp{
		"tool":      regexp.MustCompile(`^(unknown|hubspot_get_object|hubspot_list_owners)$`),
		"outcome":   regexp.MustCompile(`^(ok|failed|invalid_arguments|not_permitted|not_found|upstream_error|rate_limited|credential_invalid|sent|dropped)$`),
		"service":   regexp.MustCompile(`^(hubspot|slack|pinecone|metabase)$`),
		"status":    regexp.MustCompile(`^([1-5]xx|none)$`),
		"reason":    regexp.MustCompile(`^(host|origin|no_token|token|proof|two_tokens|query_token)$`),
		"event":     regexp.MustCompile(`^(issued|refreshed|refused|replayed|revoked)$`),
		"result":    regexp.MustCompile(`^(hit|miss)$`),
		"operation": regexp.MustCompile(`^(get|put|delete|forget|list|lease|spend|pause|now|ping)$`),
		"state":     regexp.MustCompile(`^(active|idle|ok|broken|needs_consent)$`),
		"rule":      regexp.MustCompile(`^[a-z_]+$`), "severity": regexp.MustCompile(`^[a-z]+$`),
		"le": regexp.MustCompile(`^[0-9.e+-]+$|^\+Inf$`), "quantile": regexp.MustCompile(`^[0-9.]+$`),
		"version": regexp.MustCompile(`^.+$`), "go": regexp.MustCompile(`^go`),
	}
	for name, values := range labels {
		for value := range values {
			if own[name] == nil || !own[name].MatchString(value) {
				t.Errorf("a label %s=%q", name, value)
			}
		}
	}
	for _, want := range []string{
		`toolvault_calls_total{outcome="ok",tool="hubspot_list_owners"}`, `toolvault_calls_total{outcome="not_found",tool="unknown"}`,
		`toolvault_upstream_requests_total{service="hubspot",status="2xx"}`, `toolvault_refused_tokens_total{reason="token"}`, `toolvault_refused_tokens_total{reason="host"}`,
		"toolvault_calls_in_flight 0", "toolvault_audit_records_total", "toolvault_audit_log_records", "toolvault_audit_log_bytes", `toolvault_store_seconds_count{operation="get"}`,
		`toolvault_upstream_breakers_open{service="hubspot"}`, "toolvault_upstream_request_seconds_bucket", "toolvault_audit_append_seconds_bucket",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
}

func TestWhoMayReadTheMetrics(t *testing.T) {
	const token = "scrape-token-0123456789"
	t.Setenv("SCRAPE_TOKEN", token)
	for name, c := range map[string]struct {
		server string // the section of the config
		own    bool   // at an address of its own
		tries  map[[2]string]int
	}{
		"on this machine": {"", false, map[[2]string]int{
			{"", ""}: 200, {"localhost", ""}: 200, {"127.0.0.1:1", ""}: 200, {"evil.example.com", ""}: 403, {"", "whatever"}: 200,
		}},
		"where others can reach it": {`public_url: https://tools.example.com`, false, map[[2]string]int{
			{"", ""}: 404, {"localhost", ""}: 404, {"tools.example.com", ""}: 404, {"tools.example.com", token}: 404,
		}},
		"with a token": {`public_url: https://tools.example.com, metrics: { token: "env:SCRAPE_TOKEN" }`, false, map[[2]string]int{
			{"tools.example.com", token}: 200, {"", token}: 200, {"tools.example.com", ""}: 401, {"", ""}: 401, {"", token + "x"}: 401, {"", token[1:]}: 401,
			{"evil.example.com", token}: 403,
		}},
		"at an address of its own": {`public_url: https://tools.example.com, metrics: { listen: %q }`, true, map[[2]string]int{
			{"", ""}: 200, {"localhost", ""}: 200, {"evil.example.com", ""}: 403, {"tools.example.com", ""}: 403,
		}},
		"there with a token": {`metrics: { listen: %q, token: "env:SCRAPE_TOKEN" }`, true, map[[2]string]int{
			{"", ""}: 401, {"", token}: 200, {"evil.example.com", token}: 403,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			section, addr := c.server, ""
			if c.own {
				addr = freeAddress(t)
				section = fmt.Sprintf(section, addr)
			}
			config := filepath.Join(t.TempDir(), "toolvault.yaml")
			text := "agents: [ { agentId: a } ]\n"
			if section != "" {
				text = "server: { " + section + " }\n" + text
			}
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := serve(t, filepath.Join(t.TempDir(), "d"), "--config", config)
			if c.own {
				if status, body := scrape(t, s.addr, "", token); status != http.StatusNotFound || strings.Contains(body, "toolvault_") {
					t.Errorf("and beside /mcp: %d", status)
				}
			} else {
				addr = s.addr
			}
			for try, want := range c.tries {
				status, body := scrape(t, addr, try[0], try[1])
				if status != want || strings.Contains(body, "toolvault_") != (want == 200) {
					t.Errorf("Host %q, token %q: %d, want %d", try[0], try[1], status, want)
				}
			}
			if strings.Contains(s.logs.String(), token) {
				t.Error("the token is in the log")
			}
		})
	}
}

// Where the numbers cannot be served as the config has it, nothing is.
func TestMetricsThatCannotBeServed(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	t.Setenv("SHORT_TOKEN", "short")
	for name, c := range map[string]struct{ metrics, want string }{
		"the address is taken":   {fmt.Sprintf(`{ listen: %q }`, strings.TrimPrefix(taken.URL, "http://")), "is in use by another program"},
		"the token is not there": {`{ token: "env:NO_SUCH_TOKEN" }`, "NO_SUCH_TOKEN is not set"},
		"the token is short":     {`{ token: "env:SHORT_TOKEN" }`, "16 characters"},
		"others could read them": {`{ listen: "0.0.0.0:9464" }`, "server.metrics.token"},
	} {
		t.Run(name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "toolvault.yaml")
			if err := os.WriteFile(config, []byte("server: { metrics: "+c.metrics+" }\nagents: [ { agentId: a } ]\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := program(t, filepath.Join(t.TempDir(), "d"), "serve", "--config", config, "--listen", freeAddress(t))
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
