package monitor

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"toolvault/audit"
)

// FuzzRead: whatever stands in a log, reading it ends, and what is read of what the
// log writes is what encoding/json reads.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"index":1,"time":"2026-03-02T00:00:00Z","phase":"call","agent":"a\"b\\","outcome":"ok","result_bytes":12,"ms":{"total":1.5},"body":"x"}`),
		[]byte(`{"salt":"x","user":"u","arguments":{"a":[1,{"b":"]}"}],"channel":"#x"},"message":"from 1.2.3.4: token"}`))
	f.Add([]byte(`{"index":1,"time":"`), []byte(`{"arguments":{"`))
	f.Add([]byte(`{"a":[[[[`), []byte(`"\`))
	f.Fuzz(func(t *testing.T, leaf, body []byte) {
		var s seen
		if !s.read(audit.Raw{Leaf: leaf, Body: body}) {
			return
		}
		j := NewJudge(Settings{})
		j.Observe(audit.Raw{Leaf: leaf, Body: body})
		var r audit.Record
		if bytes.Contains(leaf, []byte(`\`)) || json.Unmarshal(leaf, &r) != nil || !compact(leaf) {
			return // with an escape, a repeated or a foreign key: not as the log writes it
		}
		if string(s.agent) != r.Agent || string(s.tool) != r.Tool || string(s.outcome) != r.Outcome || string(s.phase) != string(r.Phase) {
			t.Errorf("read %q %q %q %q of %s", s.agent, s.tool, s.outcome, s.phase, leaf)
		}
	})
}

// compact reports whether a leaf is as encoding/json would write it again.
func compact(leaf []byte) bool {
	var r audit.Record
	if json.Unmarshal(leaf, &r) != nil {
		return false
	}
	again, err := json.Marshal(r)
	return err == nil && bytes.Equal(again, leaf)
}

// TestReadFindsWhatAppendWrites reads records of a real log.
func TestReadFindsWhatAppendWrites(t *testing.T) {
	l := openLog(t, t.TempDir())
	want := audit.Record{
		Time: monday.Add(123456789), Phase: audit.PhaseCall, CallID: "c", ToolCallID: `t"\`, Agent: "a", Chain: []string{"b", "c"}, User: "u", TokenID: "k",
		ClientID: "id", Issuer: "https://i", ClientName: "näme\n\"x\"", ClientVersion: "1", Service: "slack", Tool: "slack_post_message", ToolDigest: "d", Write: true,
		Arguments: json.RawMessage(`{"a":{"channel":"no"},"channel":"#yes"}`), ResultBytes: 77, Outcome: "not_found", Message: "from 10.0.0.1: why",
		UpstreamStatus: 404, Retries: 2, CredentialID: "slack/a", Scope: "s", Rule: "r", Millis: audit.Steps{Total: 1.25},
	}
	l.add(want)
	reader := audit.NewReader(l.dir)
	defer func() { _ = reader.Close() }()
	raw, err := reader.At(0)
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	if !s.read(raw) {
		t.Fatalf("cannot be read: %s", raw.Leaf)
	}
	address, why := s.from()
	for _, c := range [][2]string{
		{string(s.phase), "call"}, {string(s.callID), "c"}, {string(s.agent), "a"}, {string(s.clientID), "id"}, {string(s.issuer), "https://i"},
		{string(s.clientName), want.ClientName}, {string(s.service), "slack"}, {string(s.tool), want.Tool}, {string(s.outcome), "not_found"},
		{string(s.credential), "slack/a"}, {string(address), "10.0.0.1"}, {string(why), "why"},
		{string(s.member("arguments")), string(want.Arguments)},
	} {
		if c[0] != c[1] {
			t.Errorf("read %q, want %q", c[0], c[1])
		}
	}
	if s.bytes != 77 || s.status != 404 || !s.time.Equal(want.Time) {
		t.Errorf("read %d bytes, status %d, at %s", s.bytes, s.status, s.time)
	}
}

// BenchmarkObserve is what the monitor costs a call.
func BenchmarkObserve(b *testing.B) {
	l := openLog(b, b.TempDir())
	const n = 2000
	for i := range n {
		l.add(audit.Record{
			Time: monday.Add(time.Duration(i) * 30 * time.Second), Phase: audit.PhaseCall, CallID: "019a2130-b501-7b00-bab9-30e0d90a8f44", ToolCallID: "toolu_01A09q90qw90lq917835",
			CorrelationID: "4bf92f3577b34da6a3ce929d0e0e4736", Agent: "support-agent-1", User: "ada@example.com", Task: "weekly-follow-up", TokenID: "019a2130-4fcf-72eb-a6c9-0f87d6e2d166",
			ClientID: "https://client.example.com/metadata.json", ClientName: "claude-ai", ClientVersion: "0.1.0", Transport: "http", Service: "hubspot", Tool: "hubspot_search_objects",
			ToolDigest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", ResultBytes: 4200, Outcome: "ok", UpstreamStatus: 200, UpstreamID: "a1b2c3d4",
			CredentialID: "hubspot/support-agent-1", CredentialVersion: 12, CredentialType: "oauth_token", Scope: "hubspot:crm.objects.contacts.read", Rule: "agents[0].policy[1]",
			Arguments: json.RawMessage(`{"object_type":"contacts","query":"acme","limit":20,"properties":["email","firstname","lastname","phone","company"]}`),
			Result:    json.RawMessage(`{"results":[` + string(bytes.Repeat([]byte(`{"id":"101","email":"a@example.com","name":"Ada"},`), 40)) + `{}]}`),
			Millis:    audit.Steps{Audit: 0.41, Policy: 0.02, Tool: 120.4, Upstream: 118.2, Vault: 0.03, Total: 121.7},
		})
	}
	var list []audit.Raw
	if _, err := audit.Scan(b.Context(), l.dir, 0, func(r audit.Raw) error { list = append(list, r.Clone()); return nil }); err != nil || len(list) != n {
		b.Fatal(len(list), err)
	}
	j := NewJudge(Settings{})
	var size int64
	b.ReportAllocs()
	begun := processTime()
	i := 0
	for b.Loop() {
		r := list[i%n]
		if i%n == 0 {
			j = NewJudge(Settings{}) // the same records again
		}
		if found := j.Observe(r); len(found) > 0 {
			b.Fatal(found)
		}
		size += int64(len(r.Leaf) + len(r.Body))
		i++
	}
	b.ReportMetric(float64(processTime()-begun)/float64(i), "cpu-ns/op") // whoever else uses the machine
	b.SetBytes(size / int64(i))
}
