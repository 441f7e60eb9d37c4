//go:build unix

package vault

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A Kubernetes secret volume holds a link for each key, to a link "..data", to a
// folder with a time for a name; an update puts another "..data" in its place in one
// step (kubernetes.io/docs/concepts/configuration/secret). The new secret is seen
// with the next call, even where size and time of the file are the same.
func TestASecretVolumeIsReadAgain(t *testing.T) {
	volume := t.TempDir()
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	mount := func(folder, secret string) {
		dir := filepath.Join(volume, folder)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "key"), secret)
		if err := os.Chtimes(filepath.Join(dir, "key"), at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(folder, filepath.Join(volume, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..2026_11_24_1", "secret-of-day-1")
	if err := os.Symlink("..data/key", filepath.Join(volume, "key")); err != nil {
		t.Fatal(err)
	}
	q := newQuiet(t, Service{Schemes: map[string]Scheme{TypeAPIKey: Bearer}})
	d := Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeAPIKey, Source: "file:" + filepath.Join(volume, "key")}
	sees := func(want string) {
		t.Helper()
		for range 2 { // the second time from memory
			c, err := q.Resolve(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if got := sent(t, c, "Authorization"); got != "Bearer "+want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	sees("secret-of-day-1")
	if _, cached := q.files.Load(filepath.Join(volume, "key")); !cached {
		t.Fatal("the file is not in memory, so this would prove nothing")
	}
	mount("..2026_11_24_2", "secret-of-day-2")
	if err := os.RemoveAll(filepath.Join(volume, "..2026_11_24_1")); err != nil {
		t.Fatal(err)
	}
	sees("secret-of-day-2")
	if err := os.RemoveAll(filepath.Join(volume, "..2026_11_24_2")); err != nil {
		t.Fatal(err)
	}
	if got := q.fails(t, d, ErrInvalid); got != "the file "+filepath.Join(volume, "key")+" does not exist" {
		t.Errorf("got %s", got)
	}
	mount("..2026_11_24_3", "secret-of-day-3")
	sees("secret-of-day-3")
}
