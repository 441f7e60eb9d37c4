package tile

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Check makes the tree of a log anew from its entry bundles, as somebody else
// hands them out: they may hold anything. The zero value has no entries.
type Check struct{ edge edge }

// ErrEntries is in the errors of bundles that are not those of a log of ours.
var ErrEntries = errors.New("the entries are not those of an audit log")

// Add takes in the next bundle, of width entries.
func (c *Check) Add(bundle []byte, width int) error {
	for range width {
		if len(bundle) < 2 {
			return fmt.Errorf("%w: entry %d is missing", ErrEntries, c.edge.size)
		}
		n := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+n {
			return fmt.Errorf("%w: entry %d is cut off", ErrEntries, c.edge.size)
		}
		leaf := bundle[2 : 2+n]
		bundle = bundle[2+n:]
		var r struct {
			Index *int64 `json:"index"`
		}
		if json.Unmarshal(leaf, &r) != nil || r.Index == nil || *r.Index != c.edge.size {
			return fmt.Errorf("%w: what stands in the place of record %d is another", ErrEntries, c.edge.size)
		}
		if err := c.edge.add(tlog.RecordHash(leaf), func(int, int64, []tlog.Hash) error { return nil }); err != nil {
			return err
		}
	}
	if len(bundle) > 0 {
		return fmt.Errorf("%w: something follows entry %d in its bundle", ErrEntries, c.edge.size-1)
	}
	return nil
}

// Size is how many entries were added.
func (c *Check) Size() int64 { return c.edge.size }

// Root is that of their tree (RFC 6962, section 2.1).
func (c *Check) Root() tlog.Hash { return c.edge.root() }
