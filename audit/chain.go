package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
)

// chain is a writer's view of the log on disk: the segment it appends to, how
// far it has read, and the tree up to there. Its methods need the lock.
type chain struct {
	dir    string
	auth   *authority
	logger *slog.Logger
	limit  int64        // a segment of this size is full
	kept   func([]byte) // hears of heads; may be nil

	file    *os.File
	segment int64 // index of its first record
	offset  int64 // behind the last whole batch
	tree    tree
	note    []byte // the checkpoint at offset; nil where there is none yet
}

func (c *chain) close() {
	if c.file != nil {
		c.file.Close()
	}
}

// enter makes the segment that begins at first, empty or not, the current one.
func (c *chain) enter(first int64) error {
	f, err := os.OpenFile(segmentPath(c.dir, first), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	c.close()
	c.file, c.segment, c.offset = f, first, 0
	return nil
}

// catchUp reads what others have appended, and cuts off what one of them began
// and did not end.
func (c *chain) catchUp() error {
	for {
		there, err := os.Stat(c.file.Name())
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrDamaged, err)
		}
		here, err := c.file.Stat()
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		if !os.SameFile(there, here) || here.Size() < c.offset {
			return fmt.Errorf("%w (%s was replaced or cut)", ErrDamaged, c.file.Name())
		}
		if here.Size() > c.offset {
			if err := c.readOn(here.Size()); err != nil {
				return err
			}
		}
		if c.tree.size == c.segment {
			return nil
		}
		_, err = os.Stat(segmentPath(c.dir, c.tree.size))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("audit log: %w", err)
		}
		if err := c.enter(c.tree.size); err != nil {
			return err
		}
	}
}

// readOn takes in the whole batches from offset to size.
func (c *chain) readOn(size int64) error {
	found := c.scan(size)
	if found.note != nil {
		if err := c.auth.check(found.note); err != nil {
			return fmt.Errorf("%w (%s, record %d: %w)", ErrDamaged, c.file.Name(), found.tree.size-1, err)
		}
		c.offset, c.note = found.offset, found.note
		c.tree.set(&found.tree)
	}
	if c.offset == size {
		return nil
	}
	later, err := segments(c.dir)
	if err != nil {
		return err
	}
	if found.later || later[len(later)-1] > c.segment {
		return fmt.Errorf("%w (%s, at record %d)", ErrDamaged, c.file.Name(), c.tree.size)
	}
	if err := c.file.Truncate(c.offset); err != nil {
		return fmt.Errorf("audit log: cut off a torn tail: %w", err)
	}
	c.logger.Warn("audit log: cut off a torn tail; none of it was acknowledged",
		"file", c.file.Name(), "bytes", size-c.offset, "records", c.tree.size)
	return nil
}

// roll goes on to a new segment where the current one is full. The old one is
// synced first: its last batch may be that of a process that died before it
// could.
func (c *chain) roll() error {
	if c.offset < c.limit {
		return nil
	}
	if err := syncData(c.file); err != nil {
		return fmt.Errorf("audit log: sync %s: %w", c.file.Name(), err)
	}
	return c.enter(c.tree.size)
}

// write makes a batch durable. Where that fails, nothing of the batch stays.
func (c *chain) write(batch []byte, next tree, msg []byte) error {
	_, err := c.file.WriteAt(batch, c.offset)
	if err == nil {
		err = syncData(c.file)
	}
	if err == nil && c.offset == 0 {
		err = syncDir(c.dir) // the name of a new segment
	}
	if err != nil {
		// Should this fail too, the next catchUp finds the rest and cuts it off.
		_ = c.file.Truncate(c.offset)
		return fmt.Errorf("audit record was not written, earlier ones are whole; free or mend the disk: %w", err)
	}
	c.offset += int64(len(batch))
	c.tree, c.note = next, msg
	return nil
}
