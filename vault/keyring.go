package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
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
// another process rotates the keys, drops old ones or changes the master key.
type Keyring struct {
	store  store.Store
	now    func() time.Time
	ring   atomic.Pointer[ring]
	reload sync.Mutex // of master too
	master tink.AEAD

	confirmed atomic.Int64 // milliseconds since 1970: when the primary key was last the store's
	foreign   atomic.Int64 // version of the keyset that was told to be under another master key
}

// ring is one state of the keyset.
type ring struct {
	version int64
	handle  *keyset.Handle
	aead    tink.AEAD
	primary uint32
	ids     map[uint32]bool
}

// sealer makes what seals the keyset of a master key.
func sealer(master Secret) (tink.AEAD, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(master.Reveal()))
	if err != nil || len(raw) != masterKeySize {
		return nil, fmt.Errorf("the master key must be %d bytes in standard base64 (44 characters): make one with: openssl rand -base64 32", masterKeySize)
	}
	a, err := subtle.NewAESGCM(raw)
	clear(raw)
	if err != nil {
		return nil, fmt.Errorf("the master key: %w", err)
	}
	return a, nil
}

// OpenKeyring loads the keyset of the store, or makes one in a store that has
// none. A master key that is not 32 bytes in base64 is an error that says so;
// one that does not fit wraps ErrWrongMasterKey.
func OpenKeyring(ctx context.Context, st store.Store, master Secret) (*Keyring, error) {
	k := &Keyring{store: st, now: time.Now}
	var err error
	if k.master, err = sealer(master); err != nil {
		return nil, err
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
	made := k.save(ctx, handle, 1)
	if made != nil && !errors.Is(made, store.ErrConflict) {
		return nil, made
	}
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	if made == nil {
		if _, err := k.times(ctx); err != nil {
			return nil, err
		}
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

// Reload takes up the keyset as it now is in the store. Where that was sealed
// with another master key since, the error wraps ErrWrongMasterKey, and the keys
// at hand stay in use.
func (k *Keyring) Reload(ctx context.Context) error {
	k.reload.Lock()
	defer k.reload.Unlock()
	return k.load(ctx)
}

func (k *Keyring) load(ctx context.Context) error {
	asked := k.now()
	item, err := k.store.Get(ctx, keyringKey)
	if err != nil {
		return fmt.Errorf("read the keyring: %w", err)
	}
	k.confirm(item, asked)
	now := k.ring.Load()
	if now != nil && item.Version <= now.version {
		return nil // an older one than we had is no reason to lose keys
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(item.Value)), k.master, keyringData(item.Version))
	switch {
	case err != nil && now != nil:
		if k.stillPrimary(ctx, now) {
			k.confirmed.Store(asked.UnixMilli())
		}
		return fmt.Errorf("%w any more: its keyring was sealed with another one since this process started, or was damaged: start it again with the new master key", ErrWrongMasterKey)
	case err != nil:
		return fmt.Errorf("%w: its keyring was sealed with another one, or was damaged: give the key that the store was made with, or another store", ErrWrongMasterKey)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return fmt.Errorf("use the keyring: %w", err)
	}
	info := handle.KeysetInfo()
	next := &ring{version: item.Version, handle: handle, aead: primitive, primary: info.GetPrimaryKeyId(), ids: map[uint32]bool{}}
	for _, key := range info.GetKeyInfo() {
		next.ids[key.GetKeyId()] = true
	}
	k.ring.Store(next)
	k.confirm(item, asked)
	return nil
}

// sureFor is how long a process seals with a key without having seen that it is
// still the store's primary one. A key that another has followed for longer than
// that is used by nobody, however long a machine has been asleep.
const sureFor = 10 * time.Minute

// confirm notes that the primary key was the store's at a time, if it was.
func (k *Keyring) confirm(item store.Item, at time.Time) {
	if r := k.ring.Load(); r != nil && item.Version <= r.version {
		k.confirmed.Store(at.UnixMilli())
	}
}

// stillPrimary reports whether the primary key is that of the store too, whose
// keyset is under a master key that is not known here. The record of the keys'
// times tells, and is sealed with the primary key itself.
func (k *Keyring) stillPrimary(ctx context.Context, r *ring) bool {
	item, err := k.store.Get(ctx, timesKey)
	if err != nil {
		return false
	}
	plain, err := r.aead.Decrypt(item.Value, associated(timesKey, item.Version))
	var times map[KeyID]keyTime
	if err != nil || json.Unmarshal(plain, &times) != nil {
		return false
	}
	t, ok := times[KeyID(r.primary)]
	return ok && t.Retired.IsZero()
}

// sure makes sure that the primary key is the one to seal with.
func (k *Keyring) sure() error {
	fresh := func() bool { return k.now().Sub(time.UnixMilli(k.confirmed.Load())).Abs() < sureFor }
	if fresh() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := k.Reload(ctx); !fresh() {
		return fmt.Errorf("nothing can be sealed: whether the key for it is still in use could not be found out: %w", err)
	}
	return nil
}

// newlyForeign reports whether it is the first time that the keyset which the
// store now holds was found to be under another master key.
func (k *Keyring) newlyForeign(ctx context.Context) bool {
	item, err := k.store.Get(ctx, keyringKey)
	return err != nil || k.foreign.Swap(item.Version) != item.Version
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
	if err := k.sure(); err != nil {
		return nil, err
	}
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
	if id, ok := sealedBy(sealed); ok && !r.ids[id] {
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
