package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"toolvault/vault/store"
)

// holderPrefix is where it is written down what lies sealed outside the store.
const holderPrefix = "keyring-use/"

// holder is something sealed with a key of the keyring that no search of the store
// finds: a file of a machine.
type holder struct {
	What string `json:"what"`
	Key  KeyID  `json:"key"`

	item store.Item
}

// Hold puts on record that something outside the store is sealed with a key of
// the keyring, so that the key is not dropped before it is sealed anew. what says
// which it is, and where.
func (k *Keyring) Hold(ctx context.Context, what string, sealed []byte) error {
	id, ok := sealedBy(sealed)
	if !ok {
		return fmt.Errorf("%s is not sealed", what)
	}
	key := holderPrefix + fingerprint(what)
	for {
		item, err := k.store.Get(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if h, ok := k.holder(item); ok && err == nil && h.Key == KeyID(id) && h.What == what {
			return nil
		}
		plain, err := json.Marshal(holder{What: what, Key: KeyID(id)})
		if err != nil {
			return err
		}
		next := store.Item{Key: key, Version: item.Version + 1}
		if next.Value, err = k.Seal(plain, key, next.Version); err != nil {
			return err
		}
		if err := k.store.Put(ctx, next, nil); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func (k *Keyring) holder(item store.Item) (holder, bool) {
	plain, err := k.Open(item.Value, item.Key, item.Version)
	h := holder{item: item}
	return h, err == nil && json.Unmarshal(plain, &h) == nil
}

func (k *Keyring) holders(ctx context.Context) ([]holder, error) {
	var all []holder
	err := store.Each(ctx, k.store, holderPrefix, func(item store.Item) error {
		if h, ok := k.holder(item); ok {
			all = append(all, h)
		}
		return nil
	})
	return all, err
}
