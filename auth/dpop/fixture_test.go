package dpop_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/dpop"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

const (
	target = "https://tools.example.com/mcp"
	token  = "a.bound.token"
)

// sealer is a small working Sealer: AES-256-GCM over name and version.
type sealer struct{ aead cipher.AEAD }

func newSealer(t testing.TB, key byte) sealer {
	t.Helper()
	block, err := aes.NewCipher(slices.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{aead}
}

func bound(name string, version int64) []byte {
	return binary.BigEndian.AppendUint64([]byte(name), uint64(version))
}

func (s sealer) Seal(plain []byte, name string, version int64) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return s.aead.Seal(nonce, nonce, plain, bound(name, version)), nil
}

func (s sealer) Open(sealed []byte, name string, version int64) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("too short")
	}
	return s.aead.Open(nil, sealed[:n], sealed[n:], bound(name, version))
}

// clock is a time in seconds that tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time { return time.Unix(c.now.Load(), 0) }

func (c *clock) Add(d time.Duration) { c.now.Add(int64(d / time.Second)) }

func newClock() *clock {
	c := &clock{}
	c.now.Store(1_800_000_000)
	return c
}

func open(t testing.TB, url string) store.Store {
	t.Helper()
	st, err := store.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func single(t testing.TB) store.Store { return open(t, "file:"+t.TempDir()) }

// onEach runs a test on both kinds of store, each of which can be opened by
// several processes.
func onEach(t *testing.T, f func(t *testing.T, url string)) {
	t.Run("SQLite", func(t *testing.T) { f(t, "file:"+filepath.Join(t.TempDir(), "s.db")) })
	t.Run("Redis", func(t *testing.T) { f(t, storetest.Redis(t)) })
}

func verifier(t testing.TB, st store.Store, c *clock, change ...func(*dpop.Options)) *dpop.Verifier {
	t.Helper()
	o := dpop.Options{Store: st, Sealer: newSealer(t, 1), Now: c.Now}
	for _, f := range change {
		f(&o)
	}
	v, err := dpop.New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func requireNonce(o *dpop.Options) { o.RequireNonce = true }

type m = map[string]any

func ath(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// prove makes a proof; header and claims overwrite what a good one has, and nil
// takes a claim away.
func prove(t testing.TB, key any, alg jose.SignatureAlgorithm, at time.Time, header, claims m) string {
	t.Helper()
	body := m{"jti": rand.Text(), "htm": "POST", "htu": target, "iat": at.Unix(), "ath": ath(token)}
	for k, v := range claims {
		if v == nil {
			delete(body, k)
		} else {
			body[k] = v
		}
	}
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return signed(t, key, alg, header, string(payload))
}

// signed makes a proof of any payload.
func signed(t testing.TB, key any, alg jose.SignatureAlgorithm, header m, payload string) string {
	t.Helper()
	own := jose.JSONWebKey{Key: key}
	o := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", own.Public())
	for k, v := range header {
		o = o.WithHeader(jose.HeaderKey(k), v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rawSigned makes a proof whose header is written by hand, signed with a P-256 key.
func rawSigned(t testing.TB, key *ecdsa.PrivateKey, header, payload string) string {
	t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// refusal is why a proof was refused; empty if it was not.
func refusal(t testing.TB, err error) dpop.Error {
	t.Helper()
	if err == nil {
		return dpop.Error{}
	}
	var e *dpop.Error
	if !errors.As(err, &e) {
		t.Fatalf("not a refusal: %v", err)
	}
	return *e
}

// wants holds an answer of Check against a part of a reason ("": it is good).
func wants(t *testing.T, thumbprint string, err error, want string) {
	t.Helper()
	e := refusal(t, err)
	if (want == "") != (err == nil) || !strings.Contains(e.Reason, want) || (err == nil) != (len(thumbprint) == 43) || (err != nil) != (e.Code == dpop.InvalidProof) {
		t.Errorf("%q %v (%s), want %q", thumbprint, err, e.Code, want)
	}
}
