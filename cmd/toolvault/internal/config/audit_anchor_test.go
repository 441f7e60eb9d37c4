package config

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Paths begin at the file's folder, an interval has a default, and what stands for
// a secret is among the references that are checked.
func TestAnchors(t *testing.T) {
	const key = "witness.example+f2ce6853+BOkLfQp/srLs+p7UMElAlm5pXXf+bP2JTrvmQK2p3oTC"
	dir := t.TempDir()
	c, err := Parse(filepath.Join(dir, "toolvault.yaml"), []byte(`
audit:
  anchor:
    - { file: outside }
    - { file: /mnt/other/newest, every: 1h }
    - { webhook: "env:HOOK", secret: "file:hook.secret", every: 1m30s }
    - { webhook: "http://127.0.0.1:9999/in" }
    - { witness: "https://witness.example/log", key: "`+key+`", every: 1s }
`), known())
	if err != nil {
		t.Fatal(err)
	}
	want := []Anchor{
		{File: filepath.Join(dir, "outside"), Every: 10 * time.Minute},
		{File: "/mnt/other/newest", Every: time.Hour},
		{Webhook: "env:HOOK", Secret: "file:" + filepath.Join(dir, "hook.secret"), Every: 90 * time.Second},
		{Webhook: "http://127.0.0.1:9999/in", Every: 10 * time.Minute},
		{Witness: "https://witness.example/log", Key: key, Every: time.Second},
	}
	if !slices.Equal(c.Audit.Anchors, want) {
		t.Errorf("%+v", c.Audit.Anchors)
	}
	var refs []string
	for _, r := range c.References() {
		refs = append(refs, r.Where)
	}
	if !slices.Equal(refs, []string{"audit.anchor[2].webhook", "audit.anchor[2].secret"}) {
		t.Error(refs)
	}
}
