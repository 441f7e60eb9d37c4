package stats

import (
	"math"
)

// The bound of a quantile's error: what Quantile returns is within Accuracy of the
// duration that has that rank, from a microsecond to a day; above and below it is
// that bound.
const (
	Accuracy = 0.01

	smallest = 1e-3                   // ms: what is shorter counts as 0
	largest  = 864e5                  // ms: what is longer counts as this
	gamma    = 1.02020202020202020202 // (1+Accuracy)/(1-Accuracy): how much wider each bucket is than the one before
)

var logGamma = math.Log(gamma)

// Sketch is a distribution of durations in milliseconds, of which any quantile can
// be asked. It counts them in buckets whose bounds grow by a factor (DDSketch:
// Masson, Rim and Lee, 2019), so its size depends on how far they lie apart and not
// on how many there are: about 2 kB from 1 ms to 10 s, 11 kB at most. The zero
// value is empty. Merge of two is the sketch of both together, exactly.
type Sketch struct {
	first  int     // bucket of counts[0]
	counts []int64 // by bucket
	zero   int64   // shorter than smallest
	n      int64
	sum    float64
	max    float64
}

// bucket is the bucket of a duration; ok is false for what counts as 0.
func bucket(ms float64) (int, bool) {
	if !(ms >= smallest) { // also where it is no number
		return 0, false
	}
	return int(math.Ceil(math.Log(min(ms, largest)/smallest) / logGamma)), true
}

// Add counts a duration.
func (s *Sketch) Add(ms float64) {
	b, ok := bucket(ms)
	s.add(ms, b, ok)
}

// add is Add with the bucket at hand.
func (s *Sketch) add(ms float64, b int, ok bool) {
	s.n++
	if !ok {
		s.zero++
		return
	}
	ms = min(ms, largest)
	s.sum += ms
	s.max = max(s.max, ms)
	s.count(b, 1)
}

func (s *Sketch) count(b int, n int64) {
	switch {
	case len(s.counts) == 0:
		s.first, s.counts = b-8, make([]int64, 64)
	case b < s.first:
		more := s.first - b + 16
		s.first -= more
		s.counts = append(make([]int64, more, more+len(s.counts)), s.counts...)
	case b >= s.first+len(s.counts):
		s.counts = append(s.counts, make([]int64, b-s.first-len(s.counts)+17)...)
	}
	s.counts[b-s.first] += n
}

// Merge adds all that another has counted.
func (s *Sketch) Merge(o *Sketch) {
	s.zero += o.zero
	s.n += o.n
	s.sum += o.sum
	s.max = max(s.max, o.max)
	for i, n := range o.counts {
		if n > 0 {
			s.count(o.first+i, n)
		}
	}
}

// Count is how many durations there are.
func (s *Sketch) Count() int64 { return s.n }

// Max is the longest, exactly, but for what is longer than a day.
func (s *Sketch) Max() float64 { return s.max }

// Mean is their average; 0 where there are none.
func (s *Sketch) Mean() float64 {
	if s.n == 0 {
		return 0
	}
	return s.sum / float64(s.n)
}

// Quantile is the duration, in milliseconds, below which the part q of them lies:
// 0.5 is the median. 0 where there are none.
func (s *Sketch) Quantile(q float64) float64 {
	if s.n == 0 {
		return 0
	}
	rank := int64(math.Ceil(q*float64(s.n))) - 1 // from 0
	rank = min(max(rank, 0), s.n-1)
	if rank < s.zero {
		return 0
	}
	seen := s.zero
	for i, n := range s.counts {
		if seen += n; seen > rank {
			upper := smallest * math.Pow(gamma, float64(s.first+i))
			return min(2*upper/(gamma+1), s.max) // the middle of the bucket, as far from either bound
		}
	}
	return s.max
}
