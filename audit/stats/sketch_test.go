package stats

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAQuantileIsWithinTheBound holds the sketch against the durations themselves,
// and one that was merged against one that saw all.
func TestAQuantileIsWithinTheBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 {
			return math.Pow(10, rapid.Float64Range(-2.9, 7.9).Draw(t, "exponent"))
		}), 1, 200).Draw(t, "durations")
		var whole, left, right Sketch
		for i, ms := range list {
			whole.Add(ms)
			if i%3 == 0 {
				left.Add(ms)
			} else {
				right.Add(ms)
			}
		}
		left.Merge(&right)
		slices.Sort(list)
		for _, q := range []float64{0, 0.01, 0.5, 0.95, 0.99, 1} {
			rank := max(int(math.Ceil(q*float64(len(list))))-1, 0)
			want := list[rank]
			if got := whole.Quantile(q); math.Abs(got-want) > Accuracy*want*(1+1e-9) {
				t.Errorf("quantile %v of %d: %v, want %v", q, len(list), got, want)
			}
			if whole.Quantile(q) != left.Quantile(q) {
				t.Errorf("quantile %v: %v merged, %v whole", q, left.Quantile(q), whole.Quantile(q))
			}
		}
		if whole.Max() != list[len(list)-1] || whole.Count() != int64(len(list)) {
			t.Errorf("max %v, count %d", whole.Max(), whole.Count())
		}
	})
}

func TestOddDurations(t *testing.T) {
	var s Sketch
	if s.Quantile(0.5) != 0 || s.Mean() != 0 {
		t.Error("an empty sketch has a quantile")
	}
	for _, ms := range []float64{0, -1, math.NaN(), math.Inf(-1), 1e-9} {
		s.Add(ms)
	}
	if s.Quantile(1) != 0 || s.Count() != 5 {
		t.Errorf("%v of %d", s.Quantile(1), s.Count())
	}
	s.Add(math.Inf(1))
	s.Add(1e300)
	if q := s.Quantile(1); q != largest {
		t.Error(q)
	}
	if n := len(s.counts); n > 1500 {
		t.Errorf("%d buckets", n)
	}
}

func ExampleSketch() {
	var s Sketch
	for ms := range 1000 {
		s.Add(float64(ms + 1))
	}
	fmt.Printf("%.0f %.0f\n", s.Quantile(0.5), s.Quantile(0.99))
	// Output: 504 995
}
