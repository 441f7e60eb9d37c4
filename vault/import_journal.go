package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/vault/store"
)

const (
	// journalKey is the record of an import under way. It is written after its
	// parts, and removed first: while it is there, the import is not over.
	journalKey   = "import/journal"
	journalItems = 1000      // in one part
	journalBytes = 600 << 10 // in one part, about
)

// journal is what an import is about to change, and how it was.
type journal struct {
	Digest              string    `json:"digest"` // of what is imported
	Begun               time.Time `json:"begun"`
	Parts               int       `json:"parts"`
	New, Replaced, Same int

	vault   *Vault
	version int64
}

// journalEntry is one record that an import changes.
type journalEntry struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`        // at which the record stood
	Was     []byte `json:"was,omitempty"`  // what stood there; none: nothing
	Lost    bool   `json:"lost,omitempty"` // what stood there could not be opened
	Mark    string `json:"mark"`           // of what is imported
}

func partKey(n int) string { return fmt.Sprintf("import/part/%05d", n) }

// write makes the journal durable.
func (j *journal) write(ctx context.Context, entries []journalEntry) error {
	for begin := 0; begin < len(entries); j.Parts++ {
		end, size := begin, 0
		for end < len(entries) && end-begin < journalItems && size < journalBytes {
			size += 150 + len(entries[end].Name) + len(entries[end].Was)*4/3
			end++
		}
		if _, err := j.put(ctx, partKey(j.Parts), entries[begin:end]); err != nil {
			return err
		}
		begin = end
	}
	var err error
	j.version, err = j.put(ctx, journalKey, j)
	return err
}

// put seals a value and writes it over whatever is there: only who holds the lease
// of imports does so.
func (j *journal) put(ctx context.Context, key string, value any) (int64, error) {
	v := j.vault
	plain, err := json.Marshal(value)
	if err != nil {
		return 0, err
	}
	defer clear(plain)
	item, err := v.store.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("the journal of the import: %w", err)
	}
	next := store.Item{Key: key, Version: item.Version + 1}
	if next.Value, err = v.keyring.Seal(plain, key, next.Version); err != nil {
		return 0, err
	}
	if err := v.store.Put(ctx, next, nil); err != nil {
		return 0, fmt.Errorf("the journal of the import: %w", err)
	}
	return next.Version, nil
}

// readJournal finds the import that was broken off; else the error is ErrNoImport.
func (v *Vault) readJournal(ctx context.Context) (*journal, error) {
	j := &journal{vault: v}
	version, err := v.getJournal(ctx, journalKey, j)
	j.version = version
	if errors.Is(err, store.ErrNotFound) {
		return j, ErrNoImport
	}
	return j, err
}

func (v *Vault) getJournal(ctx context.Context, key string, value any) (int64, error) {
	item, err := v.store.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("the journal of the import: %w", err)
	}
	plain, err := v.keyring.Open(item.Value, key, item.Version)
	if err == nil {
		err = json.Unmarshal(plain, value)
		clear(plain)
	}
	if err != nil {
		return 0, fmt.Errorf("the journal of the import: %w", err)
	}
	return item.Version, nil
}

// each calls f for every entry.
func (j *journal) each(ctx context.Context, f func(journalEntry) error) error {
	for n := range j.Parts {
		var entries []journalEntry
		if _, err := j.vault.getJournal(ctx, partKey(n), &entries); err != nil {
			return err
		}
		for _, e := range entries {
			if err := f(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends the import: from here on it counts.
func (j *journal) close(ctx context.Context) error {
	st := j.vault.store
	for {
		err := st.Delete(ctx, journalKey, j.version)
		if errors.Is(err, store.ErrConflict) { // it was sealed anew
			item, gerr := st.Get(ctx, journalKey)
			if gerr == nil {
				j.version = item.Version
				continue
			}
			err = gerr
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("the journal of the import: %w", err)
		}
		break
	}
	for n := range j.Parts { // a part that stays does no harm: the next import writes over it
		if item, err := st.Get(ctx, partKey(n)); err == nil {
			_ = st.Delete(ctx, item.Key, item.Version)
		}
	}
	return nil
}

// What may stand under a name while an import is not over.
const (
	isOld     = iota // what stood there before
	isNew            // what the import has put there
	isForeign        // neither
)

// standing says what stands under a name, and at which version. It goes by what
// the record holds: its version grows also where it was sealed anew.
func (v *Vault) standing(ctx context.Context, e journalEntry) (int, int64, error) {
	s, version, err := v.read(ctx, e.Name)
	switch {
	case errors.Is(err, store.ErrNotFound) && e.Was == nil:
		return isOld, version, nil
	case errors.Is(err, ErrSealed) && e.Lost:
		return isOld, version, nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, ErrSealed):
		return isForeign, version, nil
	case err != nil:
		return isForeign, version, err
	case s.mark() == e.Mark:
		return isNew, version, nil
	}
	if was, err := decodeStored(e.Was); err == nil && was.mark() == s.mark() {
		return isOld, version, nil
	}
	return isForeign, version, nil
}

// HalfImported tells when an import was begun that is not over: it is under way, or
// was broken off. The zero time: there is none.
func (v *Vault) HalfImported(ctx context.Context) (time.Time, error) {
	j, err := v.readJournal(ctx)
	if errors.Is(err, ErrNoImport) {
		return time.Time{}, nil
	}
	return j.Begun, err
}

// UndoImport puts back what an import that was broken off has changed, and returns
// how many credentials that were. What somebody else has changed since, a refresh
// among them, stays and is named. The error is ErrNoImport where there is none.
func (v *Vault) UndoImport(ctx context.Context) (undone int, kept []string, err error) {
	held, err := v.holdImport(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer held()
	j, err := v.readJournal(ctx)
	if err != nil {
		return 0, nil, err
	}
	return v.rollBack(ctx, j)
}

func (v *Vault) rollBack(ctx context.Context, j *journal) (undone int, kept []string, err error) {
	type result struct {
		name string
		what int
	}
	results, counted := make(chan result), make(chan struct{})
	go func() {
		defer close(counted)
		for r := range results {
			switch r.what {
			case isNew:
				undone++
			case isForeign:
				kept = append(kept, r.name)
			}
		}
	}()
	g, ctx2 := errgroup.WithContext(ctx)
	g.SetLimit(importWorkers)
	err = j.each(ctx2, func(e journalEntry) error {
		g.Go(func() error {
			what, err := v.undoOne(ctx2, e)
			results <- result{e.Name, what}
			return err
		})
		return ctx2.Err()
	})
	if werr := g.Wait(); werr != nil {
		err = werr
	}
	close(results)
	<-counted
	if err != nil {
		return undone, kept, err
	}
	return undone, kept, j.close(ctx)
}

// undoOne puts back what stood under a name, and returns what was found there.
func (v *Vault) undoOne(ctx context.Context, e journalEntry) (int, error) {
	for {
		what, version, err := v.standing(ctx, e)
		if err != nil || what != isNew {
			return what, err
		}
		if was, derr := decodeStored(e.Was); derr == nil {
			err = v.write(ctx, e.Name, was, version+1, nil)
		} else {
			err = v.store.Delete(ctx, recordPrefix+e.Name, version)
			v.cache.drop(e.Name)
			if err == nil {
				v.cache.wrote(e.Name, version+1)
			}
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			return isNew, err
		}
	}
}
