package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestObservedTellsOfEachOperation(t *testing.T) {
	inner, err := OpenSQLite(t.Context(), t.TempDir()+"/s.db")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inner.Close() }()
	var seen []string
	s := Observed(inner, func(operation string, d time.Duration, failed bool) {
		if d <= 0 || d > time.Minute {
			t.Errorf("%s took %v", operation, d)
		}
		seen = append(seen, fmt.Sprint(operation, " ", failed))
	})
	ctx := t.Context()
	if err := s.Put(ctx, Item{Key: "k", Version: 1, Value: []byte("v")}, nil); err != nil {
		t.Fatal(err)
	}
	if item, err := s.Get(ctx, "k"); err != nil || string(item.Value) != "v" {
		t.Errorf("%+v, %v", item, err)
	}
	if err := s.Put(ctx, Item{Key: "k", Version: 1}, nil); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	if _, err := s.Get(ctx, "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	lease, err := s.Lease(ctx, "name", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(ctx, Item{Key: "k", Version: 2}, lease); err != nil { // the store knows its own lease
		t.Error(err)
	}
	if _, err := s.List(ctx, "", "", 10); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Get(ended, "k"); err == nil {
		t.Error("the context has ended")
	}
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
	_ = inner.Close()
	if _, err := s.Get(ctx, "k"); err == nil {
		t.Error("the store is closed")
	}
	want := "[put false get false put false get false lease false put false list false get false ping false get true]"
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

// poor is a store with a setting that promises too little.
type poor struct{ Store }

func (poor) warnings(context.Context) (string, []string) { return "here", []string{"it forgets"} }

func TestAnObservedStoreWarnsAsItDoes(t *testing.T) {
	s := Observed(poor{}, func(string, time.Duration, bool) {})
	if got := Warnings(t.Context(), s); len(got) != 1 || got[0] != "here: it forgets" {
		t.Errorf("warnings %q", got)
	}
}
