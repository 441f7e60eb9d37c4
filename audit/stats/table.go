package stats

import (
	"cmp"
	"maps"
	"slices"
)

// maxKeys is how many keys of a kind are told apart. Where there are twice as many,
// the rarest are put together as the other.
const maxKeys = 500

// table has a tally for each key of a kind.
type table struct {
	byKey map[string]*Tally
	other Tally // of the keys that were too many
	keys  int64 // how many of them, at most: one that came back is counted again
}

func (t *table) of(key string) *Tally {
	if x := t.byKey[key]; x != nil {
		return x
	}
	if t.byKey == nil {
		t.byKey = map[string]*Tally{}
	}
	if len(t.byKey) >= 2*maxKeys {
		t.shrink()
	}
	x := &Tally{}
	t.byKey[key] = x
	return x
}

// shrink keeps the keys with the most calls.
func (t *table) shrink() {
	for _, key := range t.ranked()[maxKeys:] {
		t.other.Merge(t.byKey[key])
		t.keys++
		delete(t.byKey, key)
	}
}

// ranked are the keys, those with the most calls first.
func (t *table) ranked() []string {
	return slices.SortedFunc(maps.Keys(t.byKey), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.byKey[b].Calls, t.byKey[a].Calls), cmp.Compare(a, b))
	})
}

func (t *table) merge(o *table) {
	for key, x := range o.byKey {
		t.of(key).Merge(x)
	}
	t.other.Merge(&o.other)
	t.keys += o.keys
}

// rows are the tallies, those with the most calls first, and then the other.
func (t *table) rows() []Row {
	ranked := t.ranked()
	rows := make([]Row, 0, len(ranked)+1)
	other, more := t.other, t.keys
	for i, key := range ranked {
		if i >= maxKeys {
			other.Merge(t.byKey[key])
			more++
			continue
		}
		rows = append(rows, Row{Key: key, Tally: t.byKey[key]})
	}
	if more > 0 {
		rows = append(rows, Row{Key: "", Others: more, Tally: &other})
	}
	return rows
}

// Row is a line of a table.
type Row struct {
	Key    string
	Others int64 // for the last line: how many keys it stands for, and Key is ""
	*Tally
}
