package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"toolvault/vault/store"
)

const (
	patience    = 2 * time.Second  // of a call whose access token is still good
	exchangeFor = 15 * time.Second // the request to the token endpoint
	flightFor   = 30 * time.Second // a whole refresh, with waiting for others

	// A refresh is done under a lease that ends soon after its process has died,
	// and is extended while it lives.
	leaseFor    = 4 * time.Second
	extendEvery = time.Second
)

// target is a token that can be replaced by a newer one, and how.
type target struct {
	d     Declaration
	name  string // of the record
	stale Secret // the token to be replaced, as far as the caller knows
	// next asks for the token that follows on what is stored.
	next func(ctx context.Context, s Stored) (Stored, error)
	// spends: next uses up what is stored. That it is about to be tried goes on
	// record first.
	spends bool
	// Of a token that was obtained for a secret: the secret, and a fingerprint of
	// it and of what the config says besides.
	origin Secret
	basis  string
}

// renewal is what a refresh ends in: the record as it now stands.
type renewal struct {
	stored  Stored
	version int64
}

// grant is the target of a stored OAuth grant: the next token comes from its
// refresh token.
func (v *Vault) grant(d Declaration, name string) target {
	return target{d: d, name: name, spends: true, next: func(ctx context.Context, s Stored) (Stored, error) {
		app, err := v.appReady(ctx, d.Service)
		switch {
		case err != nil:
			return Stored{}, err
		case s.Refresh.Empty():
			return Stored{}, because(ErrNeedsConsent, "there is no refresh token")
		case app.ClientID == "" || app.TokenURL == "":
			return Stored{}, invalid("to refresh it an OAuth app is needed: set services.%s.oauth in the config", d.Service)
		}
		return v.exchange(ctx, d.Service, app, s)
	}}
}

// freshen deals with an access token that is due. While it is still good, calls
// use it: it is renewed behind them where Run runs, else before them, and a
// failure to renew it is no failure of the call.
func (v *Vault) freshen(ctx context.Context, t target, s Stored, version int64) (*Credential, error) {
	now := v.clock()
	t.stale = s.Secret
	if t.spends && s.Refresh.Empty() {
		if s.usable(now) {
			return v.credential(ctx, t.d, s, version)
		}
		return nil, because(ErrNeedsConsent, "the access token ended at %s and there is no refresh token: %s",
			s.Expires.UTC().Format(time.RFC3339), consent(t.d))
	}
	if s.good(now) && v.renewAhead(t, s) {
		return v.credentialOf(ctx, t, s, version)
	}
	if s.usable(now) && v.attempts.resting(t.name, restFor, now) {
		return v.credentialOf(ctx, t, s, version)
	}
	waiting := ctx
	if s.usable(now) {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	c, err := v.refresh(waiting, t, false)
	if err != nil && ctx.Err() == nil && s.usable(v.clock()) {
		if away := v.reach(); away != nil {
			return nil, away
		}
		v.log.Warn("an access token could not be refreshed and is used to its end", "credential", t.d.ID, "expires", s.Expires, "error", err)
		return v.credentialOf(ctx, t, s, version)
	}
	return c, err
}

// refresh replaces the stale token, or takes what another goroutine or process
// has already put in its place.
//
// The work is done once for all who ask at the same time, and apart from their
// contexts: once a token endpoint has been asked, a refresh token that is good
// for one use may be spent, and what comes back must be kept even if nobody
// waits for it any more.
func (v *Vault) refresh(ctx context.Context, t target, forced bool) (*Credential, error) {
	done := v.flights.DoChan(t.name+"@"+fingerprint(t.stale.Reveal()), func() (any, error) {
		v.refreshes.RLock()
		defer v.refreshes.RUnlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightFor)
		defer cancel()
		return v.refreshAlone(ctx, t, forced)
	})
	select {
	case <-ctx.Done():
		if err := v.reach(); err != nil {
			return nil, err
		}
		return nil, because(ErrUnavailable, "refreshing the access token took too long: %w", ctx.Err())
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		got := r.Val.(renewal)
		return v.credentialOf(ctx, t, got.stored, got.version)
	}
}

// refreshAlone is the refresh of one process, which takes turns with the others
// by a lease and looks again when its turn has come.
func (v *Vault) refreshAlone(ctx context.Context, t target, forced bool) (renewal, error) {
	release, err := v.slot(ctx, t.d.Service)
	if err != nil {
		return renewal{}, err
	}
	defer release()
	lease, got, err := v.turn(ctx, t)
	if err != nil || lease == nil {
		return got, err
	}
	defer func() { letGo(ctx, lease) }()
	defer v.extend(ctx, lease)()
	s, version, err := v.current(ctx, t)
	switch {
	case err != nil:
		return renewal{}, err
	case s.replaces(t.stale) && s.usable(v.clock()):
		return renewal{s, version}, nil
	}
	if err := v.hopeless(t, s); err != nil {
		return renewal{}, err
	}
	if forced && !v.attempts.allow(t.name, v.clock()) {
		return renewal{}, turnedAway{invalid("%s has refused %d fresh access tokens within a minute: see whether the app is installed and allowed there", t.d.Service, maxForced)}
	}
	return v.renew(ctx, t, s, version, lease)
}

// turn waits for the lease, or for the result of who holds it: then the lease is
// nil.
func (v *Vault) turn(ctx context.Context, t target) (store.Lease, renewal, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed, forget := v.changes.of(t.name)
	defer forget()
	type answer struct {
		lease store.Lease
		err   error
	}
	asked := make(chan answer, 1)
	go func() {
		lease, err := v.store.Lease(ctx, "refresh/"+t.name, leaseFor)
		asked <- answer{lease, err}
	}()
	for {
		select {
		case a := <-asked:
			switch {
			case a.err == nil:
				return a.lease, renewal{}, nil
			case errors.Is(a.err, store.ErrUnavailable):
				return nil, renewal{}, of(t.name, a.err)
			}
			return nil, renewal{}, because(ErrUnavailable, "another process has been refreshing %s for too long: %w", t.d.ID, a.err)
		case <-changed:
			s, version, err := v.current(ctx, t)
			if err != nil || !s.replaces(t.stale) || !s.usable(v.clock()) {
				continue
			}
			cancel()
			if a := <-asked; a.err == nil { // it came at the same moment
				letGo(ctx, a.lease)
			}
			return nil, renewal{s, version}, nil
		}
	}
}

// current is the record as it stands; for a token that was never obtained, none.
func (v *Vault) current(ctx context.Context, t target) (Stored, int64, error) {
	s, version, err := v.read(ctx, t.name)
	switch {
	case err == nil && s.State == StateRevoked:
		return s, version, revoked(t.d, t.name, s)
	case !t.spends && errors.Is(err, store.ErrNotFound), !t.spends && errors.Is(err, ErrSealed):
		return Stored{}, version, nil // it is no loss: another can be had
	case err != nil:
		return s, version, missing(t.d, t.name, err)
	case !t.spends && s.Basis != t.basis:
		s.Secret = Secret{} // it was obtained with another secret, or by another config
	}
	return s, version, nil
}

// hopeless says why it makes no sense to ask, for what was found out a while ago.
func (v *Vault) hopeless(t target, s Stored) error {
	now := v.clock()
	switch {
	case s.Basis != t.basis: // it was found out with another secret
	case s.State == StateNeedsConsent:
		return because(ErrNeedsConsent, "%s: %s", s.Reason, consent(t.d))
	case s.State == StateBroken && now.Sub(s.Failed) < rest(t.d.Type) && !s.Failed.Before(v.configured.Load().Truncate(time.Millisecond)):
		return invalid("%s", s.Reason)
	case v.attempts.resting(t.name, pauseFor, now):
		return because(ErrUnavailable, "the token endpoint of %s did not answer a moment ago", t.d.Service)
	}
	return nil
}

// letGo releases a lease even where the context has ended. If that fails, the
// lease ends by itself.
func letGo(ctx context.Context, lease store.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = lease.Release(ctx)
}

// extend keeps the lease alive until the function that it returns is called. A
// lease that is lost meanwhile shows when something is written under it.
func (v *Vault) extend(ctx context.Context, lease store.Lease) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(extendEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = lease.Extend(ctx, leaseFor)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// fingerprint tells texts apart without showing them.
func fingerprint(text string) string {
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%x", sum[:8])
}
