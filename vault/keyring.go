package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"toolvault/vault/store"
)

// ErrWrongMasterKey is returned by OpenKeyring when the master key does not open
// what is in the store.
var ErrWrongMasterKey = errors.New("the master key does not fit the store")

// ErrSealed is returned by Keyring.Open for bytes that were not sealed under
// this name and version with this keyring: damaged, swapped or rolled back.
var ErrSealed = errors.New("the sealed record does not open")

const (
	keyringKey    = "keyring" // in the store
	masterKeySize = 32
	tinkPrefix    = 5 // a byte for the format, four for the key's id
)

// NewMasterKey makes a master key: 32 random bytes in standard base64. Whoever
// has it and the store has every secret.
func NewMasterKey() Secret {
	b := make([]byte, masterKeySize)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program first
	return NewSecret(base64.StdEncoding.EncodeToString(b))
}

// Keyring seals and opens records with AES-256-GCM keys that lie in the store,
// themselves sealed by the master key. It is safe for concurrent use, also while
// another process rotates the keys.
type Keyring struct {
	store  store.Store
	master tink.AEAD
	ring   atomic.Pointer[ring]
	reload sync.Mutex
}

// ring is one state of the keyset.
type ring struct {
	version int64
	handle  *keyset.Handle
	aead    tink.AEAD
	ids     map[uint32]bool
}

// OpenKeyring loads the keyset of the store, or makes one in a store that has
// none. A master key that is not 32 bytes in base64 is an error that says so;
// one that does not fit wraps ErrWrongMasterKey.
func OpenKeyring(ctx context.Context, st store.Store, master Secret) (*Keyring, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(master.Reveal()))
	if err != nil || len(raw) != masterKeySize {
		return nil, fmt.Errorf("the master key must be %d bytes in standard base64 (44 characters): make one with: openssl rand -base64 32", masterKeySize)
	}
	k := &Keyring{store: st}
	if k.master, err = subtle.NewAESGCM(raw); err != nil {
		return nil, fmt.Errorf("the master key: %w", err)
	}
	err = k.Reload(ctx)
	if !errors.Is(err, store.ErrNotFound) {
		return k, err
	}
	// The first process makes the keyset. Of two that try, one loses and loads
	// the other's.
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make the keyring: %w", err)
	}
	if err := k.save(ctx, handle, 1); err != nil && !errors.Is(err, store.ErrConflict) {
		return nil, err
	}
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// keyringData binds a sealed keyset to its place and version.
func keyringData(version int64) []byte { return associated(keyringKey, version) }

// associated is what the seal of a record binds: its name and version. The name
// has no NUL, so no two pairs give the same bytes.
func associated(name string, version int64) []byte {
	b := make([]byte, 0, len(name)+20)
	b = append(b, "toolvault\x00"...)
	b = append(b, name...)
	b = append(b, 0)
	return binary.BigEndian.AppendUint64(b, uint64(version))
}

func (k *Keyring) save(ctx context.Context, handle *keyset.Handle, version int64) error {
	var buf bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), k.master, keyringData(version)); err != nil {
		return fmt.Errorf("seal the keyring: %w", err)
	}
	if err := k.store.Put(ctx, store.Item{Key: keyringKey, Version: version, Value: buf.Bytes()}, nil); err != nil {
		return fmt.Errorf("write the keyring: %w", err)
	}
	return nil
}

// Reload takes up the keyset as it now is in the store.
func (k *Keyring) Reload(ctx context.Context) error {
	k.reload.Lock()
	defer k.reload.Unlock()
	return k.load(ctx)
}

func (k *Keyring) load(ctx context.Context) error {
	item, err := k.store.Get(ctx, keyringKey)
	if err != nil {
		return fmt.Errorf("read the keyring: %w", err)
	}
	now := k.ring.Load()
	if now != nil && item.Version <= now.version {
		return nil // an older one than we had is no reason to lose keys
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(item.Value)), k.master, keyringData(item.Version))
	if err != nil {
		return fmt.Errorf("%w: its keyring was sealed with another one, or was damaged: give the key that the store was made with, or another store", ErrWrongMasterKey)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return fmt.Errorf("use the keyring: %w", err)
	}
	next := &ring{version: item.Version, handle: handle, aead: primitive, ids: map[uint32]bool{}}
	for _, key := range handle.KeysetInfo().GetKeyInfo() {
		next.ids[key.GetKeyId()] = true
	}
	k.ring.Store(next)
	return nil
}

// HasKeyring reports whether the store has a keyset already. A master key made
// now could not open it.
func HasKeyring(ctx context.Context, st store.Store) (bool, error) {
	_, err := st.Get(ctx, keyringKey)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Seal encrypts a record and binds it to its name, which has no NUL, and
// version: it opens under no other.
func (k *Keyring) Seal(plaintext []byte, name string, version int64) ([]byte, error) {
	sealed, err := k.ring.Load().aead.Encrypt(plaintext, associated(name, version))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", name, err)
	}
	return sealed, nil
}

// Open decrypts what Seal made, or returns an error that wraps ErrSealed. Where
// another process has begun to seal with a newer key, the keyset is read again,
// which takes five seconds at most.
func (k *Keyring) Open(sealed []byte, name string, version int64) ([]byte, error) {
	r := k.ring.Load()
	data := associated(name, version)
	plaintext, err := r.aead.Decrypt(sealed, data)
	if err == nil {
		return plaintext, nil
	}
	if len(sealed) > tinkPrefix && sealed[0] == 1 && !r.ids[binary.BigEndian.Uint32(sealed[1:])] {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := k.Reload(ctx); err != nil {
			return nil, err
		}
		if plaintext, err = k.ring.Load().aead.Decrypt(sealed, data); err == nil {
			return plaintext, nil
		}
	}
	return nil, fmt.Errorf("%w: %s version %d is damaged, belongs to another record, or is an older one put back: restore the store, or put the secret in again", ErrSealed, name, version)
}

// Rotate adds a new key and seals with it from now on. What was sealed with the
// older ones still opens.
func (k *Keyring) Rotate(ctx context.Context) error {
	k.reload.Lock()
	defer k.reload.Unlock()
	for {
		if err := k.load(ctx); err != nil {
			return err
		}
		r := k.ring.Load()
		m := keyset.NewManagerFromHandle(r.handle)
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err == nil {
			err = m.SetPrimary(id)
		}
		var handle *keyset.Handle
		if err == nil {
			handle, err = m.Handle()
		}
		if err != nil {
			return fmt.Errorf("rotate the keyring: %w", err)
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
