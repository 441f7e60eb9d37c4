package index

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"toolvault/audit"
)

// Build builds the blocks of a log that are missing, side by side.
func Build(ctx context.Context, dir string, progress Progress) error {
	return build(ctx, dir, blockRows, runtime.GOMAXPROCS(0), progress)
}

func build(ctx context.Context, dir string, per int64, workers int, progress Progress) error {
	lib, err := openLibrary(ctx, dir, per, progress)
	if err != nil {
		return err
	}
	g, building := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for n, _ := lib.bounds(); lib.shelf.full(lib.log, n) && building.Err() == nil; n++ {
		g.Go(func() error {
			v, err := lib.get(building, n, false)
			if err != nil {
				return err
			}
			return v.close()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("audit index: %w", context.Cause(ctx))
	}
	return nil
}

// Run keeps the index of a log up to date until the context ends, which is no
// error: with the first record that comes it builds what is missing, and then each
// block when it is full, in one goroutine, so that the processor is left to
// others. Of several processes one does it.
func Run(ctx context.Context, dir string) error {
	return run(ctx, dir, blockRows)
}

func run(ctx context.Context, dir string, per int64) error {
	at := int64(-1) // block of the record that comes next
	err := audit.Subscription{Dir: dir, Name: folder, Start: -1}.Run(ctx, func(ctx context.Context, list []audit.Raw) error {
		next := (list[len(list)-1].Index + 1) / per
		if next == at {
			return nil
		}
		at = next
		return build(ctx, dir, per, 1, nil)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
