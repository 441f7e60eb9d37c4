package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
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

// The second recommended option of RFC 9106, section 4: 64 MiB for some 0.1 s.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	argonSalt    = 16
	argonHash    = 32
)

const (
	hashesAtOnce = 2
	hashingWait  = 10 * time.Second
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
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program first
	sum, err := p.compute(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return phc(salt, sum), nil
}

// compute runs argon2id once it may.
func (p *People) compute(ctx context.Context, password, salt []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, hashingWait)
	defer cancel()
	select {
	case p.hashing <- struct{}{}:
	case <-ctx.Done():
		return nil, errBusy
	}
	defer func() { <-p.hashing }()
	sum := p.argon(password, salt, argonTime, argonMemory, argonThreads, argonHash)
	// The program lets its heap grow far between collections, and each computation
	// leaves 64 MiB behind: without this a minute of guessing takes 800 MB.
	runtime.GC()
	return sum, nil
}

// matches holds a password against a hash. It computes once, whatever it is given:
// without a hash (nobody has that name) or with a password that cannot be right,
// the answer takes as long and is no.
func (p *People) matches(ctx context.Context, hash string, password []byte) (bool, error) {
	salt, want, ok := parsePHC(hash)
	if !ok {
		salt, want = make([]byte, argonSalt), make([]byte, argonHash)
	}
	if len(password) > MaxPassword {
		password, ok = password[:MaxPassword], false
	}
	got, err := p.compute(ctx, password, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && ok, nil
}

// phcPrefix is how a hash begins as a PHC string, in the only form that there is
// yet: other parameters would come with another prefix.
const phcPrefix = "$argon2id$v=19$m=65536,t=3,p=4$"

func phc(salt, sum []byte) string {
	return phcPrefix + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(sum)
}

func parsePHC(text string) (salt, sum []byte, ok bool) {
	text, ok = strings.CutPrefix(text, phcPrefix)
	if !ok {
		return nil, nil, false
	}
	first, second, ok := strings.Cut(text, "$")
	salt, err := base64.RawStdEncoding.Strict().DecodeString(first)
	if err != nil || len(salt) != argonSalt {
		return nil, nil, false
	}
	sum, err = base64.RawStdEncoding.Strict().DecodeString(second)
	return salt, sum, ok && err == nil && len(sum) == argonHash
}
