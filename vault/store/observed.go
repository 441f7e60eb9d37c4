package store

import (
	"context"
	"errors"
	"time"

	"toolvault/vault/store/bucket"
)

// Observed is a store whose operations are told of: which one ("get", "put",
// "delete", "forget", "list", "lease", "spend", "pause", "now", "ping"), how long it
// took, a lease the waiting for others too, and whether the store has failed.
// Answers such as ErrNotFound and ErrConflict are none of its failures, nor is the
// end of the caller's context.
func Observed(s Store, hear func(operation string, d time.Duration, failed bool)) Store {
	return observed{s, hear}
}

type observed struct {
	Store
	hear func(operation string, d time.Duration, failed bool)
}

func (o observed) heard(operation string, began time.Time, err error) {
	failed := err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrLeaseLost) &&
		!errors.Is(err, context.Canceled) && (errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded))
	o.hear(operation, time.Since(began), failed)
}

// warnings are the store's own: see Warnings.
func (o observed) warnings(ctx context.Context) (string, []string) { return warningsOf(ctx, o.Store) }

func (o observed) Get(ctx context.Context, key string) (Item, error) {
	began := time.Now()
	item, err := o.Store.Get(ctx, key)
	o.heard("get", began, err)
	return item, err
}

func (o observed) Put(ctx context.Context, item Item, lease Lease) error {
	began := time.Now()
	err := o.Store.Put(ctx, item, lease)
	o.heard("put", began, err)
	return err
}

func (o observed) Delete(ctx context.Context, key string, version int64) error {
	began := time.Now()
	err := o.Store.Delete(ctx, key, version)
	o.heard("delete", began, err)
	return err
}

func (o observed) Forget(ctx context.Context, key string, version int64) error {
	began := time.Now()
	err := o.Store.Forget(ctx, key, version)
	o.heard("forget", began, err)
	return err
}

func (o observed) List(ctx context.Context, prefix, after string, limit int) ([]Item, error) {
	began := time.Now()
	items, err := o.Store.List(ctx, prefix, after, limit)
	o.heard("list", began, err)
	return items, err
}

func (o observed) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	began := time.Now()
	lease, err := o.Store.Lease(ctx, name, ttl)
	o.heard("lease", began, err)
	return lease, err
}

func (o observed) Spend(ctx context.Context, name string, rate bucket.Rate, want int, most time.Duration) (int, time.Duration, error) {
	began := time.Now()
	got, wait, err := o.Store.Spend(ctx, name, rate, want, most)
	o.heard("spend", began, err)
	return got, wait, err
}

func (o observed) Pause(ctx context.Context, name string, d time.Duration) error {
	began := time.Now()
	err := o.Store.Pause(ctx, name, d)
	o.heard("pause", began, err)
	return err
}

func (o observed) Now(ctx context.Context) (time.Time, error) {
	began := time.Now()
	now, err := o.Store.Now(ctx)
	o.heard("now", began, err)
	return now, err
}

func (o observed) Ping(ctx context.Context) error {
	began := time.Now()
	err := o.Store.Ping(ctx)
	o.heard("ping", began, err)
	return err
}
