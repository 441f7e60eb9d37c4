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

	"toolvault/vault/store"
)

const (
	sessionPrefix = "session/"
	sessionCookie = "session"
	sessionSize   = 32 // bytes of randomness

	sessionLength = 12 * time.Hour
	sessionIdle   = time.Hour
	seenEvery     = time.Minute // how often it is written that a session is in use
)

// session is what lies sealed under session/<SHA-256 of what the browser has>.
type session struct {
	Person     string    `json:"person"`
	Generation string    `json:"generation"` // of the person's record, when it began
	Began      time.Time `json:"began"`
	Seen       time.Time `json:"seen"`
	origin
}

// origin is how a session began. It ends with what it began with.
type origin struct {
	How                string `json:"how,omitempty"` // "" before there was more than one way: ByPassword
	Passkey            string `json:"passkey,omitempty"`
	Issuer             string `json:"issuer,omitempty"`
	Provider           string `json:"provider,omitempty"` // where the session of the provider (sid) is remembered
	ProviderGeneration string `json:"provider_generation,omitempty"`
}

func (s session) ended(now time.Time) bool {
	return !now.Before(s.Began.Add(sessionLength)) || !now.Before(s.Seen.Add(sessionIdle))
}

// sessionKey is where the session of this browser lies; "" if it has none.
func (p *People) sessionKey(r *http.Request) string {
	id, err := base64.RawURLEncoding.Strict().DecodeString(p.pages.CookieValue(r, sessionCookie))
	if err != nil || len(id) != sessionSize {
		return ""
	}
	return keyOf(id)
}

func keyOf(id []byte) string {
	sum := sha256.Sum256(id)
	return sessionPrefix + hex.EncodeToString(sum[:])
}

// begin makes a session with a new id. It returns the value for the browser.
func (p *People) begin(ctx context.Context, r record, from origin) (id []byte, err error) {
	id = make([]byte, sessionSize)
	_, _ = rand.Read(id) // never fails: crypto/rand ends the program first
	now := p.Now().UTC()
	err = p.put(ctx, keyOf(id), 1, session{Person: r.Name, Generation: r.Generation, Began: now, Seen: now, origin: from})
	if err != nil {
		return nil, fmt.Errorf("the session could not be stored: %w", err)
	}
	return id, nil
}

func (p *People) findSession(ctx context.Context, key string) (session, int64, error) {
	item, err := p.Store.Get(ctx, key)
	if err != nil {
		return session{}, 0, err
	}
	s, err := p.openSession(item)
	return s, item.Version, err
}

func (p *People) openSession(item store.Item) (s session, err error) {
	return s, p.open(item, &s)
}

// Visitor is the person to whom the session of this browser belongs, if it has a
// good one. It asks the store each time: who was signed out, disabled or removed,
// or has a new password, is nobody at once. While the store cannot be asked,
// everybody is.
func (p *People) Visitor(r *http.Request) (Person, bool) {
	rec, _, ok := p.visitor(r.Context(), p.sessionKey(r))
	return rec.person(), ok
}

func (p *People) visitor(ctx context.Context, key string) (record, session, bool) {
	if key == "" {
		return record{}, session{}, false
	}
	s, version, err := p.findSession(ctx, key)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
			p.Logger.Warn("a session could not be read; its browser is taken for signed out", "error", err)
		}
		return record{}, session{}, false
	}
	now := p.Now().UTC()
	if s.ended(now) {
		return record{}, session{}, false
	}
	rec, _, err := p.load(ctx, s.Person)
	if err != nil {
		if !errors.Is(err, ErrUnknown) && ctx.Err() == nil {
			p.Logger.Warn("a person could not be read; their browser is taken for signed out", "person", s.Person, "error", err)
		}
		return record{}, session{}, false
	}
	if rec.Disabled || rec.Generation != s.Generation || s.Issuer != rec.Issuer || s.Passkey != "" && rec.Keys.find(s.Passkey) < 0 {
		return record{}, session{}, false
	}
	if ended, err := p.providerEnded(ctx, s); ended {
		if err != nil && ctx.Err() == nil {
			p.Logger.Warn("a session of the company's provider could not be read; its browser is taken for signed out", "person", s.Person, "error", err)
		}
		return record{}, session{}, false
	}
	if now.Sub(s.Seen) >= seenEvery {
		s.Seen = now
		// Somebody else who wrote first wrote the same, or ended the session.
		if err := p.put(ctx, key, version+1, s); err != nil && !errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			p.Logger.Warn("that a session is in use could not be written", "error", err)
		}
	}
	return rec, s, true
}

// end removes a session, if it is there.
func (p *People) end(ctx context.Context, key string) error {
	for key != "" {
		item, err := p.Store.Get(ctx, key)
		if err == nil {
			err = p.Store.Forget(ctx, key, item.Version)
		}
		switch {
		case errors.Is(err, store.ErrConflict): // it was seen meanwhile
		case err == nil, errors.Is(err, store.ErrNotFound):
			return nil
		default:
			return fmt.Errorf("the session could not be ended: %w", err)
		}
	}
	return nil
}
