package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolvault/tools/sandbox"
)

// A live check tells whether the service takes the new key: a call would fall back
// on the old one, and whoever then takes that back has none.
func TestALiveCheckIsAboutTheNewKey(t *testing.T) {
	t.Parallel()
	double := sandbox.NewMetabase()
	if err := double.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = double.Close() })
	const unknown = "mb_unknown_0123456789abcdef"
	for _, c := range []struct {
		name, first, second string
		refused             bool
	}{
		{"known", unknown, sandbox.MetabaseReader, false},
		{"not yet known", sandbox.MetabaseReader, unknown, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "d")
			config := filepath.Join(t.TempDir(), "toolvault.yaml")
			text := fmt.Sprintf("services: { metabase: { base_url: %q } }\nagents:\n  - agentId: a\n    credentials:\n      - { service: metabase, type: api_key, source: \"vault:metabase/a\", scope: read-only }\n", double.URL())
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			putSecret(t, data, "metabase/a", c.first, "--type", "api_key")
			rotate := program(t, data, "credential", "rotate", "metabase/a")
			rotate.Stdin = strings.NewReader(c.second)
			if out, err := rotate.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			out, err := program(t, data, "check", "--live", "--config", config).CombinedOutput()
			if said := strings.Contains(string(out), "refuses the new key"); (err != nil) != c.refused || said != c.refused {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
