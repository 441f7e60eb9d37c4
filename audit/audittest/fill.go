package audittest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"toolvault/audit"
)

// Fill appends n records to the log in a folder, which it makes where there is
// none, and returns the verifier key. On two cores it writes some 60,000 a second.
func Fill(ctx context.Context, dir string, n int, o Options) (verifier string, err error) {
	o.fill(n)
	if verifier, err = audit.VerifierKey(Key(), Name); err != nil {
		return "", err
	}
	log, err := audit.Open(audit.Options{Dir: dir, Key: Key(), Name: Name, Now: o.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	s := schedule{options: o, total: n}
	for s.next < n && err == nil {
		err = appendLot(ctx, log, s.lot(min(o.Together, n-s.next)), o.Seed)
	}
	if err == nil && o.Seal {
		err = log.Upkeep(ctx, 0)
	}
	if e := log.Close(); err == nil {
		err = e
	}
	return verifier, err
}

// planned says which record comes when.
type planned struct {
	number int // of the call or event, from 0
	phase  audit.Phase
	at     time.Time
}

// schedule plans a log lot by lot.
type schedule struct {
	options Options
	total   int
	next    int // record
	calls   int
	open    []planned // writes that go on, oldest first
}

func (s *schedule) lot(size int) []planned {
	list := make([]planned, 0, size)
	ending := s.open // of this lot no intent ends in it
	s.open = s.open[len(s.open):]
	for range size {
		p := planned{at: s.options.Start.Add(time.Duration(float64(s.options.Span) * float64(s.next) / float64(s.total)))}
		s.next++
		if len(ending) > 0 {
			p.number, p.phase = ending[0].number, audit.PhaseOutcome
			ending = ending[1:]
			list = append(list, p)
			continue
		}
		p.number = s.calls
		p.phase = phaseOf(s.options.Seed, s.calls)
		s.calls++
		if p.phase == audit.PhaseIntent && !neverEnds(s.options.Seed, p.number) {
			s.open = append(s.open, p)
		}
		list = append(list, p)
	}
	s.open = append(ending[:len(ending):len(ending)], s.open...)
	return list
}

func appendLot(ctx context.Context, log *audit.Log, lot []planned, seed uint64) error {
	errs := make([]error, len(lot))
	var wg sync.WaitGroup
	for i, p := range lot {
		wg.Go(func() {
			_, errs[i] = log.Append(ctx, record(seed, p))
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("fill an audit log: %w", err)
		}
	}
	return nil
}
