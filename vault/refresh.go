package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toolvault/vault/store"
)

const (
	patience    = 2 * time.Second  // of a call whose access token is still good
	exchangeFor = 15 * time.Second // the request to the token endpoint
	flightFor   = 30 * time.Second // a whole refresh, with waiting for others
	leaseFor    = 45 * time.Second // longer than a flight, so that it is not lost under way
)

// renewal is what a refresh ends in: the record as it now stands.
type renewal struct {
	stored  Stored
	version int64
}

// freshen refreshes an access token that has ended or is about to. While it is
// still good, a failure to refresh is no failure of the call.
func (v *Vault) freshen(ctx context.Context, d Declaration, name string, s Stored, version int64) (*Credential, error) {
	now := v.now()
	if s.Refresh.Empty() {
		if s.usable(now) {
			return v.credential(d, s, version)
		}
		return nil, because(ErrNeedsConsent, "the access token ended at %s and there is no refresh token: %s",
			s.Expires.UTC().Format(time.RFC3339), putGrant(name))
	}
	if s.usable(now) && v.attempts.resting(name, version, now) {
		return v.credential(d, s, version)
	}
	waiting := ctx
	if s.usable(now) {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	c, err := v.refresh(waiting, d, name, version, false)
	if err != nil && ctx.Err() == nil && s.usable(v.now()) {
		if away := v.reach(); away != nil {
			return nil, away
		}
		v.log.Warn("an access token could not be refreshed and is used to its end", "credential", d.ID, "expires", s.Expires, "error", err)
		return v.credential(d, s, version)
	}
	return c, err
}

// refresh replaces the access token of a record that stands at version, or
// takes what another goroutine or process has already put in its place.
//
// The work is done once for all who ask at the same time, and apart from their
// contexts: once a token endpoint has been asked, a refresh token that is good
// for one use may be spent, and what comes back must be kept even if nobody
// waits for it any more.
func (v *Vault) refresh(ctx context.Context, d Declaration, name string, version int64, forced bool) (*Credential, error) {
	done := v.flights.DoChan(fmt.Sprintf("%s@%d", name, version), func() (any, error) {
		v.refreshes.RLock()
		defer v.refreshes.RUnlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightFor)
		defer cancel()
		return v.refreshAlone(ctx, d, name, version, forced)
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
		return v.credential(d, got.stored, got.version)
	}
}

// refreshAlone is the refresh of one process, which takes turns with the others
// by a lease and looks again when its turn has come.
func (v *Vault) refreshAlone(ctx context.Context, d Declaration, name string, version int64, forced bool) (renewal, error) {
	lease, err := v.store.Lease(ctx, "refresh/"+name, leaseFor)
	switch {
	case err == nil:
	case errors.Is(err, store.ErrUnavailable):
		return renewal{}, of(name, err)
	default:
		return renewal{}, because(ErrUnavailable, "another process has been refreshing vault:%s for too long: %w", name, err)
	}
	defer func() { letGo(ctx, lease) }()
	s, now, err := v.read(ctx, name)
	if err != nil {
		return renewal{}, missing(d, name, err)
	}
	if now > version && s.usable(v.now()) {
		return renewal{s, now}, nil
	}
	app, ok := v.config.Load().apps[d.Service]
	switch {
	case s.Refresh.Empty():
		return renewal{}, because(ErrNeedsConsent, "there is no refresh token any more: %s", putGrant(name))
	case !ok || app.ClientID == "" || app.TokenURL == "":
		return renewal{}, invalid("to refresh it an OAuth app is needed: set services.%s.oauth in the config", d.Service)
	}
	if err := v.attempts.dead(name, now, v.now()); err != nil {
		return renewal{}, err
	}
	if forced && !v.attempts.allow(name, v.now()) {
		return renewal{}, invalid("%s has refused %d fresh access tokens within a minute: see whether the app is installed and allowed there", d.Service, maxForced)
	}
	return v.spend(ctx, d, name, app, s, now, lease)
}

// letGo releases a lease even where the context has ended. If that fails, the
// lease ends by itself.
func letGo(ctx context.Context, lease store.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = lease.Release(ctx)
}

// spend uses the refresh token and stores what it brings before anybody uses it.
func (v *Vault) spend(ctx context.Context, d Declaration, name string, app App, s Stored, version int64, lease store.Lease) (renewal, error) {
	start := time.Now()
	asking, cancel := context.WithTimeout(ctx, exchangeFor)
	defer cancel()
	next, err := v.exchange(asking, d.Service, app, s)
	var got renewal
	if err == nil {
		got, err = v.keep(ctx, d, name, next, version, lease)
	} else if errors.Is(err, ErrNeedsConsent) {
		// A person may have connected again, or an admin put in a new token,
		// while the old one was being refused.
		if s, now, rerr := v.read(ctx, name); rerr == nil && now > version && s.usable(v.now()) {
			return renewal{s, now}, nil
		}
		err = fmt.Errorf("%w: %s", err, putGrant(name))
		v.attempts.failedAt(name, version, v.now(), err)
	} else {
		v.attempts.failedAt(name, version, v.now(), nil)
	}
	event := Event{
		Kind: EventRefreshed, ID: d.ID, Owner: d.Owner, Service: d.Service,
		Version: got.version, Expires: got.stored.Expires, Elapsed: time.Since(start),
	}
	if err != nil {
		event.Kind, event.Version, event.Err = EventRefreshFailed, version, err
	}
	v.observe(event)
	return got, err
}

// keep stores a new token durably. The old refresh token may be spent, so a
// store that does not answer is asked again until the time is up, and a lease
// that was lost on the way (the process was stopped, or the disk slow) is taken
// again, as long as nobody has written meanwhile.
func (v *Vault) keep(ctx context.Context, d Declaration, name string, next Stored, version int64, lease store.Lease) (renewal, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := v.write(ctx, name, next, version+1, lease)
		switch {
		case err == nil:
			return renewal{next, version + 1}, nil
		case errors.Is(err, store.ErrConflict):
			// Somebody put in or removed a credential by hand: that one counts.
			s, now, err := v.read(ctx, name)
			if err != nil {
				return renewal{}, missing(d, name, err)
			}
			return renewal{s, now}, nil
		case errors.Is(err, store.ErrLeaseLost):
			var again store.Lease
			if again, err = v.store.Lease(ctx, "refresh/"+name, leaseFor); err == nil {
				defer letGo(ctx, again)
				lease = again
				continue
			}
		}
		select {
		case <-ctx.Done():
			v.log.Error("a refreshed token could not be stored and is lost; a person may have to consent again", "credential", name, "error", err)
			return renewal{}, because(store.ErrUnavailable, "the refreshed token could not be stored: %w", err)
		case <-time.After(wait):
		}
	}
}
