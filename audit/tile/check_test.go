package tile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func bundleOf(leaves ...string) (b []byte) {
	for _, l := range leaves {
		b = binary.BigEndian.AppendUint16(b, uint16(len(l)))
		b = append(b, l...)
	}
	return b
}

func TestEntriesOfSomebodyElseAreChecked(t *testing.T) {
	var want edge
	var c Check
	for n := range 3 {
		var leaves []string
		for i := range 256 - 156*(n/2) { // two full bundles and one of a hundred
			leaf := fmt.Sprintf(`{"index":%d}`, n*256+i)
			leaves = append(leaves, leaf)
			_ = want.add(tlog.RecordHash([]byte(leaf)), func(int, int64, []tlog.Hash) error { return nil })
		}
		if err := c.Add(bundleOf(leaves...), len(leaves)); err != nil {
			t.Fatal(err)
		}
	}
	if c.Size() != 612 || c.Root() != want.root() {
		t.Fatalf("%d entries, root %v", c.Size(), c.Root())
	}
	good := bundleOf(`{"index":0}`, `{"index":1}`)
	for name, bad := range map[string][]byte{
		"nothing":     nil,
		"cut":         good[:len(good)-1],
		"one less":    bundleOf(`{"index":0}`),
		"one more":    append(bytes.Clone(good), 0, 0),
		"swapped":     bundleOf(`{"index":1}`, `{"index":0}`),
		"no JSON":     bundleOf(`{"index":0}`, `nonsense`),
		"no index":    bundleOf(`{"index":0}`, `{}`),
		"one twice":   bundleOf(`{"index":0}`, `{"index":0}`),
		"an empty on": bundleOf(`{"index":0}`, ``),
	} {
		var c Check
		if err := c.Add(bad, 2); !errors.Is(err, ErrEntries) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
