package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// forgetAll writes and forgets, so that something would be left if anything were.
func forgetAll(t *testing.T, st store.Store) {
	t.Helper()
	for i := range 50 {
		key := fmt.Sprint("once/", i)
		for v := int64(1); v <= 2; v++ {
			if err := st.Put(t.Context(), store.Item{Key: key, Version: v, Value: []byte("x")}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Forget(t.Context(), key, 2); err != nil {
			t.Fatal(err)
		}
	}
}

// Of what is forgotten nothing is left in the file but one row for all.
func TestSQLiteForgetLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	forgetAll(t, open(t, "file:"+path))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var rows, named int
	if err := db.QueryRow(`SELECT count(*), count(*) FILTER (WHERE key <> '') FROM records`).Scan(&rows, &named); err != nil || rows != 1 || named != 0 {
		t.Errorf("%d rows, %d of which have a key, want 1 and 0: %v", rows, named, err)
	}
}

// That something was forgotten is nothing to drop a cache for, even if it had not
// been told of before.
func TestSQLiteForgetIsNotTold(t *testing.T) {
	url := "file:" + filepath.Join(t.TempDir(), "store.db")
	events, other := open(t, url).Watch(t.Context()), open(t, url)
	for i := range 5 {
		last := fmt.Sprint("last", i)
		if err := errors.Join(
			other.Put(t.Context(), store.Item{Key: "brief", Version: 1}, nil),
			other.Forget(t.Context(), "brief", 1),
			other.Put(t.Context(), store.Item{Key: last, Version: 1}, nil),
		); err != nil {
			t.Fatal(err)
		}
		for told := ""; told != last; {
			if told = next(t, events).Key; told == "" {
				t.Fatal("it was told that anything may have changed")
			}
		}
	}
}

// In Redis the marks of the calls are left for seconds, and nothing else.
func TestRedisForgetLeavesNothing(t *testing.T) {
	t.Parallel()
	server := storetest.StartRedis(t)
	forgetAll(t, open(t, server.URL))
	client := server.Client(t)
	for _, key := range keysOf(t, client, "*forgot:*") {
		if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 {
			t.Errorf("%s is left for ever", key)
		}
	}
	for _, pattern := range []string{"*record:*", "*}:keys"} {
		if left := keysOf(t, client, pattern); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func keysOf(t *testing.T, client *redis.Client, pattern string) []string {
	t.Helper()
	keys, err := client.Keys(t.Context(), pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
