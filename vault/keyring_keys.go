package vault

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"toolvault/vault/store"
)

// KeyID is the id of a key of the keyring. It stands openly in what the key has
// sealed, and is no secret.
type KeyID uint32

// String is eight hexadecimal digits.
func (id KeyID) String() string { return fmt.Sprintf("%08x", uint32(id)) }

// MarshalText is String.
func (id KeyID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *KeyID) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "%08x", (*uint32)(id))
	return err
}

// Key is what may be told of one key of the keyring.
type Key struct {
	ID      KeyID
	Primary bool      // it seals; the others only open
	Created time.Time // by the store's clock; zero: not known
	Retired time.Time // when another took its place; zero of the primary one
}

// sealedBy is the key that has sealed something, by what stands before it.
func sealedBy(sealed []byte) (uint32, bool) {
	if len(sealed) <= tinkPrefix || sealed[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:]), true
}

// Version is that of the keyset in use. It grows with each change of the keys or
// of the master key.
func (k *Keyring) Version() int64 { return k.ring.Load().version }

// Current reports whether something was sealed with the primary key.
func (k *Keyring) Current(sealed []byte) bool {
	id, ok := sealedBy(sealed)
	return ok && id == k.ring.Load().primary
}

// Keys returns the keys as they are in the store, oldest first.
func (k *Keyring) Keys(ctx context.Context) ([]Key, error) {
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	times, err := k.times(ctx)
	if err != nil {
		return nil, err
	}
	r := k.ring.Load()
	var keys []Key
	for _, info := range r.handle.KeysetInfo().GetKeyInfo() {
		id := KeyID(info.GetKeyId())
		keys = append(keys, Key{ID: id, Primary: uint32(id) == r.primary, Created: times[id].Created, Retired: times[id].Retired})
	}
	return keys, nil
}

// Rotate adds a new key and seals with it from now on. What was sealed with the
// older ones still opens.
func (k *Keyring) Rotate(ctx context.Context) error {
	err := k.change(ctx, "rotate the keyring", func(m *keyset.Manager) error {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return err
		}
		return m.SetPrimary(id)
	})
	if err != nil {
		return err
	}
	_, err = k.times(ctx)
	return err
}

// change edits the keyset in the store, again where somebody else was quicker.
func (k *Keyring) change(ctx context.Context, what string, edit func(*keyset.Manager) error) error {
	k.reload.Lock()
	defer k.reload.Unlock()
	for {
		if err := k.load(ctx); err != nil {
			return err
		}
		r := k.ring.Load()
		m := keyset.NewManagerFromHandle(r.handle)
		err := edit(m)
		var handle *keyset.Handle
		if err == nil {
			handle, err = m.Handle()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		err = k.save(ctx, handle, r.version+1)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		return k.load(ctx)
	}
}

// ErrSameMasterKey is returned by Rewrap for the master key that is in use.
var ErrSameMasterKey = errors.New("it is the master key that is in use already")

// Rewrap seals the keys with another master key, in one write: before it the old
// one opens the store, after it the new one, and never both. Records stay as they
// are. Other processes go on with the keys that they have until they start again.
func (k *Keyring) Rewrap(ctx context.Context, next Secret) error {
	master, err := sealer(next)
	if err != nil {
		return err
	}
	// Who cannot read the keys any more sees there which one is still in use.
	if _, err := k.times(ctx); err != nil {
		return err
	}
	k.reload.Lock()
	defer k.reload.Unlock()
	for {
		if err := k.load(ctx); err != nil {
			return err
		}
		r := k.ring.Load()
		item, err := k.store.Get(ctx, keyringKey)
		if err != nil {
			return fmt.Errorf("read the keyring: %w", err)
		}
		if _, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(item.Value)), master, keyringData(item.Version)); err == nil {
			return ErrSameMasterKey
		}
		old := k.master
		k.master = master
		err = k.save(ctx, r.handle, r.version+1)
		if err != nil {
			k.master = old
		}
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil:
			return err
		}
		return k.load(ctx)
	}
}

// keyTime is when a key was made, and when another took its place.
type keyTime struct {
	Created time.Time `json:"created,omitzero"`
	Retired time.Time `json:"retired,omitzero"`
}

// timesKey is where the times of the keys lie, sealed.
const timesKey = "keyring-times"

// times returns those of all keys, by the store's clock. What is not on record
// yet is put there: a key that no longer seals counts as retired now, which is
// later than it was and so does no harm.
func (k *Keyring) times(ctx context.Context) (map[KeyID]keyTime, error) {
	for {
		now, err := k.store.Now(ctx)
		if err != nil {
			return nil, fmt.Errorf("the times of the keys: %w", err)
		}
		item, err := k.store.Get(ctx, timesKey)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("the times of the keys: %w", err)
		}
		was := map[KeyID]keyTime{}
		known := err == nil
		if known {
			plain, err := k.Open(item.Value, timesKey, item.Version)
			if known = err == nil && json.Unmarshal(plain, &was) == nil; !known {
				was = map[KeyID]keyTime{} // damaged: the waiting begins anew
			}
		}
		r := k.ring.Load()
		next, same := map[KeyID]keyTime{}, known && len(was) == len(r.ids)
		for id := range r.ids {
			t, ok := was[KeyID(id)]
			old := t
			switch {
			case !ok && id == r.primary:
				t.Created = now.UTC().Truncate(time.Second)
			case id == r.primary:
				t.Retired = time.Time{}
			case t.Retired.IsZero():
				t.Retired = now.UTC().Truncate(time.Second)
			}
			next[KeyID(id)] = t
			same = same && ok && t == old
		}
		if same {
			return next, nil
		}
		plain, err := json.Marshal(next)
		if err != nil {
			return nil, err
		}
		sealed, err := k.Seal(plain, timesKey, item.Version+1)
		if err != nil {
			return nil, err
		}
		err = k.store.Put(ctx, store.Item{Key: timesKey, Version: item.Version + 1, Value: sealed}, nil)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case err != nil:
			return nil, fmt.Errorf("the times of the keys: %w", err)
		}
		return next, nil
	}
}

// keepFor is how long a key that no longer seals is kept at least. By then every
// process has stopped sealing with it (sureFor), with room for clocks that
// disagree.
const keepFor = time.Hour

// KeyNeededError says why an old key cannot be dropped yet.
type KeyNeededError struct {
	Key   KeyID
	Until time.Time // when it can be; zero: not by waiting
	Why   string
}

func (e *KeyNeededError) Error() string { return fmt.Sprintf("the key %s is kept: %s", e.Key, e.Why) }

// Drop removes from the keyring all keys but the primary one, and returns those.
// It looks at every record first: while one was sealed with an old key, or a file
// of a machine was (Hold), or a process could still be sealing with it, the error
// is a *KeyNeededError and all keys stay. What abandon names no longer counts.
func (k *Keyring) Drop(ctx context.Context, abandon ...string) ([]KeyID, error) {
	keys, err := k.Keys(ctx)
	if err != nil {
		return nil, err
	}
	now, err := k.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	var old []KeyID
	for _, key := range keys {
		if key.Primary {
			continue
		}
		if until := key.Retired.Add(keepFor); now.Before(until) {
			return nil, &KeyNeededError{key.ID, until, fmt.Sprintf("a process may have been sealing with it until a while ago; it can be dropped at %s, an hour after another took its place", until.Local().Format("15:04"))}
		}
		old = append(old, key.ID)
	}
	if len(old) == 0 {
		return nil, nil
	}
	census, err := TakeCensus(ctx, k.store, k)
	if err != nil {
		return nil, err
	}
	for _, id := range old {
		if n := census.ByKey[id]; n > 0 {
			return nil, &KeyNeededError{Key: id, Why: fmt.Sprintf("%d records are sealed with it: seal them anew with 'toolvault key reseal'", n)}
		}
	}
	holders, err := k.holders(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range holders {
		if slices.Contains(abandon, h.What) {
			if err := k.store.Delete(ctx, h.item.Key, h.item.Version); err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			continue
		}
		if slices.Contains(old, h.Key) {
			return nil, &KeyNeededError{Key: h.Key, Why: fmt.Sprintf("the audit key of %s is sealed with it: run toolvault there once, or give that log up with --abandon %q", h.What, h.What)}
		}
	}
	err = k.change(ctx, "drop old keys", func(m *keyset.Manager) error {
		for _, id := range old {
			// Another process may have dropped it already.
			if k.ring.Load().ids[uint32(id)] {
				if err := m.Delete(uint32(id)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	_, err = k.times(ctx)
	return old, err
}
