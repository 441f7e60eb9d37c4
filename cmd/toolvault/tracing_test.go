package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/cmd/toolvault/internal/telemetry/telemetrytest"
)

// tracedConfig has an agent with a HubSpot token of the environment, at an
// upstream, and more of the file's sections.
func tracedConfig(t *testing.T, upstream, more string) string {
	t.Helper()
	t.Setenv("CANARY_HUBSPOT", canaries["hubspot"])
	path := filepath.Join(t.TempDir(), "toolvault.yaml")
	text := fmt.Sprintf(`%s
services:
  hubspot: { base_url: %q }
agents:
  - agentId: support-agent-1
    credentials:
      - { service: hubspot, type: service_token, source: "env:CANARY_HUBSPOT", scope: read-write }
`, more, upstream)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withHeaders is a call of hubspot_get_object with more headers.
func (s *server) withHeaders(token, meta string, header map[string]string) string {
	s.t.Helper()
	body := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"hubspot_get_object","arguments":{"object_type":"contacts","id":"101"},"_meta":{` + meta + `}}}`
	req, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/mcp", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18", "Authorization": "Bearer " + token} {
		req.Header.Set(name, value)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(b, []byte(`"isError":true`)) {
		s.t.Fatalf("%v, %d: %s", err, resp.StatusCode, b)
	}
	return string(b)
}

// A trace goes from the client through the server to the service and back to the
// collector, and into the audit log.
func TestATraceFromTheClientToTheService(t *testing.T) {
	const client, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for name, c := range map[string]struct {
		meta   string
		header map[string]string
	}{
		"by the header": {header: map[string]string{"Traceparent": "00-" + client + "-" + span + "-01", "Tracestate": "rojo=1"}},
		"by the message": {
			meta:   `"traceparent":"00-` + client + `-` + span + `-01","tracestate":"rojo=1"`,
			header: map[string]string{"Traceparent": "00-11111111111111111111111111111111-2222222222222222-01"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			collector := telemetrytest.New(t)
			var mu sync.Mutex
			var seen []http.Header
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				seen = append(seen, r.Header.Clone())
				mu.Unlock()
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"id":"101","properties":{"firstname":"Ada"}}`)
			}))
			defer upstream.Close()
			t.Setenv("COLLECTOR_KEY", "Bearer collector-key-0123456789")
			config := tracedConfig(t, upstream.URL, fmt.Sprintf("telemetry: { otlp: %q, headers: { authorization: \"env:COLLECTOR_KEY\" } }", collector.URL()))
			s := serve(t, filepath.Join(t.TempDir(), "d"), "--config", config)
			token := s.token("--config", config)
			s.withHeaders(token, c.meta, c.header)
			eventually(t, "the trace arrives", func() bool { return len(collector.Spans()) > 0 })

			spans := collector.Spans()
			byName := map[string]telemetrytest.Span{}
			for _, s := range spans {
				if s.Trace != client {
					t.Errorf("%s is of the trace %s", s.Name, s.Trace)
				}
				byName[s.Name] = s
			}
			root := byName["tools/call hubspot_get_object"]
			if root.Parent != span || root.Kind != 2 || root.Attributes["gen_ai.tool.name"] != "hubspot_get_object" || root.Attributes["mcp.method.name"] != "tools/call" ||
				root.Attributes["mcp.protocol.version"] != "2025-06-18" || root.Attributes["jsonrpc.request.id"] != "7" || root.Attributes["gen_ai.agent.id"] != "support-agent-1" {
				t.Errorf("the call's span: %+v", root)
			}
			for _, step := range []string{"auth", "schema", "policy", "vault", "tool", "result", "audit outcome"} {
				if byName[step].Parent != root.ID {
					t.Errorf("%s: %+v", step, byName[step])
				}
			}
			mu.Lock()
			defer mu.Unlock()
			var requests []telemetrytest.Span
			for _, s := range spans {
				if s.Kind == 3 {
					requests = append(requests, s)
				}
			}
			if len(requests) != len(seen) || len(seen) == 0 {
				t.Fatalf("%d requests, %d spans of requests", len(seen), len(requests))
			}
			for i, r := range requests {
				if r.Parent != byName["tool"].ID || r.Attributes["http.response.status_code"] != "200" || r.Attributes["service.peer.name"] != "hubspot" {
					t.Errorf("the request's span: %+v", r)
				}
				if got := seen[i].Get("Traceparent"); got != "00-"+client+"-"+r.ID+"-01" || seen[i].Get("Tracestate") != "rojo=1" {
					t.Errorf("the service was told %q, %q", got, seen[i].Get("Tracestate"))
				}
			}
			if got := collector.Headers()[0].Get("Authorization"); got != "Bearer collector-key-0123456789" {
				t.Errorf("the collector was shown %q", got)
			}
			// And the histogram of calls names the trace (an exemplar of OpenMetrics).
			if _, text := scrape(t, s.addr, "", "", "Accept", "application/openmetrics-text; version=1.0.0"); !strings.Contains(text, `# {trace_id="`+client+`"}`) {
				t.Errorf("no trace is named in the metrics:\n%s", text)
			}
			var record struct {
				CorrelationID string `json:"correlation_id"`
				CallID        string `json:"call_id"`
			}
			line := commandOutput(t, s.data, "audit", "query", "--tool", "hubspot_get_object", "-o", "json")
			if err := json.Unmarshal([]byte(line), &record); err != nil || record.CorrelationID != client || record.CallID != root.Attributes["toolvault.call_id"] {
				t.Errorf("%v, record %s", err, line)
			}
		})
	}
}

// The standard variables turn traces on where the config is silent, and what they
// ask for and cannot be had keeps nobody from starting.
func TestTracesByTheEnvironment(t *testing.T) {
	slowWithRace(t)
	collector := telemetrytest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL())
	t.Setenv("OTEL_SERVICE_NAME", "vault-of-tools")
	s := serve(t, filepath.Join(t.TempDir(), "d"), "--sandbox")
	if r := s.must(s.token(), "slack_list_channels", map[string]any{}); r.IsError {
		t.Fatal(r.Text)
	}
	eventually(t, "the trace arrives", func() bool { return len(collector.Spans()) > 0 })
	if r := collector.Resource(); r["service.name"] != "vault-of-tools" || r["service.instance.id"] == "" {
		t.Errorf("resource %v", r)
	}

	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	s = serve(t, filepath.Join(t.TempDir(), "d"), "--sandbox")
	if !strings.Contains(s.logs.String(), "OTLP over HTTP only") {
		t.Errorf("log %s", s.logs)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "")
	s = serve(t, filepath.Join(t.TempDir(), "d"), "--sandbox")
	before := len(collector.Headers())
	s.must(s.token(), "slack_list_channels", map[string]any{})
	if len(collector.Headers()) != before || strings.Contains(s.logs.String(), "collector") {
		t.Errorf("off by default: %s", s.logs)
	}
}

// A collector that hangs or is gone holds up no call.
func TestACollectorThatHangsHoldsUpNoCall(t *testing.T) {
	collector := telemetrytest.New(t)
	hang := make(chan struct{})
	collector.Answer(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	upstream := httptest.NewServer(parrot("answer"))
	defer upstream.Close()
	for name, address := range map[string]string{"hangs": collector.URL(), "is gone": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			config := tracedConfig(t, upstream.URL, fmt.Sprintf("telemetry: { otlp: %q }", address))
			s := serve(t, filepath.Join(t.TempDir(), "d"), "--config", config)
			token := s.token("--config", config)
			began := time.Now()
			for range 200 {
				s.must(token, "hubspot_get_object", map[string]any{"object_type": "contacts", "id": "101"})
			}
			if d := time.Since(began); d > 60*time.Second {
				t.Errorf("200 calls took %v", d)
			}
			if name == "hangs" {
				eventually(t, "the collector is asked", func() bool { return len(collector.Headers()) > 0 })
			}
		})
	}
}

// TestNoSecretIsInATrace plants secrets where TestNoSecretIsInAnythingThatLeaves
// does, and arguments besides, and looks for them in what a collector gets.
func TestNoSecretIsInATrace(t *testing.T) {
	slowWithRace(t)
	const argument = "Hyperion-of-the-arguments"
	for _, mode := range []string{"answer", "slack error", "error", "html", "half", "redirect"} {
		t.Run(mode, func(t *testing.T) {
			collector := telemetrytest.New(t)
			upstream := httptest.NewServer(parrot(mode))
			defer upstream.Close()
			config := tracedConfig(t, upstream.URL, fmt.Sprintf("telemetry: { otlp: %q }", collector.URL()))
			s := serve(t, filepath.Join(t.TempDir(), "d"), "--config", config)
			token := s.token("--config", config)
			calls := []struct {
				tool string
				args map[string]any
			}{
				{"hubspot_search_objects", map[string]any{"object_type": "contacts", "query": canaries["argument"] + canaries["hubspot"] + argument}},
				{"hubspot_get_object", map[string]any{"object_type": "contacts", "id": argument}},
				{"hubspot_create_note", map[string]any{"body": argument + canaries["argument"]}},
				{canaries["slack"], map[string]any{"x": canaries["slack"]}},
				{argument, map[string]any{}},
			}
			for _, c := range calls {
				if _, err := s.call(token, c.tool, c.args, canaries["hubspot"]); err != nil {
					t.Fatal(err)
				}
			}
			roots := func() int {
				n := 0
				for _, s := range collector.Spans() {
					if s.Kind == 2 {
						n++
					}
				}
				return n
			}
			eventually(t, "all traces arrive", func() bool { return roots() == len(calls) })
			sent := collector.Bytes()
			if found := leaks(sent); len(found) > 0 || bytes.Contains(sent, []byte(argument)) || bytes.Contains(sent, []byte(token)) {
				t.Errorf("%v\n%.3000s", found, sent)
			}
			if !slices.ContainsFunc(collector.Spans(), func(s telemetrytest.Span) bool { return s.Kind == 3 }) {
				t.Error("no request was recorded")
			}
		})
	}
}
