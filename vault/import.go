package vault

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/vault/store"
)

// MaxImport is the most credentials that one import has.
const MaxImport = 100_000

// ImportItem is one credential to be imported.
type ImportItem struct {
	Name   string
	Stored Stored
	Line   int // of the file, for errors
}

// ItemError is what is wrong with one item. It holds nothing of its secret.
type ItemError struct {
	Line int
	Err  error
}

func (e *ItemError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *ItemError) Unwrap() error { return e.Err }

// ImportOptions say how credentials are imported.
type ImportOptions struct {
	Replace  bool           // what is in the vault under one of the names; revoked ones are replaced anyway
	Progress func(done int) // after each item, by one goroutine at a time; nil: nobody asks
}

// Imported tells what an import has done.
type Imported struct {
	New      int
	Replaced int
	Same     int       // were there already, secret for secret
	Resumed  time.Time // when the import was begun that this one has finished; zero: by itself
}

// Errors of imports.
var (
	// ErrTaken: a credential of that name exists.
	ErrTaken = errors.New("there is a credential of that name already")
	// ErrUnfinished: another import was broken off half done.
	ErrUnfinished = errors.New("another import was broken off half done")
	// ErrNoImport: there is no import to undo.
	ErrNoImport = errors.New("no import was broken off")
)

const (
	importWorkers = 8
	importLease   = "import"
)

// Import stores all of the credentials or none. All are held against the rules of
// Put first; what is wrong with them is in the error as *ItemError, in the order
// of lines. Then it is written down what is about to be changed and how it was,
// then the credentials. Where that fails, or ctx ends, what was written is put
// back as it was. A process that dies on the way leaves that to the next: an
// import of the same credentials goes on where it stopped, UndoImport puts all
// back, and an import of others fails with ErrUnfinished.
func (v *Vault) Import(ctx context.Context, items []ImportItem, o ImportOptions) (Imported, error) {
	if err := v.checkImport(items); err != nil {
		return Imported{}, err
	}
	held, err := v.holdImport(ctx)
	if err != nil {
		return Imported{}, before(err)
	}
	defer held()
	j, did, err := v.planImport(ctx, items, o.Replace)
	if err != nil {
		return Imported{}, before(err)
	}
	byName := make(map[string]Stored, len(items))
	for _, item := range items {
		byName[item.Name] = item.Stored
	}
	err = v.writeImport(ctx, j, byName, o.Progress)
	if err == nil {
		return did, j.close(ctx)
	}
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	// Also after an interrupt: nothing is to be left half done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, kept, back := v.rollBack(ctx, j)
	switch {
	case back != nil:
		return Imported{}, fmt.Errorf("%w; and what was written could not be put back (%w): import the same again to go on, or undo it", err, back)
	case len(kept) > 0:
		return Imported{}, fmt.Errorf("%w; what was written is put back as it was, but for %s, changed by somebody else since", err, few(kept))
	}
	return Imported{}, fmt.Errorf("%w; nothing was imported", err)
}

// errInterrupted is what an import says that was told to stop, wherever it was.
var errInterrupted = because(context.Canceled, "it was interrupted")

// before is an error from before anything was written.
func before(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; nothing was imported", errInterrupted)
	}
	return err
}

// few names the first of many.
func few(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}

func (v *Vault) checkImport(items []ImportItem) error {
	if len(items) == 0 {
		return errors.New("there is nothing to import")
	}
	if len(items) > MaxImport {
		return fmt.Errorf("%d credentials are too many for one import: %d at most", len(items), MaxImport)
	}
	now := v.clock()
	var errs []*ItemError
	lines := map[string]int{}
	for _, item := range items {
		err := checkName(item.Name)
		if err == nil {
			if first, ok := lines[item.Name]; ok {
				err = fmt.Errorf("%s stands twice, first on line %d", item.Name, first)
			}
			lines[item.Name] = item.Line
		}
		if err == nil {
			if err = item.Stored.check(now); err != nil {
				err = fmt.Errorf("%s: %w", item.Name, err)
			}
		}
		if err != nil {
			errs = append(errs, &ItemError{item.Line, err})
		}
	}
	return joinItems(errs)
}

// joinItems puts errors of items in the order of their lines.
func joinItems(errs []*ItemError) error {
	slices.SortStableFunc(errs, func(a, b *ItemError) int { return cmp.Compare(a.Line, b.Line) })
	all := make([]error, len(errs))
	for i, err := range errs {
		all[i] = err
	}
	return errors.Join(all...)
}

// holdImport keeps other imports away until the function that it returns is
// called.
func (v *Vault) holdImport(ctx context.Context) (func(), error) {
	asking, cancel := context.WithTimeout(ctx, leaseFor+time.Second)
	lease, err := v.store.Lease(asking, importLease, leaseFor)
	cancel()
	switch {
	case err == nil:
		stop := v.extend(context.WithoutCancel(ctx), lease)
		return func() { stop(); letGo(ctx, lease) }, nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return nil, errors.New("another import is under way: wait for its end")
	}
	return nil, fmt.Errorf("import: %w", err)
}

// mark tells secrets apart. It is kept under seal.
func (s Stored) mark() string {
	h := sha256.New()
	for _, part := range []string{s.Type, s.Secret.Reveal(), s.Refresh.Reveal(), s.Old.Reveal(), fmt.Sprint(s.State == StateRevoked)} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// planImport writes the journal of an import, or finds that of one which was
// broken off.
func (v *Vault) planImport(ctx context.Context, items []ImportItem, replace bool) (*journal, Imported, error) {
	h := sha256.New()
	for _, item := range items {
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00", item.Name, item.Stored.mark())
	}
	digest := hex.EncodeToString(h.Sum(nil))
	j, err := v.readJournal(ctx)
	switch {
	case err == nil && j.Digest == digest:
		return j, Imported{New: j.New, Replaced: j.Replaced, Same: j.Same, Resumed: j.Begun}, nil
	case err == nil:
		return nil, Imported{}, because(ErrUnfinished, "an import that was begun at %s was broken off half done: import the same file again to finish it, or undo it, before another one", j.Begun.Format(time.RFC3339))
	case !errors.Is(err, ErrNoImport):
		return nil, Imported{}, err
	}
	entries, did, err := v.survey(ctx, items, replace)
	if err != nil {
		return nil, Imported{}, err
	}
	j = &journal{vault: v, Digest: digest, Begun: v.clock().UTC(), New: did.New, Replaced: did.Replaced, Same: did.Same}
	return j, did, j.write(ctx, entries)
}

// survey finds out what an import changes.
func (v *Vault) survey(ctx context.Context, items []ImportItem, replace bool) ([]journalEntry, Imported, error) {
	var mu sync.Mutex
	var did Imported
	var taken []*ItemError
	found := make([]*journalEntry, len(items))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(importWorkers)
	for i, item := range items {
		g.Go(func() error {
			s, version, err := v.read(ctx, item.Name)
			e := &journalEntry{Name: item.Name, Version: version, Mark: item.Stored.mark()}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, store.ErrNotFound):
				did.New++
			case errors.Is(err, ErrSealed) && replace:
				e.Lost = true
				did.Replaced++
			case errors.Is(err, ErrSealed):
				taken = append(taken, &ItemError{item.Line, because(ErrTaken, "%s is in the vault and cannot be opened: replace it with --replace", item.Name)})
			case err != nil:
				return err
			case s.mark() == e.Mark:
				did.Same++
				return nil
			case replace || s.State == StateRevoked:
				e.Was = s.encode()
				did.Replaced++
			default:
				taken = append(taken, &ItemError{item.Line, because(ErrTaken, "%s is in the vault already, with another secret: replace it with --replace, or leave it out", item.Name)})
			}
			found[i] = e
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, Imported{}, err
	}
	if len(taken) > 0 {
		return nil, Imported{}, joinItems(taken)
	}
	var entries []journalEntry
	for _, e := range found {
		if e != nil {
			entries = append(entries, *e)
		}
	}
	return entries, did, nil
}

// writeImport stores what the journal says.
func (v *Vault) writeImport(ctx context.Context, j *journal, byName map[string]Stored, progress func(int)) error {
	var mu sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(importWorkers)
	err := j.each(ctx, func(e journalEntry) error {
		g.Go(func() error {
			if err := v.importOne(ctx, e, byName[e.Name]); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if progress != nil {
				progress(done)
			}
			return nil
		})
		return ctx.Err()
	})
	return cmp.Or(g.Wait(), err)
}

// importOne stores one credential in the place of what the journal says was there.
func (v *Vault) importOne(ctx context.Context, e journalEntry, s Stored) error {
	now := v.clock().UTC()
	s.Created, s.Updated = now, now
	if was, err := decodeStored(e.Was); err == nil {
		s.Created = was.Created
	}
	for version := e.Version; ; {
		err := v.write(ctx, e.Name, s, version+1, nil)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		standing, at, err := v.standing(ctx, e)
		switch {
		case err != nil:
			return err
		case standing == isNew:
			return nil
		case standing == isForeign:
			return fmt.Errorf("credential %s was changed by somebody else meanwhile", e.Name)
		}
		version = at
	}
}

// CheckName holds a name against the rule for names in the vault, as Put does.
func CheckName(name string) error { return checkName(name) }

// TakesDocument reports whether the secret of a type may be more than one line of
// text: a key file, a certificate, a JSON document.
func TakesDocument(typ string) bool { return kinds[typ].check != nil }
