package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolvault/vault"
)

// What a type of credential needs besides its secret stands beside its source, and a
// program may be the source of any of them, of the master key and of an app's secret.
func TestKindsOfCredentials(t *testing.T) {
	dir := t.TempDir()
	c, err := Parse(filepath.Join(dir, "c.yaml"), []byte(`
keys: { master: "exec:op read op://Private/toolvault/4xzlq7mnb2v5k3c9w8d1f6g0hj" }
services:
  slack: { oauth: { client_id: "exec:/usr/bin/pass slack/id", client_secret: "exec:pass slack/secret" } }
agents:
  - agentId: a
    credentials:
      - { service: metabase, type: session, source: "exec:aws secretsmanager get-secret-value --secret-id arn:aws:secretsmanager:eu-central-1:123456789012:secret:MySecret-a1b2c3", scope: read-only, username: ana@example.com, broker: true }
      - service: metabase
        id: crm/machine
        type: client_credentials
        source: vault:crm/machine
        scope: read-only
        broker: false
        client_id: 0f8fad5b-d9cb-469f-a165-70867728950e
        token_url: https://login.example.com/oauth2/v2.0/token
        token_scope: https://graph.example.com/.default
        auth: private_key_jwt
        algorithm: PS256
        key_id: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      - { service: metabase, id: aws, type: signed_request, source: "file:key", scope: read-only, algorithm: aws-sigv4, access_key_id: AKIAIOSFODNN7EXAMPLE, region: eu-central-1, aws_service: execute-api }
      - { service: metabase, id: tls, type: mtls, source: "file:cert.pem", scope: read-only, ca: certs/ca.pem }
`), known())
	if err != nil {
		t.Fatal(err)
	}
	if c.Keys.Master != "exec:op read op://Private/toolvault/4xzlq7mnb2v5k3c9w8d1f6g0hj" || c.Services["slack"].OAuth.ClientSecret != "exec:pass slack/secret" || !IsReference(c.Services["slack"].OAuth.ClientID) {
		t.Errorf("%+v %+v", c.Keys, c.Services["slack"].OAuth)
	}
	want := []map[string]string{
		{"username": "ana@example.com"},
		{"client_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "token_url": "https://login.example.com/oauth2/v2.0/token", "token_scope": "https://graph.example.com/.default",
			"auth": "private_key_jwt", "algorithm": "PS256", "key_id": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{"algorithm": "aws-sigv4", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "eu-central-1", "aws_service": "execute-api"},
		{"ca": filepath.Join(dir, "certs/ca.pem")},
	}
	for i, d := range c.Agents[0].Credentials {
		if !maps.Equal(d.Params, want[i]) || d.Broker != (i == 0) {
			t.Errorf("%s: %v, broker %v", d.ID, d.Params, d.Broker)
		}
	}
	refs := c.References()
	if r := refs[0]; r.Kind != "exec" || r.Name != "op read op://Private/toolvault/4xzlq7mnb2v5k3c9w8d1f6g0hj" || r.Where != "keys.master" || len(refs) != 7 {
		t.Errorf("%+v", refs)
	}
}

// A key of a type would hide one that all credentials have.
func TestParamsAreNoCommonKeys(t *testing.T) {
	common := []string{"id", "service", "type", "source", "scope", "user", "account", "broker"}
	for _, typ := range vault.Types() {
		for _, p := range vault.Params(typ) {
			if slices.Contains(common, p.Name) || p.Help == "" {
				t.Errorf("%s of %s", p.Name, typ)
			}
		}
	}
}

// The table in docs/config.md names every type, and every key that it has.
func TestTheDocsNameEveryKindAndKey(t *testing.T) {
	b, err := os.ReadFile("../../../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // by type
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(line, "|")
		for _, typ := range vault.Types() {
			if len(cells) == 5 && strings.Contains(cells[1], "`"+typ+"`") {
				rows[typ] = cells[2] + cells[3]
			}
		}
	}
	for _, typ := range vault.Types() {
		row, ok := rows[typ]
		if !ok {
			t.Errorf("there is no row for %s", typ)
		}
		for _, p := range vault.Params(typ) {
			if !strings.Contains(row, "`"+p.Name+"`") {
				t.Errorf("the row of %s does not name %s", typ, p.Name)
			}
		}
	}
}
