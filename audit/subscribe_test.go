package audit

import (
	"context"
	"errors"
	"io/fs"
	"testing"
)

func TestASubscriptionResumesWhereItWas(t *testing.T) {
	l, dir := sealedLog(t, 300)
	s := Subscription{Dir: dir, Name: "test"}
	var got []int64
	stop := errors.New("enough")
	take := func(until int64) func(context.Context, []Raw) error {
		return func(_ context.Context, list []Raw) error {
			for _, r := range list {
				got = append(got, r.Index)
			}
			if got[len(got)-1] >= until {
				return stop
			}
			return nil
		}
	}
	if err := s.Run(t.Context(), take(299)); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	got = nil
	appendN(t, l, 300, 5)
	if err := s.Run(t.Context(), take(304)); !errors.Is(err, stop) { // the last lot failed: it comes again
		t.Fatal(err)
	}
	if got[0] != 0 || len(got) != 305 {
		t.Fatalf("%d records from %d", len(got), got[0])
	}
	ctx, cancel := context.WithCancel(t.Context())
	got = nil
	err := s.Run(ctx, func(_ context.Context, list []Raw) error {
		got = append(got, list[len(list)-1].Index)
		if list[len(list)-1].Index == 304 {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next, err := s.Position(); err != nil || next != 305 {
		t.Fatalf("position %d, %v", next, err)
	}
}

// What a subscriber's own error wraps is no sign that the log is not there yet.
func TestASubscribersErrorEndsIt(t *testing.T) {
	_, dir := sealedLog(t, 50)
	s := Subscription{Dir: dir, Name: "test"}
	if err := s.Run(t.Context(), func(context.Context, []Raw) error { return fs.ErrNotExist }); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if next, err := s.Position(); err != nil || next != 0 {
		t.Fatalf("position %d, %v", next, err)
	}
}
