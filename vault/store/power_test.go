package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"toolvault/vault/store"
)

// The power goes while leases are in the log that no commit of a record has
// synced: what comes back is the file and what had been synced of its log, the
// rest gone or zeros. All records are there, and tokens go on.
func TestPowerLossTakesLeasesOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	st := open(t, "file:"+path)
	lost := func(name string) int64 { // the token of a lease that is not synced
		l, err := st.Lease(t.Context(), name, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		return l.Token()
	}
	for round := range 8 {
		lost("l")
		held, err := st.Lease(t.Context(), fmt.Sprint("held", round), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Put(t.Context(), store.Item{Key: fmt.Sprint("k", round), Version: 1, Value: make([]byte, 500)}, held); err != nil {
			t.Fatal(err)
		}
		synced, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]int64{}
		for _, name := range []string{"l", fmt.Sprint("first", round), "l"} {
			last[name] = lost(name)
		}
		whole, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if len(whole) <= len(synced) {
			t.Fatal("the leases are not in the log, so this would prove nothing")
		}
		zeros := make([]byte, len(whole))
		copy(zeros, synced)
		torn := append([]byte{}, whole...)
		clear(torn[len(synced)+24 : len(synced)+1000]) // a frame of which a part was written
		for name, log := range map[string][]byte{"gone": synced, "zeros": zeros, "torn": torn} {
			after := filepath.Join(dir, fmt.Sprint(name, round, ".db"))
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, after, string(file), 0o600)
			write(t, after+"-wal", string(log), 0o600)
			again := open(t, "file:"+after)
			for i := range round + 1 {
				if got, err := again.Get(t.Context(), fmt.Sprint("k", i)); err != nil || got.Version != 1 || len(got.Value) != 500 {
					t.Errorf("%s, round %d: k%d is %d with %d bytes: %v", name, round, i, got.Version, len(got.Value), err)
				}
			}
			for lease, token := range last {
				l, err := again.Lease(t.Context(), lease, time.Minute)
				if err != nil || l.Token() <= token {
					t.Errorf("%s, round %d: the next token of %s is not above the lost %d: %v", name, round, lease, token, err)
				}
			}
			if err := again.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			if err := again.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
