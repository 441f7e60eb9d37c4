package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeSaysNothingBeforeAMissingSecretStopsIt: whoever waits for the line that it
// serves must not see it of a server that ends.
func TestServeSaysNothingBeforeAMissingSecretStopsIt(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]string{
		"a client's":             `clients: [{ client_id: nightly, secret: "env:NO_SUCH_VARIABLE", admin: "audit:read" }]`,
		"a person's":             `people: [{ name: ada, password_hash: "env:NO_SUCH_VARIABLE" }]`,
		"the company provider's": `login: { issuer: "https://login.example.com", client_id: toolvault, client_secret: "env:NO_SUCH_VARIABLE" }`,
	} {
		t.Run(name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(config, []byte("auth:\n  "+auth+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			taken, err := net.Listen("tcp", "127.0.0.1:0") // the address is not even asked for
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = taken.Close() }()
			cmd := program(t, t.TempDir()+"/d", "serve", "--config", config, "--listen", taken.Addr().String())
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			var ended *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &ended) || ended.ExitCode() != 1 {
				t.Errorf("it ends with %v", err)
			}
			if strings.Contains(out.String(), "serving MCP") || strings.Contains(out.String(), "is in use") || !strings.Contains(out.String(), "NO_SUCH_VARIABLE is not set") {
				t.Errorf("it says:\n%s", out.String())
			}
		})
	}
}
