package monitor

import "time"

// parts is in how many steps a window moves on.
const parts = 10

// window counts what happened in the last while. Weights may be fractions.
type window struct {
	Part [parts]float32 `json:"p"`
	Now  int64          `json:"n"` // the step that is counted in
}

// add counts, and returns the sum of the window that ends at t.
func (w *window) add(t time.Time, length time.Duration, weight float32) float64 {
	step := max(int64(length)/parts, 1)
	now := t.UnixNano() / step
	if now-w.Now >= parts || now < w.Now-parts {
		w.Part = [parts]float32{}
		w.Now = now
	}
	for ; w.Now < now; w.Now++ {
		w.Part[(w.Now+1)%parts] = 0
	}
	w.Part[w.Now%parts] += weight
	sum := float64(0)
	for _, p := range w.Part {
		sum += float64(p)
	}
	return sum
}

// tally is a window that also knows which records it counted.
type tally struct {
	Window window     `json:"w"`
	Recent []Evidence `json:"e,omitempty"` // the last ones
	Last   int64      `json:"l"`           // seconds
}

const maxRecent = 6

func (y *tally) add(s *seen, length time.Duration, weight float32) float64 {
	if s.time.Unix()-y.Last > int64(length/time.Second) {
		y.Recent = y.Recent[:0]
	}
	y.Last = s.time.Unix()
	if len(y.Recent) >= maxRecent {
		y.Recent = append(y.Recent[:0], y.Recent[1:]...)
	}
	y.Recent = append(y.Recent, s.evidence())
	return y.Window.add(s.time, length, weight)
}

func (s *seen) evidence() Evidence {
	return Evidence{Index: s.index, Time: s.time, CallID: string(s.callID), What: s.what()}
}
