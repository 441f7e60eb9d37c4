package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
	"toolvault/audit/anchor"
	"toolvault/audit/proof"
	"toolvault/audit/tile"
)

// What verify --since may find.
const (
	sinceHolds      = "holds"       // what was seen before is a prefix of what is there now
	sinceOtherLog   = "other_log"   // the checkpoint is of another log
	sinceOtherKey   = "other_key"   // of this log's name, and signed by no key of this log
	sinceForged     = "forged"      // it bears the name of this log's key, and the key has not signed it
	sinceRolledBack = "rolled_back" // it covers more records than there are
	sinceFork       = "fork"        // the same key has signed two histories
	sinceUntold     = "untold"      // the log is not intact, so that nothing can be said
)

// since is how the log stands to a checkpoint that was seen before.
type since struct {
	Finding string `json:"finding"`
	Records int64  `json:"records"` // that the checkpoint covers
	Reason  string `json:"reason,omitempty"`
}

// holdSince holds the tree that a report has verified against a checkpoint.
func holdSince(ctx context.Context, dir string, seen []byte, key string, report audit.Report) (since, error) {
	c, err := anchor.Parse(seen)
	if err != nil {
		return since{}, fmt.Errorf("--since: %w", err)
	}
	s := since{Records: c.Size}
	find := func(finding, format string, args ...any) (since, error) {
		s.Finding, s.Reason = finding, fmt.Sprintf(format, args...)
		return s, nil
	}
	keys := []string{strings.TrimSpace(key)}
	for _, k := range report.Keys {
		keys = append(keys, k.Verifier)
	}
	if name, _, _ := strings.Cut(keys[0], "+"); c.Origin != name {
		return find(sinceOtherLog, "the checkpoint is of another log: %s, not %s", cell(c.Origin, 0), cell(name, 0))
	}
	if finding, reason := signedByOneOf(seen, keys); finding != "" {
		return find(finding, "%s", reason)
	}
	if c.Size > report.Records {
		return find(sinceRolledBack, "the log was rolled back: it has %d records, and the checkpoint covers %d", report.Records, c.Size)
	}
	tree, err := tile.Look(ctx, dir, nil)
	var proved tlog.TreeProof
	var here tlog.Hash
	if err == nil {
		if here, err = tree.RootAt(report.Records); err == nil {
			proved, err = tree.Consistency(c.Size, report.Records)
		}
	}
	switch {
	case ctx.Err() != nil:
		return s, context.Cause(ctx)
	case err != nil:
		return find(sinceUntold, "whether the log holds the checkpoint cannot be told: %v", err)
	case here.String() != report.Root:
		return find(sinceUntold, "whether the log holds the checkpoint cannot be told: it was changed while it was read")
	}
	old := c.Root
	if c.Size > 0 && tlog.CheckTree(proved, report.Records, here, c.Size, old) != nil {
		return find(sinceFork, "two histories are signed with the same key: among the first %d records are others than when the checkpoint was made", c.Size)
	}
	s.Finding = sinceHolds
	return s, nil
}

// signedByOneOf finds out whether one of the log's keys has signed a checkpoint;
// the finding is empty where one has.
func signedByOneOf(seen []byte, keys []string) (finding, reason string) {
	finding, reason = sinceOtherKey, "the checkpoint bears this log's name, and is signed by another key"
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			continue
		}
		err = proof.CheckSignature(seen, v)
		switch {
		case err == nil:
			return "", ""
		case !errors.Is(err, proof.ErrOtherKey):
			finding, reason = sinceForged, err.Error()
		}
	}
	return finding, reason
}
