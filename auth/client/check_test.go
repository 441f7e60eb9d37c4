package client_test

import (
	"path/filepath"
	"slices"
	"testing"

	"toolvault/auth/client"
)

func TestWhatCannotBeConfigured(t *testing.T) {
	r, _ := process(t, "file:"+filepath.Join(t.TempDir(), "s.db"), nil)
	good := client.Client{ID: "good", Auth: client.AuthNone}
	if err := r.Configure([]client.Client{good}); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]client.Client{
		"a key without keys":     {ID: "x", Auth: client.AuthKey},
		"an agent that is admin": {ID: "x", Auth: client.AuthBasic, Agent: "bot", Admin: []string{"audit:read"}},
		"a public one with keys": {ID: "x", Auth: client.AuthNone, KeysURL: "https://a.example/k"},
		"one that is there":      good,
	} {
		if err := r.Configure([]client.Client{good, c}); err == nil {
			t.Errorf("%s is taken", what)
		}
		if c.ID != "good" && r.Add(t.Context(), c) == nil {
			t.Errorf("%s is added", what)
		}
	}
	if _, err := r.Find(t.Context(), "good"); err != nil {
		t.Errorf("a config that is wrong replaced one that is good: %v", err)
	}
}

func TestDigest(t *testing.T) {
	c := client.Client{ID: "i", Name: "n", Origin: client.OriginMetadata, Redirects: []string{"https://a.example/1", "https://a.example/2"}}
	same := c
	same.Redirects = slices.Clone(c.Redirects)
	slices.Reverse(same.Redirects)
	if c.Digest() != same.Digest() {
		t.Error("the order counts")
	}
	for _, edit := range []func(*client.Client){
		func(c *client.Client) { c.ID = "j" }, func(c *client.Client) { c.Name = "m" }, func(c *client.Client) { c.Origin = client.OriginAdded },
		func(c *client.Client) { c.Redirects = c.Redirects[:1] }, func(c *client.Client) { c.ID, c.Name = "in", "" },
	} {
		other := c
		edit(&other)
		if other.Digest() == c.Digest() {
			t.Errorf("%+v is the same to a person", other)
		}
	}
}
