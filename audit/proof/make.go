package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"toolvault/audit"
	"toolvault/audit/anchor"
	"toolvault/audit/index"
	"toolvault/audit/tile"
)

// ErrNotFound is returned where the log has no such call or record that a
// checkpoint covers.
var ErrNotFound = errors.New("is not in this log")

// Options are how a proof is made.
type Options struct {
	WithoutBody bool             // leave out what may be erased: arguments, result, user, message
	Archives    []string         // folders that segments of the log were moved to
	Progress    func(done int64) // hears of records that are read to bring the tiles up to date; nil: nobody
}

// Make proves the records of a call: its own, the intent and the outcome of a
// write, and events that have its id. The error is ErrNotFound, or what kept it
// from reading the log. The result ends in a newline.
func Make(ctx context.Context, dir, callID string, o Options) ([]byte, error) {
	if callID == "" {
		return nil, errors.New("a proof needs the id of a call")
	}
	indices, err := find(ctx, dir, callID, o)
	if err != nil {
		return nil, err
	}
	return prove(ctx, dir, callID, indices, o)
}

// MakeRecord proves one record, of a call or not, by its index.
func MakeRecord(ctx context.Context, dir string, index int64, o Options) ([]byte, error) {
	return prove(ctx, dir, "", []int64{index}, o)
}

// find returns the indices of the records of a call, its own before its events'.
// The id tells when the call was made, so that not all of the log is looked
// through; where it does not, or lies, all of it is.
func find(ctx context.Context, dir, callID string, o Options) ([]int64, error) {
	f := audit.Filter{CallID: callID}
	if id, err := uuid.Parse(callID); err == nil && id.Version() == 7 {
		sec, nsec := id.Time().UnixTime()
		f.Since = time.Unix(sec, nsec).Add(-10 * time.Minute)
		f.Until = f.Since.Add(24 * time.Hour)
		if list, err := search(ctx, dir, f, o); err != nil || len(list) > 0 {
			return list, err
		}
		f.Since, f.Until = time.Time{}, time.Time{}
	}
	list, err := search(ctx, dir, f, o)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("call %s %w", callID, ErrNotFound)
	}
	return list, err
}

func search(ctx context.Context, dir string, f audit.Filter, o Options) ([]int64, error) {
	var building index.Progress
	if o.Progress != nil {
		building = func(done, _ int) { o.Progress(int64(done) * index.BlockRecords) }
	}
	var own, events []int64
	take := func(e audit.Entry) error {
		switch {
		case e.Phase == audit.PhaseEvent:
			events = append(events, e.Index)
		case e.OutcomeIndex > 0:
			own = append(own, e.Index, e.OutcomeIndex)
		default:
			own = append(own, e.Index)
		}
		return nil
	}
	if err := index.Each(ctx, dir, f, building, take); err != nil {
		return nil, err
	}
	for _, archive := range o.Archives { // which have no index
		list, err := audit.Query(ctx, archive, f)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			_ = take(e)
		}
	}
	slices.Sort(own)
	slices.Sort(events)
	all := slices.Compact(append(own, events...))
	all = all[:min(len(all), maxRecords)]
	slices.Sort(all)
	return slices.Compact(all), nil
}

// readers find a record where it is now.
type readers []*audit.Reader

func (o Options) open(dir string) readers {
	list := readers{audit.NewReader(dir)}
	for _, archive := range o.Archives {
		list = append(list, audit.NewReader(archive))
	}
	return list
}

func (list readers) at(index int64) (raw audit.Raw, err error) {
	for _, r := range list {
		if raw, err = r.At(index); !errors.Is(err, audit.ErrNoRecord) {
			return raw, err
		}
	}
	return raw, fmt.Errorf("%w: if it was moved away, name the folder with --archive DIR", err)
}

func (list readers) close() {
	for _, r := range list {
		_ = r.Close()
	}
}

// prove proves records, all under one checkpoint.
func prove(ctx context.Context, dir, callID string, indices []int64, o Options) ([]byte, error) {
	tree, err := tile.Open(ctx, dir, o.Progress)
	if err != nil {
		return nil, err
	}
	last := indices[len(indices)-1]
	if indices[0] < 0 || last >= tree.Size() {
		return nil, fmt.Errorf("record %d %w", last, ErrNotFound)
	}
	size, note := tree.Size(), tree.Checkpoint()
	if s, n := cosigned(dir, tree); s > last {
		size, note = s, n
	}
	list := o.open(dir)
	defer list.close()
	f := file{Format: Format, CallID: callID}
	for _, index := range indices {
		raw, err := list.at(index)
		if err != nil {
			return nil, err
		}
		if callID == "" {
			r, err := raw.Record()
			if err != nil {
				return nil, err
			}
			f.CallID = r.CallID
		}
		p, err := tree.Inclusion(size, index)
		if err != nil {
			return nil, err
		}
		root, err := tree.RootAt(size)
		if err != nil {
			return nil, err
		}
		if tlog.CheckRecord(p, size, root, index, tlog.RecordHash(raw.Leaf)) != nil {
			return nil, fmt.Errorf("record %d is not the one that the tree has hashed: it was changed; run `toolvault audit verify`", index)
		}
		r := record{Leaf: string(raw.Leaf), Proof: formatText(index, p, note)}
		if raw.Body != nil && !o.WithoutBody {
			r.setBody(raw.Body)
		}
		f.Records = append(f.Records, r)
	}
	if f.Keys, err = handovers(dir, tree); err != nil {
		return nil, err
	}
	return f.encode()
}

// handovers proves, for whoever has an older key of the log, that the newer ones
// took over from it: each such record under the last checkpoint of the key before.
func handovers(dir string, tree *tile.Tree) ([]record, error) {
	all, err := audit.Handovers(dir)
	if err != nil {
		return nil, err
	}
	var list []record
	for _, h := range all[max(0, len(all)-maxKeys):] {
		p, err := tree.Inclusion(h.Size, h.Index)
		if err != nil {
			return nil, err
		}
		list = append(list, record{Leaf: string(h.Leaf), Proof: formatText(h.Index, p, h.Checkpoint)})
	}
	return list, nil
}

// cosigned returns the newest checkpoint that witnesses have cosigned, if it is
// one of this log; else a size of 0.
func cosigned(dir string, tree *tile.Tree) (int64, []byte) {
	in, err := os.Open(anchor.CosignedPath(dir))
	if err != nil {
		return 0, nil
	}
	defer func() { _ = in.Close() }()
	note, err := io.ReadAll(io.LimitReader(in, maxText/2))
	if err != nil {
		return 0, nil
	}
	c, err := anchor.Parse(note)
	own, e := anchor.Parse(tree.Checkpoint())
	if err != nil || e != nil || c.Origin != own.Origin || c.Size < 1 || c.Size > tree.Size() {
		return 0, nil
	}
	if root, err := tree.RootAt(c.Size); err != nil || root != c.Root {
		return 0, nil
	}
	return c.Size, note
}
