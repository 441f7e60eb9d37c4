package vault

import "time"

// State is what is known of a credential's health. The first four stand on its
// record; the others follow from the record and the time.
type State string

// States of a credential.
const (
	StateOK           State = "ok"
	StateNeedsConsent State = "needs_consent" // a person has to consent again: the service takes the refresh token no more
	StateBroken       State = "broken"        // an admin has to mend something: the OAuth app or the secret is refused
	StateRevoked      State = "revoked"       // taken back here; its secrets are gone

	StateExpiring   State = "expiring"   // it ends soon, and nothing here can renew it
	StateRefreshing State = "refreshing" // a refresh is under way
)

// Bad reports whether calls fail in this state, or soon will.
func (s State) Bad() bool { return s == StateNeedsConsent || s == StateBroken || s == StateRevoked }

const (
	// expiringFor is how long before its end a credential that nothing here can
	// renew counts as expiring.
	expiringFor = 7 * 24 * time.Hour
	// refreshingFor is how long a refresh that is on record, and has not failed, may
	// be under way.
	refreshingFor = time.Minute
)

func (s Stored) state(now time.Time) State {
	switch {
	case s.State != "" && s.State != StateOK:
		return s.State
	case !s.Attempt.IsZero() && s.Failed.Before(s.Attempt) && now.Sub(s.Attempt) < refreshingFor:
		return StateRefreshing
	case !s.Refresh.Empty() || s.Expires.IsZero() || s.Basis != "" || now.Before(s.Expires.Add(-expiringFor)):
		return StateOK
	case now.Before(s.Expires):
		return StateExpiring
	case s.Type == TypeOAuthToken:
		return StateNeedsConsent
	}
	return StateBroken
}

// life is how long the access token lasts from its issue to its end; 0: unknown.
func (s Stored) life() time.Duration {
	issued := s.Issued
	if issued.IsZero() {
		issued = s.Updated
	}
	if s.Expires.IsZero() || issued.IsZero() {
		return 0
	}
	return max(0, s.Expires.Sub(issued))
}

const (
	longestLead   = 10 * time.Minute
	unknownLead   = time.Minute // of a token of which nobody has said how long it lasts
	longestMargin = 10 * time.Second
)

// due is when an access token is to be renewed: in the last quarter of its life,
// ten minutes before its end at the earliest; zero: never. Each record has a time
// of its own within that, so that what was issued together is not renewed together.
func (s Stored) due(name string) time.Time {
	if s.Expires.IsZero() {
		return time.Time{}
	}
	lead := unknownLead
	if life := s.life(); life > 0 {
		lead = min(longestLead, life/4)
	}
	return s.Expires.Add(-lead + time.Duration(float64(lead)*0.3*spread(name)))
}

// fresh reports whether the access token can be used as it is, without a thought
// of renewing it. One whose end is not known is used until the service refuses it.
func (s Stored) fresh(name string, now time.Time) bool {
	return !s.Secret.Empty() && (s.Expires.IsZero() || now.Before(s.due(name)))
}

// good reports whether a request that leaves now will find the access token in
// force when it arrives.
func (s Stored) good(now time.Time) bool {
	margin := longestMargin
	if life := s.life(); life > 0 {
		margin = min(margin, life/10)
	}
	return s.usable(now.Add(margin))
}

// usable reports whether the access token has not ended yet.
func (s Stored) usable(now time.Time) bool {
	return !s.Secret.Empty() && (s.Expires.IsZero() || now.Before(s.Expires))
}

// spread is a number from 0 to 1 that is a name's own (FNV-1a).
func spread(name string) float64 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return float64(h%1024) / 1024
}
