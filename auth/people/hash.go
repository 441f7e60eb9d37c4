package people

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"golang.org/x/crypto/argon2"
)

// The second recommended option of RFC 9106, section 4: 64 MiB for some 0.1 s.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	argonSalt    = 16
	argonHash    = 32
)

var ours = cost{argonMemory, argonTime, argonThreads}

// Limits on hashes that we did not make.
const (
	minMemory  = 8 << 10 // KiB
	maxMemory  = 1 << 20 // KiB
	maxTime    = 16
	maxThreads = 16
	maxWork    = 4 << 20 // KiB, memory times passes: some seconds
	maxPHC     = 256     // bytes
)

// cost is the parameters of argon2id.
type cost struct {
	memory, time uint32 // KiB, passes
	threads      uint8
}

func (c cost) compare(d cost) int {
	return cmp.Or(cmp.Compare(c.memory, d.memory), cmp.Compare(c.time, d.time), cmp.Compare(c.threads, d.threads))
}

// hash is a PHC string of argon2id, taken apart.
type hash struct {
	cost
	salt, sum []byte
}

var phcForm = regexp.MustCompile(`^\$argon2id\$v=19\$m=([0-9]{1,10}),t=([0-9]{1,10}),p=([0-9]{1,10})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$`)

// parseHash takes a PHC string apart. No error of it holds the string.
func parseHash(text string) (hash, error) {
	if len(text) > maxPHC {
		return hash{}, fmt.Errorf("it has more than %d bytes, so it is no hash of argon2id: make one with 'toolvault person hash'", maxPHC)
	}
	m := phcForm.FindStringSubmatch(text)
	if m == nil {
		return hash{}, errors.New("it has to be a hash of argon2id, version 19, as $argon2id$v=19$m=65536,t=3,p=4$SALT$HASH: make one with 'toolvault person hash'")
	}
	memory, time, threads := number(m[1]), number(m[2]), number(m[3])
	switch {
	case memory < minMemory || memory > maxMemory:
		return hash{}, fmt.Errorf("its memory is m=%s KiB: use %d (8 MiB) to %d (1 GiB)", m[1], minMemory, maxMemory)
	case time < 1 || time > maxTime:
		return hash{}, fmt.Errorf("its number of passes is t=%s: use 1 to %d", m[2], maxTime)
	case threads < 1 || threads > maxThreads:
		return hash{}, fmt.Errorf("its parallelism is p=%s: use 1 to %d", m[3], maxThreads)
	case memory*time > maxWork:
		return hash{}, fmt.Errorf("with m=%s and t=%s each sign-in would take many seconds: m times t has to be %d at most", m[1], m[2], maxWork)
	}
	h := hash{cost: cost{uint32(memory), uint32(time), uint8(threads)}}
	var err error
	if h.salt, err = base64.RawStdEncoding.Strict().DecodeString(m[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return hash{}, errors.New("its salt has to be 8 to 64 bytes in base64 without '='")
	}
	if h.sum, err = base64.RawStdEncoding.Strict().DecodeString(m[5]); err != nil || len(h.sum) < 16 || len(h.sum) > 64 {
		return hash{}, errors.New("what is behind its salt has to be 16 to 64 bytes in base64 without '='")
	}
	return h, nil
}

// number is at most ten digits, or more than any limit.
func number(digits string) uint64 {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return math.MaxUint32
	}
	return n
}

// CheckHash refuses what is no hash of argon2id in PHC form
// ($argon2id$v=19$m=…,t=…,p=…$SALT$HASH), or one that costs too little or too much:
// 8 MiB to 1 GiB of memory, 1 to 16 passes, 1 to 16 threads, and 4 GiB at most of
// memory times passes. What it says never holds the hash.
func CheckHash(phc string) error {
	_, err := parseHash(phc)
	return err
}

// Hash makes the hash of a password for the config, if CheckPassword allows it.
// It takes 64 MiB and some 0.1 s.
func Hash(password []byte) (phc string, err error) {
	if err := CheckPassword("", password); err != nil {
		return "", err
	}
	salt := newSalt()
	return encodeHash(salt, argon2.IDKey(password, salt, argonTime, argonMemory, argonThreads, argonHash)), nil
}

func newSalt() []byte {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program first
	return salt
}

// encodeHash is the PHC string of a hash with our parameters.
func encodeHash(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}
