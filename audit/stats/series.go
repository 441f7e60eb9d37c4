package stats

import (
	"maps"
	"slices"
	"time"
)

// maxSlots is how many slots of time are told apart: where there are more, they
// become longer.
const maxSlots = 2400

// steps are how long a slot can be: an hour, a day, a week, four weeks.
var steps = [...]time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour}

// series has a tally for each slot of time, in UTC.
type series struct {
	step   int // in steps
	bySlot map[int64]*Tally
	last   *Tally // of the slot that was asked for last: most records have that of the one before
	at     int64
}

func slot(t time.Time, step time.Duration) int64 {
	s, n := t.Unix(), int64(step/time.Second)
	if s < 0 {
		s -= n - 1
	}
	return s / n
}

// of returns the tally of the slot that a time lies in. Times that are so far apart
// that even the longest slots are too many have none: nil.
func (s *series) of(t time.Time) *Tally {
	at := slot(t, steps[s.step])
	if s.last != nil && s.at == at {
		return s.last
	}
	x := s.bySlot[at]
	if x == nil {
		if s.bySlot == nil {
			s.bySlot = map[int64]*Tally{}
		}
		for len(s.bySlot) >= maxSlots {
			if s.step == len(steps)-1 {
				return nil
			}
			s.widen()
		}
		if at = slot(t, steps[s.step]); s.bySlot[at] == nil {
			s.bySlot[at] = &Tally{}
		}
		x = s.bySlot[at]
	}
	s.last, s.at = x, at
	return x
}

// widen makes the slots longer.
func (s *series) widen() {
	was, all := steps[s.step], s.bySlot
	s.step++
	s.bySlot, s.last = map[int64]*Tally{}, nil
	for _, at := range slices.Sorted(maps.Keys(all)) {
		to := slot(time.Unix(at*int64(was/time.Second), 0), steps[s.step])
		if s.bySlot[to] == nil {
			s.bySlot[to] = &Tally{}
		}
		s.bySlot[to].Merge(all[at])
	}
}

func (s *series) merge(o *series) {
	for s.step < o.step {
		s.widen()
	}
	for _, p := range o.points() {
		if x := s.of(p.Time); x != nil {
			x.Merge(p.Tally)
		}
	}
}

// Point is what happened in a slot of time.
type Point struct {
	Time time.Time // when it begins
	*Tally
}

// points are the slots in which anything happened, in order.
func (s *series) points() []Point {
	list := make([]Point, 0, len(s.bySlot))
	seconds := int64(steps[s.step] / time.Second)
	for _, at := range slices.Sorted(maps.Keys(s.bySlot)) {
		list = append(list, Point{time.Unix(at*seconds, 0).UTC(), s.bySlot[at]})
	}
	return list
}
