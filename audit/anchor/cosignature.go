package anchor

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Types of keys and signatures (c2sp.org/signed-note, "Signature types").
const (
	typeEd25519  = 0x01 // a log's signature, which has no time
	typeCosigned = 0x04 // cosignature/v1
	typeMLDSA    = 0x06 // subtree/v1
)

// ErrNotCosigned is returned for a note that a witness has not signed.
var ErrNotCosigned = errors.New("checkpoint is not cosigned by the witness")

// Cosigned checks that a witness has cosigned a checkpoint, and returns when it
// did: at that time the checkpoint was the largest tree that it had seen of the
// log. witnessKey is the witness's verifier key, "name+hash+base64" of type 0x04
// (c2sp.org/tlog-cosignature). The errors: ErrNotCosigned where no signature is
// by that key, one that says so where the signature is forged, and those of a
// note or a key that is malformed. Signatures by other keys are not looked at,
// not even the log's.
func Cosigned(msg []byte, witnessKey string) (time.Time, error) {
	v, err := parseWitnessKey(witnessKey)
	if err != nil {
		return time.Time{}, err
	}
	at, _, err := v.open(msg)
	return at, err
}

// CheckKey reports whether a text is the verifier key of a witness that Cosigned
// and NewWitness take.
func CheckKey(witnessKey string) error {
	_, err := parseWitnessKey(witnessKey)
	return err
}

// witnessKey is the public key of a witness.
type witnessKey struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// parseWitnessKey reads a verifier key (c2sp.org/signed-note, "Verifier keys").
func parseWitnessKey(text string) (*witnessKey, error) {
	bad := errors.New("the witness's key is not of the form name+hash+base64: copy it from the witness")
	name, rest, _ := strings.Cut(strings.TrimSpace(text), "+")
	hex, encoded, _ := strings.Cut(rest, "+")
	hash, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 8 || !validName(name) {
		return nil, bad
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) < 2 {
		return nil, bad
	}
	if uint32(hash) != keyHash(name, key) {
		return nil, errors.New("the witness's key does not fit its hash: it was not copied whole, or changed")
	}
	switch key[0] {
	case typeCosigned:
	case typeMLDSA:
		return nil, errors.New("the witness's key is for ML-DSA-44, which this program cannot check: use the witness's Ed25519 key (type 4)")
	case typeEd25519:
		return nil, errors.New("this is the key of a log, not of a witness: a witness's key is of type 4, cosignature/v1")
	default:
		return nil, fmt.Errorf("the witness's key is of the type %d, and only type 4, Ed25519 cosignature/v1, can be checked", key[0])
	}
	if len(key) != 1+ed25519.PublicKeySize {
		return nil, bad
	}
	return &witnessKey{name, uint32(hash), key[1:]}, nil
}

func validName(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsSpace) && !strings.Contains(s, "+")
}

func keyHash(name string, key []byte) uint32 {
	h := sha256.New()
	_, _ = h.Write([]byte(name + "\n"))
	_, _ = h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// Name, KeyHash and Verify make it a note.Verifier.
func (k *witnessKey) Name() string    { return k.name }
func (k *witnessKey) KeyHash() uint32 { return k.hash }

// Verify checks a timestamped signature. The message must be a checkpoint: the
// key signs nothing else.
func (k *witnessKey) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	if at == 0 || at > math.MaxInt64 {
		return false
	}
	if _, _, _, err := parseText(string(msg)); err != nil {
		return false
	}
	return ed25519.Verify(k.key, cosignedMessage(at, msg), sig[8:])
}

func cosignedMessage(at uint64, text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
}

// open verifies a note and returns the time and the line of the cosignature.
func (k *witnessKey) open(msg []byte) (time.Time, []byte, error) {
	c, err := Parse(msg)
	if err != nil {
		return time.Time{}, nil, err
	}
	n, err := note.Open(msg, note.VerifierList(k))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return time.Time{}, nil, fmt.Errorf("%w %s", ErrNotCosigned, k.name)
	case errors.As(err, &invalid):
		return time.Time{}, nil, fmt.Errorf("the cosignature of the witness %s is forged", k.name)
	case err != nil:
		return time.Time{}, nil, errNoNote
	case n.Text != string(c.Text()):
		return time.Time{}, nil, errNoNote
	}
	s := n.Sigs[0] // by the only key that is known
	sig, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(sig) < 12 {
		return time.Time{}, nil, errNoNote
	}
	return time.Unix(int64(binary.BigEndian.Uint64(sig[4:])), 0), signatureLine(s), nil
}

func signatureLine(s note.Signature) []byte {
	return []byte("— " + s.Name + " " + s.Base64 + "\n")
}
