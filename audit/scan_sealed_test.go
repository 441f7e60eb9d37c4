package audit

import "testing"

// TestScanHandsOutEveryRecordOfASealedSegment has more of them in one than a batch
// can have: a sealed segment keeps only its last checkpoint.
func TestScanHandsOutEveryRecordOfASealedSegment(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, func(o *Options) { o.segmentBytes = 2 << 20 })
	const lot, lots = 3000, 4
	for i := range lots {
		appendTogether(t, l, i*lot, lot)
	}
	if err := l.Upkeep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if !isSealed(dir, 0) {
		t.Fatal("the first segment is not sealed")
	}
	for _, from := range []int64{0, 1, 255, 256, 4095, 4096, 5000} {
		want := from
		_, err := Scan(t.Context(), dir, from, func(r Raw) error {
			if r.Index != want {
				t.Fatalf("from %d: record %d comes in place of %d", from, r.Index, want)
			}
			want++
			return nil
		})
		if err != nil || want != lot*lots {
			t.Fatalf("from %d: the scan ended before %d (%v)", from, want, err)
		}
	}
}
