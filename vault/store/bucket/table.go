package bucket

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"time"
	"unsafe"
)

const (
	slotSize = 32 // bytes
	reach    = 32 // slots in which a bucket may lie
)

// slot is one bucket. All zero, as a file that was just made is, it is free.
type slot struct {
	name   atomic.Int64 // a digest; 0: nobody's
	full   atomic.Int64
	closed atomic.Int64
	_      int64
}

// Table holds a fixed number of buckets in memory, which may be shared with other
// processes. It takes no lock: whoever dies, or is stopped, holds up nobody. It is
// safe for concurrent use.
//
// Where there are more buckets than places, the one that is full for the longest
// gives way, which loses nothing; while all are in use, the one that will be full
// first, and the new one inherits what was taken from it.
type Table struct{ slots []slot }

// NewTable returns a table in this process's own memory.
func NewTable(buckets int) *Table { return &Table{make([]slot, buckets)} }

// Over returns the table that lies in the memory, which begins at a multiple of 8
// and has one place for each 32 bytes. Memory of zeros is an empty table.
func Over(memory []byte) *Table {
	return &Table{unsafe.Slice((*slot)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory)/slotSize)}
}

// Spend takes tokens of the named bucket, as Take does.
func (t *Table) Spend(now time.Time, name string, r Rate, want int, most time.Duration) (got int, wait time.Duration) {
	id, at := digest(name), now.UnixMicro()
	for {
		s := t.find(id)
		before := State{s.full.Load(), s.closed.Load()}
		var after State
		after, got, wait = r.Take(before, at, want, most)
		if got == 0 {
			return 0, wait
		}
		// If the place has passed to another bucket meanwhile, that one has a token
		// less, and this one is still to be spent from.
		if s.full.CompareAndSwap(before.Full, after.Full) && s.name.Load() == id {
			return got, wait
		}
	}
}

// Pause closes the named bucket for a time, MaxPause at most.
func (t *Table) Pause(now time.Time, name string, d time.Duration) {
	s, at := t.find(digest(name)), now.UnixMicro()
	until := at + min(d, MaxPause).Microseconds()
	for {
		closed := s.closed.Load()
		if closed >= until && closed <= at+MaxPause.Microseconds() || s.closed.CompareAndSwap(closed, until) {
			return
		}
	}
}

// find returns the place of a bucket, which it has from now on. A place that was
// taken is never given back, only passed on, so that two who come with the same
// new bucket meet at the same place.
func (t *Table) find(id int64) *slot {
	for {
		var last *slot
		var owner, least int64
		free := false
		for i := range min(reach, len(t.slots)) {
			s := &t.slots[(uint64(id)+uint64(i))%uint64(len(t.slots))]
			switch name := s.name.Load(); {
			case name == id:
				return s
			case name == 0:
				if s.name.CompareAndSwap(0, id) {
					return s
				}
				free = true // it was; look again whose it is
			default:
				if used := max(s.full.Load(), s.closed.Load()); last == nil || used < least {
					last, owner, least = s, name, used
				}
			}
			if free {
				break
			}
		}
		if !free && last.name.CompareAndSwap(owner, id) {
			return last
		}
	}
}

// digest is 62 bits of a name's SHA-256, and never 0.
func digest(name string) int64 {
	sum := sha256.Sum256([]byte(name))
	return int64(binary.LittleEndian.Uint64(sum[:])>>1) | 1<<62
}
