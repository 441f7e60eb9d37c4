package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolvault/vault/store"
)

const (
	providerPrefix = "provider-session/"
	// providerLength is how long it is remembered who came in a session of the
	// provider: a logout may come long after our own session has ended, when tokens
	// that were issued in it still live.
	providerLength = 30 * 24 * time.Hour
	maxSharing     = 16 // persons in one session of the provider
)

// provider is what lies sealed under provider-session/<hash of issuer and sid>.
type provider struct {
	Persons []string `json:"persons"`
	// Generation is new with each logout. A session of ours is good for the one in
	// which it began.
	Generation string    `json:"generation"`
	Seen       time.Time `json:"seen"`
	Ended      time.Time `json:"ended,omitzero"`
}

func providerKey(issuer, session string) string { return providerPrefix + pairHash(issuer, session) }

// joinProvider remembers that somebody came in a session of the provider.
func (p *People) joinProvider(ctx context.Context, e External, name string) (key, generation string, err error) {
	key = providerKey(e.Issuer, e.Session)
	for {
		var s provider
		version, err := p.get(ctx, key, &s)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", "", fmt.Errorf("the provider's session could not be read: %w", err)
		}
		now := p.Now().UTC()
		if since := now.Sub(s.Ended); since >= 0 && since < justEnded {
			return "", "", ErrJustEnded
		}
		if s.Generation == "" {
			s.Generation = newGeneration()
		}
		if !slices.Contains(s.Persons, name) {
			if len(s.Persons) >= maxSharing {
				return "", "", fmt.Errorf("the provider uses one session id for more than %d people: it has to name none, or one each", maxSharing)
			}
			s.Persons = append(s.Persons, name)
		}
		s.Seen = now
		err = p.put(ctx, key, version+1, s)
		if err == nil {
			return key, s.Generation, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return "", "", fmt.Errorf("the provider's session could not be stored: %w", err)
		}
	}
}

// endProvider ends all sessions that began in one of the provider; known is false
// if there is none such.
func (p *People) endProvider(ctx context.Context, issuer, session string) (persons []string, known bool, err error) {
	key := providerKey(issuer, session)
	for {
		var s provider
		version, err := p.get(ctx, key, &s)
		if errors.Is(err, store.ErrNotFound) {
			return nil, false, nil
		}
		if err == nil {
			s.Generation, s.Ended = newGeneration(), p.Now().UTC()
			err = p.put(ctx, key, version+1, s)
		}
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil:
			return nil, false, fmt.Errorf("the provider's session could not be ended: %w", err)
		}
		for _, name := range s.Persons {
			r, _, err := p.stored(ctx, name)
			if err != nil && !errors.Is(err, ErrUnknown) {
				return nil, false, err
			}
			if r.Origin == FromCompany && r.Issuer == issuer {
				persons = append(persons, r.Name)
			}
		}
		return persons, true, nil
	}
}

// ended reports whether the provider has ended the session in which one of ours
// began.
func (p *People) providerEnded(ctx context.Context, s session) (bool, error) {
	if s.Provider == "" {
		return false, nil
	}
	var at provider
	_, err := p.get(ctx, s.Provider, &at)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return err != nil || at.Generation != s.ProviderGeneration, err
}
