package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	maxBatch      = 4096    // records; keeps the leaves line below maxLine
	maxBatchBytes = 4 << 20 // of records

	// In a crowd a sync is worth more the more records it serves, and each costs as
	// much CPU as a call: after a batch of that many the next one is let grow until
	// half of its writers are back, for a moment at most. Of a call that is a
	// fraction of what it waits for anyway.
	crowd  = 8
	linger = time.Millisecond
)

// committer is the one goroutine of a process that writes its log.
type committer struct {
	log       *Log
	chain     *chain
	turns     *turns
	headEvery time.Duration

	buf    []byte
	leaves []tlog.Hash
	head   int64     // size in the head file when last written
	wrote  time.Time // when that was
}

func (c *committer) run() {
	defer close(c.log.done)
	defer c.turns.close()
	defer c.chain.close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	timer.Stop()
	c.head = c.chain.tree.size
	last := 0 // records of the batch before
	for {
		select {
		case <-c.log.kick:
		case <-timer.C:
			c.keepHead()
		}
		for {
			// Whoever is ready to run may be on its way here: let it come along. Who is
			// alone loses nothing.
			runtime.Gosched()
			if last >= crowd {
				c.log.await(last/2, linger)
			}
			batch, closed := c.log.take()
			if closed {
				c.keepHead()
				return
			}
			last = len(batch)
			if last == 0 {
				break
			}
			c.serve(batch)
		}
		if c.head != c.chain.tree.size {
			timer.Reset(max(0, c.headEvery-time.Since(c.wrote)))
		}
	}
}

// serve writes a batch under the lock and answers its callers.
func (c *committer) serve(batch []*request) {
	if err := c.turns.take(); err != nil {
		answer(batch, 0, 0, err)
		return
	}
	defer c.turns.release()
	first, err := c.commit(batch)
	c.log.size.Store(c.chain.tree.size)
	answer(batch, first, c.chain.tree.size, err)
	if err == nil && time.Since(c.wrote) >= c.headEvery {
		c.writeHead()
	}
}

func answer(batch []*request, first, size int64, err error) {
	for _, req := range batch {
		switch {
		case err != nil:
			req.reply <- reply{err: err}
		case req.record.leaf == nil:
			req.reply <- reply{}
		default:
			req.reply <- reply{receipt: Receipt{index: first, size: size, valid: true}}
			first++
		}
	}
}

// commit makes the records of a batch durable and returns the index of the first.
func (c *committer) commit(batch []*request) (first int64, err error) {
	if err := c.chain.catchUp(); err != nil {
		return 0, err
	}
	first = c.chain.tree.size
	records := 0
	for _, req := range batch {
		if req.record.leaf != nil {
			records++
		}
	}
	if records == 0 {
		return first, probe(c.chain.dir)
	}
	if err := c.chain.roll(); err != nil {
		return 0, err
	}
	next := c.chain.tree.clone()
	buf, leaves := c.buf[:0], c.leaves[:0]
	if c.chain.offset == 0 {
		buf = appendTreeLine(buf, &next)
		buf = appendKeyLine(buf, c.chain.auth.text)
	}
	for _, req := range batch {
		if req.record.leaf == nil {
			continue
		}
		start := len(buf)
		buf = append(buf, indexHead...)
		buf = strconv.AppendInt(buf, next.size, 10)
		buf = append(buf, req.record.leaf...)
		h := tlog.RecordHash(buf[start:])
		next.add(h)
		leaves = append(leaves, h)
		buf = append(buf, '\n')
		if req.record.body != nil {
			buf = appendBodyLine(buf, req.record.body)
		}
	}
	if records > 1 {
		buf = appendLeavesLine(buf, leaves)
	}
	msg, err := c.chain.sign(checkpoint{next.size, next.root()})
	if err != nil {
		return 0, fmt.Errorf("audit log: sign a checkpoint: %w", err)
	}
	buf = appendCheckpointLine(buf, msg)
	c.buf, c.leaves = buf, leaves
	if cap(buf) > 2*maxBatchBytes {
		c.buf = nil
	}
	if err := c.chain.write(buf, next, msg); err != nil {
		return 0, err
	}
	for _, req := range batch {
		if req.record.key != "" {
			c.chain.next = req.record.key
		}
	}
	return first, nil
}

// keepHead brings the head file up to date where it is behind.
func (c *committer) keepHead() {
	if c.head == c.chain.tree.size {
		return
	}
	if err := c.turns.take(); err != nil {
		c.log.logger.Warn("audit head was not written", "error", err)
		return
	}
	defer c.turns.release()
	if err := c.chain.catchUp(); err != nil {
		c.log.logger.Warn("audit head was not written", "error", err)
		return
	}
	c.log.size.Store(c.chain.tree.size)
	c.writeHead()
}

// writeHead needs the lock, so that no process puts an older head in place of a
// newer one. A head that cannot be written costs no record: it is tried again.
func (c *committer) writeHead() {
	c.wrote = time.Now()
	c.head = c.chain.tree.size
	if err := c.chain.writeHead(); err != nil {
		c.log.logger.Warn("audit head was not written", "error", err)
	}
}

// probe finds out whether the folder takes new bytes.
func probe(dir string) error {
	name := filepath.Join(dir, "probe")
	err := os.WriteFile(name, make([]byte, 4096), 0o600)
	if e := os.Remove(name); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("audit log cannot be written: %w", err)
	}
	return nil
}
