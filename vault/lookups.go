package vault

import "sync/atomic"

// lookups counts where the records of calls came from.
type lookups struct{ hits, misses atomic.Int64 }

func (l *lookups) count(hit bool) {
	if hit {
		l.hits.Add(1)
	} else {
		l.misses.Add(1)
	}
}

// Lookups is how often Resolve has found a record in memory so far, and how often
// it had to ask the store.
func (v *Vault) Lookups() (hits, misses int64) {
	return v.lookups.hits.Load(), v.lookups.misses.Load()
}
