package store_test

import (
	"path/filepath"
	"testing"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

func open(t *testing.T, url string) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSQLiteContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) func() store.Store {
		url := "file:" + filepath.Join(t.TempDir(), "odd ?#%.db")
		return func() store.Store { return open(t, url) }
	})
}

func TestRedisContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) func() store.Store {
		url := storetest.Redis(t)
		return func() store.Store { return open(t, url) }
	})
}
