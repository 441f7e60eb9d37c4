package auth

import (
	"fmt"
	"time"
)

// Source is an access token for which another was exchanged (RFC 8693). It is named in
// the one that was given, so that whoever voids it, or all that its client has, voids
// what came from it too (RFC 7009 section 2.1).
type Source struct {
	Token  string `json:"jti"`
	Client string `json:"client"` // hash of the client id, which may be long
}

// MaxSources bounds how often a token can be exchanged anew, or narrowed.
const MaxSources = 8

// Sources are those of a token that is given in exchange for one of this identity's:
// from the nearest to the first.
func (id Identity) Sources() []Source {
	return append([]Source{{id.TokenID, hashedName("", id.Client)}}, id.From...)
}

func checkSources(all []Source) error {
	if len(all) > MaxSources {
		return fmt.Errorf("a token was exchanged %d times, and %d is the most: begin with a new one", len(all), MaxSources)
	}
	for _, s := range all {
		if _, ok := issued(s.Token); !ok {
			return fmt.Errorf("%q is not the id of a token that could have been exchanged", clip(s.Token, 80))
		}
	}
	return nil
}

// inherited is a name of Tokens.revoked that voids a token from its sources on.
type inherited struct {
	name string
	at   time.Time // when the source was issued; zero: whenever
}

// inheritedFrom are those of a token for a user. What a source had, it has from the
// time of the source: an exchange that falls into the second in which a revocation is
// not yet known everywhere does not outlive it. The user is the same all the way.
func inheritedFrom(all []Source, user string) (names []inherited) {
	for i, s := range all {
		at, _ := issued(s.Token)
		names = append(names, inherited{name: s.Token}, inherited{revokedClient + s.Client, at})
		if i == len(all)-1 && user != "" {
			names = append(names, inherited{hashedName(revokedUser, user), at})
		}
	}
	return names
}
