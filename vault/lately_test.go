package vault

import (
	"errors"
	"testing"

	"toolvault/vault/store"
)

// A store that fails over to a replica which lags behind loses the newest
// versions of a record: what this process wrote a moment ago is put back, at its
// version; what others wrote is not made up.
func TestPutBack(t *testing.T) {
	k := newKit(t)
	for _, text := range []string{"one", "two", "three"} {
		k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret(text)})
	}
	lost := func(to int64) {
		t.Helper()
		// As a lagging replica has it: sealed for that version.
		fresh := newStore(t)
		for version := int64(1); version <= to; version++ {
			s := Stored{Type: TypeAPIKey, Secret: NewSecret("one")}
			sealed, err := k.keyring.Seal(s.encode(), recordPrefix+"slack/a", version)
			if err != nil {
				t.Fatal(err)
			}
			if err := fresh.Put(t.Context(), store.Item{Key: recordPrefix + "slack/a", Version: version, Value: sealed}, nil); err != nil {
				t.Fatal(err)
			}
		}
		k.Vault.store = fresh
	}
	d := declare(TypeAPIKey, "vault:slack/a")
	lost(1)
	if c := k.resolve(t, d); sent(t, c, "Api-Key") != "three" || c.Version != 3 {
		t.Errorf("version %d", c.Version)
	}
	if item, err := k.Vault.store.Get(t.Context(), recordPrefix+"slack/a"); err != nil || item.Version != 3 {
		t.Errorf("in the store: version %d, %v", item.Version, err)
	}
	// Another process has written since: nobody here knows what.
	k.cache.seen("slack/a", 4)
	lost(1)
	if _, err := k.Resolve(t.Context(), d); !errors.Is(err, ErrSealed) {
		t.Errorf("a rollback was believed: %v", err)
	}
}
