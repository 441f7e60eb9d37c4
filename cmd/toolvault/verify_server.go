package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"toolvault/audit"
	"toolvault/audit/anchor"
	"toolvault/audit/proof"
	"toolvault/audit/tile"
	"toolvault/cmd/toolvault/internal/remote"
)

// verifyServers proves the logs of servers, each by itself and by its own key.
func verifyServers(cmd *cobra.Command, o output, from sources, keys []string) error {
	for _, other := range []string{"data", "head", "since", "anchor", "archive", "witness", "witness-age", "proof"} {
		if cmd.Flags().Changed(other) {
			return misuse(cmd, "--server reads the log of a server alone: leave out --%s", other)
		}
	}
	if len(keys) != len(from.servers) {
		return misuse(cmd, "there are %d --server and %d --key: give the key of each server's log, which you have from its 'toolvault audit key', in the same order", len(from.servers), len(keys))
	}
	list, err := from.find(cmd)
	if err != nil {
		return err
	}
	bad := false
	for i, s := range list {
		v := namedVerdict{Log: s.name, Data: s.place}
		if v.Report, err = verifyServer(cmd, s.remote, keys[i]); err == nil {
			err = v.print(cmd, o)
		} else {
			bad = true
			err = v.fail(cmd, o, err)
		}
		if err != nil {
			return err
		}
		bad = bad || !v.good()
	}
	if !bad {
		say(cmd, "Held against the signed tree were all records, without what may be erased of them: arguments, results, users and messages stay on the server.")
		return nil
	}
	return &exitError{1}
}

// verifyServer makes the tree of a server's log anew from all its entries.
func verifyServer(cmd *cobra.Command, log *remote.Audit, key string) (r audit.Report, err error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(key))
	if err != nil {
		return r, proof.CheckKey(key)
	}
	ctx := cmd.Context()
	msg, err := log.LogFile(ctx, "checkpoint", maxNote)
	if err != nil {
		return r, err
	}
	c, err := anchor.Parse(msg)
	if err == nil && c.Origin != verifier.Name() {
		err = fmt.Errorf("the checkpoint is of the log %.100q, not of %q", c.Origin, verifier.Name())
	}
	if err == nil {
		err = proof.CheckSignature(msg, verifier)
	}
	if err != nil {
		r.Problem = &audit.Problem{Reason: err.Error()}
		return r, nil
	}
	var check tile.Check
	meter := newMeter(cmd.ErrOrStderr(), "records read", int(c.Size))
	err = readEntries(ctx, log, c.Size, &check, func(done int64) { meter.step(int(done)) })
	meter.end()
	switch {
	case errors.Is(err, tile.ErrEntries):
		r.Problem = &audit.Problem{Index: check.Size(), Reason: err.Error()}
	case err != nil:
		return r, err
	case check.Root() != c.Root:
		r.Problem = &audit.Problem{Reason: fmt.Sprintf("one of the records 0 to %d is not the one that the checkpoint signs", c.Size-1)}
	default:
		r.Records, r.Checkpoints = c.Size, 1
	}
	root := check.Root()
	r.Root = root.String()
	return r, nil
}

func readEntries(ctx context.Context, log *remote.Audit, size int64, check *tile.Check, progress func(int64)) error {
	const maxBundle = tile.Width * (2 + 1<<16)
	for check.Size() < size {
		n := check.Size() / tile.Width
		width := int(min(size-n*tile.Width, tile.Width))
		bundle, err := log.LogFile(ctx, tile.Path(tile.Entries, n, width), maxBundle)
		if err != nil {
			return err
		}
		if err := check.Add(bundle, width); err != nil {
			return err
		}
		progress(check.Size())
	}
	return nil
}
