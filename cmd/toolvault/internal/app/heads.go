package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/vault"
	"toolvault/vault/store"
)

// heads keeps the newest checkpoint of audit logs in the store, sealed: whoever
// can only write the log's folder cannot roll it back and not be found.
type heads struct {
	store   store.Store
	keyring *vault.Keyring
}

func (a *App) heads() heads { return heads{a.Store, a.Keyring} }

const headPrefix = "audit-head/"

// headKey is where the head of a log is kept: by its name, which stays when the
// key rotates. The logs of an older toolvault have names that others may have
// too: those by their verifier key.
func headKey(verifier string) string {
	id, _, _ := strings.Cut(strings.TrimSpace(verifier), "+")
	if strings.Count(id, "/") < 2 {
		id = strings.TrimSpace(verifier)
	}
	sum := sha256.Sum256([]byte(id))
	return headPrefix + hex.EncodeToString(sum[:])
}

// get returns the head that is kept for a log, nil where none is.
func (h heads) get(ctx context.Context, verifier string) ([]byte, error) {
	head, _, err := h.read(ctx, headKey(verifier))
	return head, err
}

func (h heads) read(ctx context.Context, key string) (head []byte, version int64, err error) {
	item, err := h.store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, item.Version, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the audit log's head in the store: %w", err)
	}
	head, err = h.keyring.Open(item.Value, key, item.Version)
	return head, item.Version, err
}

// put keeps a head, unless the store has one of a larger log: several processes
// write one log, and each tells what it knows.
func (h heads) put(ctx context.Context, verifier string, head []byte) error {
	size, _, err := audit.HeadSize(head)
	if err != nil {
		return err
	}
	key := headKey(verifier)
	for {
		old, version, err := h.read(ctx, key)
		if err != nil {
			return err
		}
		if old != nil {
			if there, _, err := audit.HeadSize(old); err != nil || there >= size {
				return err
			}
		}
		sealed, err := h.keyring.Seal(head, key, version+1)
		if err != nil {
			return err
		}
		err = h.store.Put(ctx, store.Item{Key: key, Version: version + 1, Value: sealed}, nil)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// Former is a log that the store has known.
type Former struct {
	Log     string // its name, e.g. "toolvault/host"; "": what the store has of it does not open
	Records int64
}

// others lists the logs that the store knows beside one.
func (h heads) others(ctx context.Context, verifier string) ([]Former, error) {
	var list []Former
	err := store.Each(ctx, h.store, headPrefix, func(item store.Item) error {
		if item.Key == headKey(verifier) {
			return nil
		}
		head, err := h.keyring.Open(item.Value, item.Key, item.Version)
		if err != nil { // as after the store has lost its data under processes that run: no reason not to verify this log
			list = append(list, Former{})
			return nil
		}
		size, log, err := audit.HeadSize(head)
		if err != nil {
			return err
		}
		list = append(list, Former{log, size})
		return nil
	})
	return list, err
}

// headKeeper takes the heads of one log to the store, beside the path of a call.
type headKeeper struct {
	heads    heads
	verifier string
	logger   *slog.Logger
	newest   chan []byte // holds one at most
	stop     chan struct{}
	done     chan struct{}
}

func keepHeads(h heads, verifier string, logger *slog.Logger) *headKeeper {
	k := &headKeeper{
		heads: h, verifier: verifier, logger: logger,
		newest: make(chan []byte, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go k.run() // ends with close
	return k
}

// hear takes a head and returns at once; one that waits gives way to it.
func (k *headKeeper) hear(head []byte) {
	for {
		select {
		case k.newest <- head:
			return
		default:
		}
		select {
		case <-k.newest:
		default:
		}
	}
}

func (k *headKeeper) run() {
	defer close(k.done)
	var head []byte            // that is not kept yet
	var again <-chan time.Time // nil while there is none
	for {
		stopping := false
		select {
		case head = <-k.newest:
		case <-again:
		case <-k.stop:
			stopping = true
			select {
			case head = <-k.newest:
			default:
			}
		}
		again = nil
		if head != nil {
			if err := k.keep(head); err != nil {
				k.logger.Warn("the audit log's newest checkpoint is not in the store yet", "error", err)
				again = time.After(5 * time.Second)
			} else {
				head = nil
			}
		}
		if stopping {
			return
		}
	}
}

func (k *headKeeper) keep(head []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return k.heads.put(ctx, k.verifier, head)
}

// close keeps what was heard last, then ends.
func (k *headKeeper) close() error {
	close(k.stop)
	<-k.done
	return nil
}
