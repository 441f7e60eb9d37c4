package server

import (
	"context"
	"errors"
	"time"

	"toolvault/vault/store"
)

const (
	sweepEvery = 10 * time.Minute
	endedKept  = 24 * time.Hour // a family that has ended, so that its tokens are known for what they are
)

// Run removes what has expired until ctx ends. Several processes may do so.
func (s *Server) Run(ctx context.Context) error {
	return store.Repeat(ctx, sweepEvery, s.Sweep, s.Logger, "old codes and consents could not be removed; they do no harm and will be tried again")
}

// Sweep removes what has expired once. All but remembered consents have keys that are
// never written again, and leave nothing behind.
func (s *Server) Sweep(ctx context.Context) error {
	var all []error
	for prefix, over := range map[string]func(store.Item) bool{
		codePrefix:       s.codeOver,
		familyPrefix:     s.familyOver,
		devicePrefix:     s.untilOver,
		userPrefix:       s.untilOver,
		oncePrefix:       s.untilOver,
		rememberedPrefix: s.untilOver,
	} {
		remove := s.Store.Forget
		if prefix == rememberedPrefix {
			remove = s.Store.Delete
		}
		all = append(all, store.Each(ctx, s.Store, prefix, func(item store.Item) error {
			if !over(item) {
				return nil
			}
			err := remove(ctx, item.Key, item.Version)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
				return nil // somebody else did, or it is in use
			}
			return err
		}))
	}
	return errors.Join(all...)
}

func (s *Server) codeOver(item store.Item) bool {
	var c code
	return s.open(item, &c) == nil && s.Now().After(c.Expires.Add(codeKept))
}

func (s *Server) familyOver(item store.Item) bool {
	var f family
	if s.open(item, &f) != nil {
		return false
	}
	if !f.Ended.IsZero() {
		return s.Now().After(f.Ended.Add(endedKept))
	}
	return s.Now().After(f.Used.Add(s.RefreshTTL + endedKept))
}

// untilOver is for records that say in "until" or "expires" when they end.
func (s *Server) untilOver(item store.Item) bool {
	var r struct {
		Until   time.Time `json:"until"`
		Expires time.Time `json:"expires"`
	}
	if s.open(item, &r) != nil {
		return false
	}
	end := r.Until
	if end.IsZero() {
		end = r.Expires
	}
	return !end.IsZero() && s.Now().After(end)
}
