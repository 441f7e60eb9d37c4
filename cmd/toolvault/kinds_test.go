package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolvault/tools/sandbox"
	"toolvault/vault"
)

// Credentials of several types and sources, as an admin sets them up: what cannot
// work is found without a request to any service, and what can work does.
func TestKindsOfCredentialsFromTheOutside(t *testing.T) {
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("SKIPPED: there is no cat on the path, so nothing was shown about secrets that a program writes")
	}
	double := sandbox.NewMetabase()
	if err := double.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = double.Close() })
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	write("password", double.Password+"\n")
	write("key.pem", private)
	write("half.pem", private[:len(private)/2])
	config := write("toolvault.yaml", `
keys: { master: "exec:`+cat+` `+write("master", vault.NewMasterKey().Reveal()+"\n")+`" }
services:
  metabase: { base_url: "`+double.URL()+`" }
agents:
  - agentId: a1
    credentials:
      - { service: metabase, type: session, source: "exec:`+cat+` `+filepath.Join(dir, "password")+`", scope: read-only, username: "`+double.Username+`" }
      - { service: slack, type: jwt_bearer, source: "file:half.pem", scope: read-only, issuer: a, token_url: "https://token.example.com" }
      - { service: hubspot, type: client_credentials, source: "vault:hubspot/key", scope: read-only, client_id: a, token_url: "https://token.example.com" }
      - { service: pinecone, type: mtls, source: "exec:`+cat+` `+filepath.Join(dir, "none")+`", scope: read-only }
`)
	toolvault := func(stdin string, args ...string) (string, int) {
		t.Helper()
		cmd := program(t, data, append(args, "--config", config)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		for _, secret := range []string{double.Password, private[30:90]} {
			if strings.Contains(string(out), secret) {
				t.Errorf("a secret is shown:\n%s", out)
			}
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	has := func(out string, code, want int, texts ...string) {
		t.Helper()
		if code != want {
			t.Errorf("exit code %d, want %d", code, want)
		}
		for _, text := range texts {
			if !strings.Contains(out, text) {
				t.Errorf("%q is not in:\n%s", text, out)
			}
		}
	}
	// The break in the middle of a key stays, and one at the end does not count.
	out, code := toolvault(private+"\n", "credential", "put", "hubspot/key", "--type", "client_credentials")
	has(out, code, 0, "Stored as vault:hubspot/key, version 1")
	out, code = toolvault(private, "credential", "put", "slack/cert", "--type", "mtls")
	has(out, code, 1, "there is a private key and no certificate: give both in one text, in PEM")
	out, code = toolvault("x", "credential", "put", "slack/cert", "--type", "certificate")
	has(out, code, 2, "--type must be one of api_key, basic, client_credentials, id_jag, jwt_bearer, mtls,")

	out, code = toolvault("", "check")
	has(out, code, 1,
		"toolvault.yaml:9:", "this is no private key: it must be in PEM",
		"toolvault.yaml:10:", "set auth to private_key_jwt",
		"toolvault.yaml:11:", "the program "+cat+" ended with exit code 1",
		"keys.master", "3 of ")
	if n := double.Requests(); n != 0 {
		t.Errorf("check made %d requests", n)
	}
	out, code = toolvault("", "check", "--live")
	has(out, code, 1, "Sandbox editor", "3 of ")
	if n := double.Requests(); n != 2 {
		t.Errorf("a live check made %d requests: want a log-in and a question", n)
	}
}
