package index

// hash is FNV-1a with a finalizer that spreads it over all bits. It is no secret
// and need not withstand anybody: every hit is checked on the record.
func hash(value []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range value {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// short is what columns have of a value's hash.
func short(h uint64) uint32 { return uint32(h >> 32) }
