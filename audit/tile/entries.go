package tile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"toolvault/audit"
)

// Bundle returns the leaves of width records from n*Width on, each behind its
// length in two bytes, big-endian: an entry bundle of c2sp.org/tlog-tiles. What
// may be erased is not in it. The error is ErrNone where a record is not in the
// folder: beyond the end, or moved away.
func Bundle(ctx context.Context, dir string, n int64, width int) ([]byte, error) {
	if n < 0 || n > 1<<50 || width < 1 || width > Width {
		return nil, fmt.Errorf("%w: %s", ErrNone, Path(Entries, max(n, 0), Width))
	}
	var b []byte
	next, end := n*Width, n*Width+int64(width)
	_, err := audit.Scan(ctx, dir, next, func(r audit.Raw) error {
		if next == end || r.Index != next {
			return errEnough
		}
		if len(r.Leaf) > 1<<16-1 {
			return fmt.Errorf("audit record %d has %d bytes, more than an entry can have", r.Index, len(r.Leaf))
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.Leaf)))
		b = append(b, r.Leaf...)
		next++
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if next < end {
		return nil, fmt.Errorf("%w: %s", ErrNone, Path(Entries, n, width))
	}
	return b, nil
}
