package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"toolvault/audit"
	"toolvault/vault/store"
)

// errNoAnswer is what an error is besides where nobody knows what became of a
// request to a token endpoint: what it would have spent may be spent.
var errNoAnswer = errors.New("it is not known whether the request was carried out")

// unanswered makes an error one of errNoAnswer.
type unanswered struct{ error }

func (u unanswered) Is(target error) bool { return target == errNoAnswer }
func (u unanswered) Unwrap() error        { return u.error }

// renew asks for the next token under the lease and stores it before anybody uses
// it. What was found out about a failure goes on record too.
func (v *Vault) renew(ctx context.Context, t target, s Stored, version int64, lease store.Lease) (renewal, error) {
	start := time.Now()
	interrupted := s.Attempt // by a process that died, or an answer that never came
	if t.spends {
		s.Attempt = v.clock().UTC()
		if err := v.write(ctx, t.name, s, version+1, lease); err != nil {
			return renewal{}, err
		}
		version++
	}
	asking, cancel := context.WithTimeout(ctx, exchangeFor)
	next, err := t.next(asking, s)
	cancel()
	if err != nil {
		got, err := v.failed(ctx, t, s, version, interrupted, err, lease)
		if err != nil {
			v.observe(Event{Kind: EventRefreshFailed, ID: t.d.ID, Owner: t.d.Owner, Service: t.d.Service, Type: t.d.Type, Version: version, Elapsed: time.Since(start), Err: err, Call: audit.CallOf(ctx)})
		}
		return got, err
	}
	was := s.State
	next.State, next.Reason, next.Attempt = StateOK, "", time.Time{}
	done := v.clock().UTC() // not when the token was issued: one that is narrowed leaves the token on record as it was
	next.Refreshed, next.Updated = done, done
	got, err := v.keep(ctx, t, s, next, version, lease)
	v.attempts.worked(t.name)
	event := Event{
		Kind: EventRefreshed, ID: t.d.ID, Owner: t.d.Owner, Service: t.d.Service, Type: t.d.Type,
		Version: got.version, Expires: got.stored.Expires, Elapsed: time.Since(start), Call: audit.CallOf(ctx),
	}
	if err != nil {
		event.Kind, event.Version, event.Err = EventRefreshFailed, version, err
	}
	v.observe(event)
	if err == nil && was.Bad() {
		v.changed(ctx, t.d, got.version, StateOK, "it could be refreshed again")
	}
	if err == nil {
		v.renewAhead(t, got.stored)
	}
	return got, err
}

// keep stores a new token durably. What it was had for may be spent, so a store
// that does not answer is asked again until the time is up, and a lease that was
// lost on the way (the process was stopped, or the disk slow) is taken again.
//
// If somebody has written meanwhile, it depends on what: a new grant that a person
// gave or an admin put in counts more than ours; whatever else another process has
// noted about the token that we have spent, counts less.
func (v *Vault) keep(ctx context.Context, t target, old, next Stored, version int64, lease store.Lease) (renewal, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := v.write(ctx, t.name, next, version+1, lease)
		switch {
		case err == nil:
			return renewal{next, version + 1}, nil
		case errors.Is(err, store.ErrConflict):
			s, now, rerr := v.current(ctx, t)
			switch {
			case rerr != nil && errors.Is(rerr, store.ErrUnavailable):
				err = rerr
			case rerr != nil && s.State == StateRevoked && t.spends:
				v.tell(ctx, t.d.Service, next) // it was revoked meanwhile: nobody is to have this one either
				return renewal{}, rerr
			case rerr != nil:
				return renewal{}, rerr
			case s.Refresh.same(old.Refresh) && s.Secret.same(old.Secret):
				version = now
				continue
			default:
				return renewal{s, now}, nil
			}
		case errors.Is(err, store.ErrLeaseLost):
			var again store.Lease
			if again, err = v.store.Lease(ctx, "refresh/"+t.name, leaseFor); err == nil {
				defer letGo(ctx, again)
				lease = again
				continue
			}
		}
		select {
		case <-ctx.Done():
			v.log.Error("a refreshed token could not be stored and is lost; a person may have to consent again", "credential", t.name, "error", err)
			return renewal{}, because(store.ErrUnavailable, "the refreshed token could not be stored: %w", err)
		case <-time.After(wait):
		}
	}
}

// failed puts on record why there is no new token, unless another has got one
// meanwhile: a refusal of ours never touches what somebody else has stored.
func (v *Vault) failed(ctx context.Context, t target, s Stored, version int64, interrupted time.Time, err error, lease store.Lease) (renewal, error) {
	now := v.clock().UTC()
	was := s.State
	s.Failed, s.Reason = now, err.Error()
	switch {
	case errors.Is(err, ErrNeedsConsent):
		// A person may have connected again, or another process been quicker
		// than its lease.
		if other, at, rerr := v.read(ctx, t.name); rerr == nil && at > version && other.replaces(t.stale) && other.usable(now) {
			return renewal{other, at}, nil
		}
		s.State, s.Attempt = StateNeedsConsent, time.Time{}
		if !interrupted.IsZero() {
			s.Reason = fmt.Sprintf("%s; a refresh that was begun at %s never ended here, because its process died or the answer was lost, and the new token went with it",
				s.Reason, interrupted.Format(time.RFC3339))
		}
		err = because(ErrNeedsConsent, "%s: %s", s.Reason, consent(t.d))
	case errors.Is(err, ErrInvalid):
		s.State, s.Attempt = StateBroken, time.Time{}
	default:
		v.attempts.failedAt(t.name, now)
		switch {
		case !errors.Is(err, errNoAnswer):
			s.Attempt = interrupted
		case !interrupted.IsZero():
			s.Attempt = interrupted // the older gap explains more
		}
	}
	s.Type, s.Basis = t.d.Type, t.basis
	if s.Created.IsZero() {
		s.Created = now
	}
	if werr := v.write(ctx, t.name, s, version+1, lease); werr != nil {
		v.log.Warn("the state of a credential could not be put on record", "credential", t.d.ID, "error", werr)
		return renewal{}, err
	}
	version++
	if s.State != was && s.State.Bad() {
		v.changed(ctx, t.d, version, s.State, s.Reason)
	}
	return renewal{}, err
}

// changed tells of a state that a credential is in from now on.
func (v *Vault) changed(ctx context.Context, d Declaration, version int64, state State, reason string) {
	level := v.log.Warn
	if !state.Bad() {
		level = v.log.Info
	}
	level("a credential has changed its state", "credential", d.ID, "agent", d.Owner.Agent, "service", d.Service, "state", string(state), "reason", reason)
	v.observe(Event{Kind: EventState, ID: d.ID, Owner: d.Owner, Service: d.Service, Type: d.Type, Version: version, State: state, Reason: reason, Call: audit.CallOf(ctx)})
}
