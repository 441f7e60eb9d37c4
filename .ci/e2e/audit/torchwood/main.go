// Audit holds our audit log and our proofs against somebody else's code for
// transparency logs, filippo.io/torchwood, which knows nothing of toolvault. It is
// a module of its own, so that the program does not depend on it.
//
//	audit log KEY SOURCE        all of a tiled log: a folder, or a URL with $TOKEN
//	audit tiles KEY DIR         the hash tiles and the checkpoint in a data folder
//	audit proof KEY FILE        what 'toolvault audit prove' has written
//
// It prints one line, or says what does not fit and exits 1.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	said, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "audit: "+err.Error())
		os.Exit(1)
	}
	fmt.Println(said)
}

func run(ctx context.Context, args []string) (string, error) {
	if len(args) != 3 {
		return "", errors.New("want: log|tiles|proof KEY SOURCE")
	}
	verifier, err := note.NewVerifier(args[1])
	if err != nil {
		return "", err
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier))
	switch args[0] {
	case "log":
		return readLog(ctx, policy, args[2])
	case "tiles":
		return readTiles(ctx, policy, args[2])
	case "proof":
		return readProof(policy, args[2])
	}
	return "", fmt.Errorf("there is no %q", args[0])
}

// bearer adds the token to each request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

type source interface {
	torchwood.TileReader
	ReadEndpoint(ctx context.Context, path string) ([]byte, error)
}

func open(where string) (source, error) {
	if strings.HasPrefix(where, "http") {
		client := &http.Client{Transport: bearer{os.Getenv("TOKEN")}, Timeout: 10 * time.Second}
		return torchwood.NewTileFetcher(where, torchwood.WithHTTPClient(client))
	}
	return torchwood.NewTileFS(os.DirFS(where))
}

func checkpoint(ctx context.Context, s source, policy torchwood.Policy) (torchwood.Checkpoint, error) {
	text, err := s.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	c, _, err := torchwood.VerifyCheckpoint(text, policy)
	return c, err
}

// readLog fetches every entry of a log; torchwood holds each against the signed
// tree.
func readLog(ctx context.Context, policy torchwood.Policy, where string) (string, error) {
	s, err := open(where)
	if err != nil {
		return "", err
	}
	c, err := checkpoint(ctx, s, policy)
	if err != nil {
		return "", err
	}
	client, err := torchwood.NewClient(s)
	if err != nil {
		return "", err
	}
	n := int64(0)
	for i, entry := range client.AllEntries(ctx, c.Tree, 0) {
		var record struct {
			Index int64 `json:"index"`
		}
		if err := json.Unmarshal(entry, &record); err != nil || i != n || record.Index != i {
			return "", fmt.Errorf("entry %d is no record with that index: %.100s", i, entry)
		}
		n++
	}
	if err := client.Err(); err != nil {
		return "", err
	}
	if n != c.N {
		return "", fmt.Errorf("%d entries of %d", n, c.N)
	}
	return fmt.Sprintf("%d entries of %s", n, c.Origin), nil
}

// readTiles proves every leaf of the tree with nothing but the hash tiles.
func readTiles(ctx context.Context, policy torchwood.Policy, dir string) (string, error) {
	s, err := open(dir)
	if err != nil {
		return "", err
	}
	c, err := checkpoint(ctx, s, policy)
	if err != nil {
		return "", err
	}
	hashes := torchwood.TileHashReaderWithContext(ctx, c.Tree, s)
	for i := range c.N {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
		if err != nil {
			return "", err
		}
		p, err := tlog.ProveRecord(c.N, i, hashes)
		if err != nil {
			return "", err
		}
		if err := tlog.CheckRecord(p, c.N, c.Hash, i, leaf[0]); err != nil {
			return "", fmt.Errorf("record %d: %w", i, err)
		}
	}
	return fmt.Sprintf("%d leaves of %s", c.N, c.Origin), nil
}

// readProof takes the tlog-proofs out of a file and has torchwood verify them.
func readProof(policy torchwood.Policy, name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	var file struct {
		CallID  string `json:"call_id"`
		Records []struct{ Leaf, Proof string }
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return "", err
	}
	if len(file.Records) == 0 {
		return "", errors.New("no records")
	}
	for _, r := range file.Records {
		if err := torchwood.VerifyProof(policy, tlog.RecordHash([]byte(r.Leaf)), []byte(r.Proof)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d records of %s", len(file.Records), file.CallID), nil
}
