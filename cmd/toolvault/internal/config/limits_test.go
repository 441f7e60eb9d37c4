package config

import (
	"reflect"
	"testing"

	"toolvault/tools/limits"
)

func TestLimits(t *testing.T) {
	c, err := Parse("toolvault.yaml", []byte(`
limits:
  - { calls: 60, per: minute }
  - { calls: "600", per: hour, tool: "*" }
  - { bytes: 50MB, per: hour, service: hubspot }
  - { bytes: 1000000, per: day }
  - { writes: 200, per: day, tool: "slack_*" }
agents:
  - agentId: a1
    credentials: []
    limits:
      - { calls: 5, per: day, tool: slack_post_message }
  - agentId: a2
    credentials: []
`), known())
	if err != nil {
		t.Fatal(err)
	}
	want := []limits.Limit{
		{Kind: limits.Calls, Max: 60, Per: limits.Minute},
		{Kind: limits.Calls, Max: 600, Per: limits.Hour},
		{Kind: limits.Bytes, Max: 50_000_000, Per: limits.Hour, Service: "hubspot"},
		{Kind: limits.Bytes, Max: 1_000_000, Per: limits.Day},
		{Kind: limits.Writes, Max: 200, Per: limits.Day, Tool: "slack_*"},
	}
	if !reflect.DeepEqual(c.Limits, want) {
		t.Errorf("%+v", c.Limits)
	}
	if own := []limits.Limit{{Kind: limits.Calls, Max: 5, Per: limits.Day, Tool: "slack_post_message"}}; !reflect.DeepEqual(c.Agents[0].Limits, own) || c.Agents[1].Limits != nil {
		t.Errorf("%+v", c.Agents)
	}
	for _, l := range append(c.Limits, c.Agents[0].Limits...) {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
	}
}
