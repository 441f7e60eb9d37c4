package audit

import (
	"crypto/ed25519"
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
	auth   *authority // of the key that signs the current segment
	next   string     // the key that takes over with the next segment; "": none
	keys   func(verifier string) (ed25519.PrivateKey, error)
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
		if errors.Is(err, fs.ErrNotExist) && isSealed(c.dir, c.segment) {
			return c.overtaken()
		}
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
		if err := c.goOn(); err != nil {
			return err
		}
	}
}

// overtaken finds the end of the log again where others have gone on and sealed
// the segment that this process has read last.
func (c *chain) overtaken() error {
	before := c.tree.size
	list, err := segments(c.dir)
	if err != nil {
		return err
	}
	if err := c.search(list); err != nil {
		return err
	}
	if err := c.catchUp(); err != nil {
		return err
	}
	if c.tree.size < before {
		return fmt.Errorf("%w (it has %d records and had %d)", ErrDamaged, c.tree.size, before)
	}
	return nil
}

// goOn enters the segment that follows, under the key that was named for it.
func (c *chain) goOn() error {
	auth := c.auth
	if c.next != "" {
		var err error
		if auth, err = newVerifier(c.next); err != nil {
			return fmt.Errorf("%w (its record of a new key: %w)", ErrDamaged, err)
		}
	}
	if err := c.enter(c.tree.size); err != nil {
		return err
	}
	c.auth, c.next = auth, ""
	return nil
}

// sign signs a checkpoint with the key of the current segment.
func (c *chain) sign(cp checkpoint) ([]byte, error) {
	if err := c.unlock(); err != nil {
		return nil, err
	}
	return c.auth.sign(cp)
}

// unlock gets the private key of the current segment, if it is not there yet.
func (c *chain) unlock() error {
	if c.auth.signer != nil {
		return nil
	}
	if c.keys == nil {
		return fmt.Errorf("it is signed with the key %s, which is not here", keyName(c.auth.text))
	}
	key, err := c.keys(c.auth.text)
	if err != nil {
		return err
	}
	auth, err := newAuthority(key, c.auth.name)
	if err == nil && auth.text != c.auth.text {
		err = fmt.Errorf("it is signed with the key %s, and what is kept is %s", keyName(c.auth.text), keyName(auth.text))
	}
	if err == nil {
		c.auth = auth
	}
	return err
}

// readOn takes in the whole batches from offset to size.
func (c *chain) readOn(size int64) error {
	found := c.scan(size)
	if found.note != nil {
		if err := c.auth.check(found.note); err != nil {
			return fmt.Errorf("%w (%s, record %d: %w)", ErrDamaged, c.file.Name(), found.tree.size-1, err)
		}
		c.offset, c.note, c.next = found.offset, found.note, found.next
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
	if c.offset < c.limit && c.next == "" || c.offset == 0 {
		return nil
	}
	if err := syncData(c.file); err != nil {
		return fmt.Errorf("audit log: sync %s: %w", c.file.Name(), err)
	}
	return c.goOn()
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
