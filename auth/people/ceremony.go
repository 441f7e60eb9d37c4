package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"toolvault/vault/store"
	rates "toolvault/vault/store/bucket"
)

const (
	ceremonyPrefix = "passkey-ceremony/"
	handlePrefix   = "passkey-handle/"
	ceremonyCookie = "passkey"
	ceremonySize   = 32 // bytes of randomness
)

// ceremony is what lies sealed under passkey-ceremony/<hash of what the browser
// has>, from the challenge until its answer.
type ceremony struct {
	Person  string               `json:"person,omitempty"`  // who adds a passkey; "" for a sign-in
	Session string               `json:"session,omitempty"` // where the session lies in which they do
	Invite  string               `json:"invite,omitempty"`  // or the invitation by which
	Data    webauthn.SessionData `json:"data"`
	Expires time.Time            `json:"expires"`
}

// errStale refuses an answer to a challenge that this browser was not given, or
// that was answered before, or too late.
var errStale = errors.New("the challenge is not one of this browser's, was used before, or is too old")

// begins is how often one address may ask for a challenge: each is a record.
func begins() rates.Rate { return rates.Rate{Burst: 60, Every: time.Second} }

// mayBegin reports whether a request may ask for a challenge, or how long it has to
// wait.
func (p *People) mayBegin(r *http.Request) error {
	got, wait, err := p.Store.Spend(r.Context(), "passkey/"+byAddress(client(r)).key, begins(), 1, 0)
	switch {
	case err != nil:
		return err
	case got == 0:
		return &tooSoonError{max(wait, time.Second)}
	}
	return nil
}

// beginCeremony keeps a challenge for this browser.
func (p *People) beginCeremony(w http.ResponseWriter, r *http.Request, c ceremony) error {
	id := make([]byte, ceremonySize)
	_, _ = rand.Read(id) // never fails: crypto/rand ends the program first
	c.Expires = p.Now().UTC().Add(ceremonyLength)
	if err := p.put(r.Context(), hashedKey(ceremonyPrefix, id), 1, c); err != nil {
		return fmt.Errorf("the challenge could not be stored: %w", err)
	}
	http.SetCookie(w, p.pages.Cookie(ceremonyCookie, base64.RawURLEncoding.EncodeToString(id), int(ceremonyLength/time.Second)))
	return nil
}

// takeCeremony takes the challenge of this browser out of the store: of many who
// answer it, at whatever process, one gets it.
func (p *People) takeCeremony(w http.ResponseWriter, r *http.Request) (c ceremony, err error) {
	id, err := base64.RawURLEncoding.Strict().DecodeString(p.pages.CookieValue(r, ceremonyCookie))
	if err != nil || len(id) != ceremonySize {
		return ceremony{}, errStale
	}
	http.SetCookie(w, p.pages.Cookie(ceremonyCookie, "", -1))
	ctx, key := r.Context(), hashedKey(ceremonyPrefix, id)
	version, err := p.get(ctx, key, &c)
	if err == nil {
		err = p.Store.Forget(ctx, key, version)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		return ceremony{}, errStale
	case err != nil:
		return ceremony{}, fmt.Errorf("the challenge could not be taken: %w", err)
	case !p.Now().Before(c.Expires):
		return ceremony{}, errStale
	}
	return c, nil
}

func hashedKey(prefix string, secret []byte) string {
	sum := sha256.Sum256(secret)
	return prefix + hex.EncodeToString(sum[:])
}

// handle is what lies sealed under passkey-handle/<hash of a handle>.
type handle struct {
	Person string `json:"person"`
}

// byHandle is the person whom an authenticator knows by a handle; an empty record
// if that is nobody.
func (p *People) byHandle(ctx context.Context, id []byte) (record, error) {
	var h handle
	_, err := p.get(ctx, hashedKey(handlePrefix, id), &h)
	if errors.Is(err, store.ErrNotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("a passkey's owner could not be looked up: %w", err)
	}
	rec, _, err := p.load(ctx, h.Person)
	if errors.Is(err, ErrUnknown) {
		return record{}, nil
	}
	return rec, err
}

// forgetIndexes removes what led to somebody who was removed. What stays of it, if
// the store fails, leads nowhere.
func (p *People) forgetIndexes(ctx context.Context, was record, subjectVersion int64) {
	if was.Subject != "" && subjectVersion > 0 {
		_ = p.Store.Delete(ctx, subjectKey(was.Issuer, was.Subject), subjectVersion)
	}
	for _, k := range []keyring{was.Keys, was.DeclaredKeys} {
		if len(k.Handle) == 0 {
			continue
		}
		key := hashedKey(handlePrefix, k.Handle)
		if item, err := p.Store.Get(ctx, key); err == nil {
			_ = p.Store.Forget(ctx, key, item.Version)
		}
	}
}
