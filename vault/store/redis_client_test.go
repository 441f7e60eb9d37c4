package store_test

import (
	"strings"
	"testing"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// A client for what is kept beside a store takes the URLs of a store, but for what
// says how a store keeps things, and shows no password.
func TestRedisClient(t *testing.T) {
	url := storetest.Redis(t)
	client, where, err := store.RedisClient(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Set(t.Context(), "x", "y", 0).Err(); err != nil || !strings.HasPrefix(where, "redis at 127.0.0.1:") {
		t.Errorf("%s: %v", where, err)
	}
	for url, want := range map[string]string{
		"":                                  "begins with redis://",
		"http://u:hunter2@h":                "begins with redis://",
		"redis://u:hunter2@h?namespace=a":   "leave them out",
		"redis://u:hunter2@h?replicas=0":    "leave them out",
		"redis://u:hunter2@h/zero":          "must be a number",
		"redis-cluster://u:hunter2@h:1/3":   "no numbered databases",
		"redis-sentinel://u:hunter2@h:1":    "name of the master",
		"rediss://u:hunter2@h?tls_ca=a.pem": "whole path",
	} {
		_, _, err := store.RedisClient(url)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "storage url") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
