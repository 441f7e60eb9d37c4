package config

import (
	"reflect"
	"testing"

	"toolvault/tools"
)

func TestAnOfferIsReadAsItStands(t *testing.T) {
	c, err := Parse("toolvault.yaml", []byte(`
agents:
  - agentId: a
    credentials: [{ service: slack, type: service_token, source: "env:S", scope: "channels:read" }]
    toolsets: [slack:read, hubspot, metabase:write]
    read_only: true
    discovery: true
    pin: [slack_list_channels]
    irreversible: [slack_delete_message]
  - agentId: b
    credentials: [{ service: slack, type: service_token, source: "env:T", scope: "channels:read" }]
`), known())
	if err != nil {
		t.Fatal(err)
	}
	want := tools.Offer{
		Toolsets:     tools.Toolsets{{Service: "slack", Read: true}, {Service: "hubspot", Read: true, Write: true}, {Service: "metabase", Write: true}},
		ReadOnly:     true,
		Discovery:    true,
		Pins:         []string{"slack_list_channels"},
		Irreversible: []string{"slack_delete_message"},
	}
	if !reflect.DeepEqual(c.Agents[0].Offer, want) {
		t.Errorf("got %+v, want %+v", c.Agents[0].Offer, want)
	}
	if !reflect.DeepEqual(c.Agents[1].Offer, tools.Offer{}) {
		t.Errorf("nothing is said, and it is %+v", c.Agents[1].Offer)
	}
}
