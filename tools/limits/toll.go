package limits

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"
)

// Toll is the limits that one call counts against. A nil *Toll has none.
type Toll struct {
	meters [len(kinds)][]*meter // by the place of their kind
}

func place(k Kind) int { return slices.Index(kinds[:], k) }

func tollOf(k Kind, m *meter) *Toll {
	t := &Toll{}
	t.meters[place(k)] = []*meter{m}
	return t
}

func (t *Toll) of(k Kind) []*meter {
	if t == nil {
		return nil
	}
	return t.meters[place(k)]
}

func (t *Toll) with(other *Toll) *Toll {
	if t == nil || other == nil {
		if t == nil {
			t = other
		}
		return t
	}
	sum := &Toll{}
	for i := range sum.meters {
		sum.meters[i] = append(slices.Clone(t.meters[i]), other.meters[i]...)
	}
	return sum
}

// ExceededError says that a limit is reached.
type ExceededError struct {
	Agent string
	Limit Limit
	Reset time.Time     // when the next window begins, UTC
	In    time.Duration // until then
}

func (e *ExceededError) Error() string {
	return fmt.Sprintf("agent %s has used up its limit of %s; it begins anew at %s, in %d seconds",
		e.Agent, e.Limit, e.Reset.Format(time.RFC3339), int64(math.Ceil(e.In.Seconds())))
}

// Call counts a call. The error is an *ExceededError, the context's, or why the
// store could not be asked; then nothing was counted.
func (t *Toll) Call(ctx context.Context) error {
	_, err := take(ctx, t.of(Calls))
	return err
}

// Write counts a write, as Call does. What it returns takes the write back.
func (t *Toll) Write(ctx context.Context) (Paid, error) { return take(ctx, t.of(Writes)) }

// Open reports whether the call may read: whether of all limits of bytes some are
// left. The errors are those of Call.
func (t *Toll) Open(ctx context.Context) error {
	for _, m := range t.of(Bytes) {
		if err := m.take(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

// Read counts bytes that were read. It may pass the limit, and it always counts:
// what the store could not be told is told later, so long as the process lives.
func (t *Toll) Read(ctx context.Context, n int64) {
	for _, m := range t.of(Bytes) {
		m.charge(ctx, n)
	}
}

// Paid is what was taken, and when.
type Paid struct {
	meters []*meter
	at     time.Time
}

// Back undoes it: it was not used after all. A window that has ended meanwhile is
// past mending.
func (p *Paid) Back() {
	for _, m := range p.meters {
		m.back(p.at)
	}
	p.meters = nil
}

// take counts one with each of the meters, or with none.
func take(ctx context.Context, meters []*meter) (Paid, error) {
	if len(meters) == 0 {
		return Paid{}, nil
	}
	p := Paid{at: meters[0].budgets.clock.now()}
	for i, m := range meters {
		if err := m.take(ctx, 1); err != nil {
			p.meters = meters[:i]
			p.Back()
			return Paid{}, err
		}
	}
	p.meters = meters
	return p, nil
}
