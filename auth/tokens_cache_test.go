package auth

import "testing"

func TestCacheDropsWhatWasUsedLongestAgo(t *testing.T) {
	c := newVerifiedCache(2)
	a, b, d := [32]byte{1}, [32]byte{2}, [32]byte{3}
	c.put(a, &verified{}, 0)
	c.put(b, &verified{}, 0)
	c.get(a)
	c.put(d, &verified{}, 0)
	for sum, want := range map[[32]byte]bool{a: true, b: false, d: true} {
		if v, _ := c.get(sum); (v != nil) != want {
			t.Errorf("%d is there: %v", sum[0], v != nil)
		}
	}
	if len(c.byHash) != 2 || c.order.Len() != 2 {
		t.Errorf("holds %d and %d entries, want 2", len(c.byHash), c.order.Len())
	}
}

func TestCacheForgetsWhatWasVerifiedBeforeItWasCleared(t *testing.T) {
	c := newVerifiedCache(2)
	_, era := c.get([32]byte{1})
	c.clear() // the key was removed while the token was being verified
	c.put([32]byte{1}, &verified{}, era)
	if v, _ := c.get([32]byte{1}); v != nil {
		t.Error("a token that a removed key vouched for was remembered")
	}
}
