package config_test

import (
	"maps"
	"testing"

	"toolvault/cmd/toolvault/internal/config"
)

func TestTelemetryAndMetrics(t *testing.T) {
	cfg, err := config.Parse("toolvault.yaml", []byte(`
server:
  metrics: { listen: "127.0.0.1:9464", token: "env:SCRAPE" }
telemetry:
  otlp: https://collector.example.com:4318/v1/traces
  headers: { authorization: "env:COLLECTOR", X-Scope-OrgID: "env:TENANT" }
  sample: 0.1
agents: []
`), config.Known{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"authorization": "env:COLLECTOR", "X-Scope-OrgID": "env:TENANT"}
	got := cfg.Telemetry
	if got.OTLP != "https://collector.example.com:4318" || got.Sample != 0.1 || !maps.Equal(got.Headers, want) {
		t.Errorf("telemetry: %+v", got)
	}
	if m := cfg.Server.Metrics; m.Listen != "127.0.0.1:9464" || m.Token != "env:SCRAPE" {
		t.Errorf("metrics: %+v", m)
	}
	if n := len(cfg.References()); n != 3 { // so that `check` looks them up
		t.Errorf("%d references", n)
	}
}
