package store_test

import (
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// What a probe is told of the settings is at most a minute old, asked for once a
// minute, and never waited for.
func TestWarner(t *testing.T) {
	t.Parallel()
	serverOrSkip(t)
	r := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	now := time.Now()
	w := store.NewWarner(open(t, r.URL), func() time.Time { return now })
	told := func(want string) {
		t.Helper()
		got := strings.Join(w.Warnings(t.Context()), "\n")
		if (want == "") != (got == "") || !strings.Contains(got, want) || strings.Contains(got, r.Addr()) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	asked := func() string { return r.Client(t).Info(t.Context(), "commandstats").Val() }
	calls := func() int { return strings.Count(asked(), "cmdstat_config|get:") }
	told("appendfsync is everysec")
	if calls() != 1 {
		t.Fatal("it was not asked")
	}
	if err := r.Client(t).ConfigSet(t.Context(), "appendfsync", "always").Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Client(t).ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Second)
	told("appendfsync is everysec")
	if calls() != 0 {
		t.Error("it was asked again within a minute")
	}
	now = now.Add(2 * time.Second)
	told("")
	if err := r.Client(t).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Minute)
	told("allkeys-lru")
	r.Hang()
	defer r.Resume()
	now = now.Add(2 * time.Minute)
	start := time.Now()
	told("allkeys-lru")
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("a server that hangs was waited for %v", took)
	}
}
