package people

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// Limits on a password, in bytes.
const (
	MinPassword = 8
	MaxPassword = 256
)

const (
	hashesAtOnce = 2 // of 64 MiB; one that takes more runs alone
	hashingWait  = 10 * time.Second
	maxCosts     = 3 // sets of parameters that are in use at the same time
)

// errBusy is returned when no computation could begin in time.
var errBusy = errors.New("too many passwords are being checked: try again in a moment")

// CheckPassword refuses a password that is too short, too long, the name itself,
// or one of those that everybody tries first. What it says never holds it.
func CheckPassword(name string, password []byte) error {
	text := strings.ToLower(string(password))
	switch {
	case len(password) < MinPassword || len(password) > MaxPassword:
		return fmt.Errorf("a password has %d to %d bytes: choose another", MinPassword, MaxPassword)
	case text == fold(name):
		return errors.New("the password is the name: choose another")
	case isCommon(text):
		return errors.New("the password is one of those that are tried first: choose another, such as four words that do not belong together")
	}
	return nil
}

func (p *People) newPassword(ctx context.Context, name string, password []byte) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	if err := CheckPassword(name, password); err != nil {
		return "", err
	}
	salt := newSalt()
	sum, err := p.compute(ctx, password, hash{ours, salt, make([]byte, argonHash)})
	if err != nil {
		return "", err
	}
	return encodeHash(salt, sum), nil
}

// compute runs argon2id once it may, with the parameters, salt and length of h.
func (p *People) compute(ctx context.Context, password []byte, h hash) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, hashingWait)
	defer cancel()
	weight := int64(1)
	if h.memory > argonMemory {
		weight = hashesAtOnce
	}
	if p.hashing.Acquire(ctx, weight) != nil {
		return nil, errBusy
	}
	defer p.hashing.Release(weight)
	sum := p.argon(password, h.salt, h.time, h.memory, h.threads, uint32(len(h.sum)))
	// The program lets its heap grow far between collections, and each computation
	// leaves 64 MiB behind: without this a minute of guessing takes 800 MB.
	runtime.GC()
	return sum, nil
}

// matches holds a password against a hash. It computes once for each set of
// parameters that is in use (one, unless the config brings others), whatever it is
// given: without a hash (nobody has that name) or with a password that cannot be
// right, the answer takes as long and is no.
func (p *People) matches(ctx context.Context, phc string, password []byte) (bool, error) {
	want, err := parseHash(phc)
	right := err == nil
	if len(password) > MaxPassword {
		password, right = password[:MaxPassword], false
	}
	costs, equal, done := p.declared.Load().costs, 0, false
	for _, c := range costs {
		h := hash{c, make([]byte, argonSalt), make([]byte, argonHash)}
		if right && c == want.cost {
			h, done = want, true
		}
		got, err := p.compute(ctx, password, h)
		if err != nil {
			return false, err
		}
		equal |= subtle.ConstantTimeCompare(got, h.sum)
	}
	return equal == 1 && done, nil
}
