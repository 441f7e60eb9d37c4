//go:build unix

package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("good", "canary-file\r\n")
	write("empty", "\n")
	write("large", strings.Repeat("canary", 20_000))
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TOOLVAULT_TEST_GOOD", "canary-env\n")
	t.Setenv("TOOLVAULT_TEST_EMPTY", "")
	t.Setenv("TOOLVAULT_TEST_LARGE", strings.Repeat("x", maxSecret+1))
	c, err := Parse(filepath.Join(dir, "c.yaml"), []byte(`keys: { master: "file:good" }`), known())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ ref, want, fault string }{
		{"env:TOOLVAULT_TEST_GOOD", "canary-env", ""},
		{"file:good", "canary-file", ""},
		{c.Keys.Master, "canary-file", ""},
		{"file:" + dir + "/good", "canary-file", ""},
		{"env:TOOLVAULT_TEST_NONE", "", "environment variable TOOLVAULT_TEST_NONE is not set"},
		{"env:TOOLVAULT_TEST_EMPTY", "", "environment variable TOOLVAULT_TEST_EMPTY is empty"},
		{"env:TOOLVAULT_TEST_LARGE", "", "environment variable TOOLVAULT_TEST_LARGE holds more than 64 KiB"},
		{"file:none", "", "file " + dir + "/none cannot be read: no such file or directory"},
		{"file:empty", "", "file " + dir + "/empty is empty"},
		{"file:large", "", "file " + dir + "/large holds more than 64 KiB"},
		{"file:pipe", "", "file " + dir + "/pipe cannot be read: it is not a regular file"},
		{"file:.", "", "file " + dir + " cannot be read: it is not a regular file"},
		{"exec:echo canary-exec", "canary-exec", ""},
		{"exec:false", "", "the program false ended with exit code 1; what it said is not shown, since it may hold a secret: run it by hand"},
		{"vault:x", "", "vault:x is resolved by the vault"},
		{planted, "", "a reference is written env:NAME, file:PATH or exec:PROGRAM"},
	} {
		s, err := c.Lookup(test.ref)
		if s.Reveal() != test.want || (err == nil) != (test.fault == "") || err != nil && err.Error() != test.fault {
			t.Errorf("%s: %q, %v; want %q, %q", test.ref, s.Reveal(), err, test.want, test.fault)
		}
	}
	if s, err := c.LookupOrLiteral("1234.5678"); err != nil || s.Reveal() != "1234.5678" {
		t.Errorf("a literal: %v", err)
	}
	if s, err := c.LookupOrLiteral("env:TOOLVAULT_TEST_GOOD"); err != nil || s.Reveal() != "canary-env" {
		t.Errorf("a reference: %v", err)
	}
}

func TestLoadReadsRegularFilesOnly(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:                       pipe + ": the config file cannot be read: it is not a regular file",
		dir:                        dir + ": the config file cannot be read: it is not a regular file",
		filepath.Join(dir, "none"): dir + "/none: there is no such config file: check the path after --config",
		large:                      large + ": the file is larger than 1 MiB, which no config needs",
	} {
		_, err := Load(path, known())
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		var es Errors
		if !errors.As(err, &es) {
			t.Errorf("%T", err)
		}
		if strings.HasSuffix(path, "none") && !errors.Is(err, fs.ErrNotExist) {
			t.Error("not fs.ErrNotExist")
		}
	}
}
