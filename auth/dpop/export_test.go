package dpop

// Keys is how many are remembered.
func (v *Verifier) Keys() int {
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	return len(v.keys.byHash)
}

// Seen is how many proofs the process remembers, and how many it may.
func (v *Verifier) Seen() (n, most int) {
	v.seen.mu.Lock()
	defer v.seen.mu.Unlock()
	return len(v.seen.young) + len(v.seen.older), maxSeen
}

// Remember fills the memory with n proofs that nobody has sent.
func (v *Verifier) Remember(n int) {
	for i := range n {
		v.seen.add(proofID{byte(i), byte(i >> 8), byte(i >> 16), 1})
	}
}

// Normal is a URL as it is compared.
func Normal(url string) (string, bool) { return normal(url) }
