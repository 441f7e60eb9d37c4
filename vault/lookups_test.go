package vault

import "testing"

func TestLookupsTellMemoryFromTheStore(t *testing.T) {
	k := newKit(t)
	k.put(t, "slack/a", Stored{Type: TypeAPIKey, Secret: NewSecret("key")})
	d := declare(TypeAPIKey, "vault:slack/a")
	k.resolve(t, d) // nobody watches the store yet, so nothing is kept
	if hits, misses := k.Lookups(); hits != 0 || misses != 1 {
		t.Errorf("%d hits, %d misses", hits, misses)
	}
	k.run(t)
	eventually(t, func() bool {
		k.resolve(t, d)
		hits, _ := k.Lookups()
		return hits > 0
	})
}
