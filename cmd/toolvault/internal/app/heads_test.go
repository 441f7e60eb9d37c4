package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"toolvault/audit"
	"toolvault/vault"
	"toolvault/vault/store"
)

func testHeads(t *testing.T) heads {
	t.Helper()
	st, err := store.Open(t.Context(), "file:"+t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	return heads{st, keyring}
}

func headOf(t *testing.T, size int) []byte {
	t.Helper()
	note := fmt.Sprintf("toolvault/test\n%d\n%s\n\n", size, base64.StdEncoding.EncodeToString(make([]byte, 32)))
	b, err := json.Marshal(map[string]string{"checkpoint": note})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sizeOf(t *testing.T, h heads, verifier string) int64 {
	t.Helper()
	head, err := h.get(t.Context(), verifier)
	if err != nil {
		t.Fatal(err)
	}
	if head == nil {
		return 0
	}
	size, _, err := audit.HeadSize(head)
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// Several processes tell what they know in any order.
func TestAKeptHeadOnlyGoesForward(t *testing.T) {
	h := testHeads(t)
	if size := sizeOf(t, h, "log"); size != 0 {
		t.Fatalf("a head of %d records before any was kept", size)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 10 {
				if err := h.put(t.Context(), "log", headOf(t, 1+(i*7+n*13)%80)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	most := 0
	for i := range 8 {
		for n := range 10 {
			most = max(most, 1+(i*7+n*13)%80)
		}
	}
	if size := sizeOf(t, h, "log"); size != int64(most) {
		t.Errorf("the head is of %d records, want the largest, %d", size, most)
	}
	if err := h.put(t.Context(), "log", headOf(t, 3)); err != nil {
		t.Fatal(err)
	}
	if size := sizeOf(t, h, "log"); size != int64(most) {
		t.Errorf("the head went back to %d records", size)
	}
	if size := sizeOf(t, h, "another log"); size != 0 {
		t.Errorf("another log has a head of %d records", size)
	}
	others, err := h.others(t.Context(), "another log")
	if err != nil || len(others) != 1 || others[0] != (Former{"toolvault/test", int64(most)}) {
		t.Errorf("others are %v (%v)", others, err)
	}
	// One that does not open is told of, and hides none.
	if err := h.store.Put(t.Context(), store.Item{Key: headKey("a third"), Version: 1, Value: []byte("sealed with a key that is lost")}, nil); err != nil {
		t.Fatal(err)
	}
	others, err = h.others(t.Context(), "another log")
	if err != nil || len(others) != 2 || !slices.Contains(others, Former{}) || !slices.Contains(others, Former{"toolvault/test", int64(most)}) {
		t.Errorf("others are %v (%v)", others, err)
	}
}

func TestTheKeeperKeepsTheNewestHeadAtTheLatestWhenItCloses(t *testing.T) {
	h := testHeads(t)
	k := keepHeads(h, "log", slog.New(slog.DiscardHandler))
	for n := range 1000 {
		k.hear(headOf(t, n+1))
	}
	if err := k.close(); err != nil {
		t.Fatal(err)
	}
	if size := sizeOf(t, h, "log"); size != 1000 {
		t.Errorf("the head is of %d records, want 1000", size)
	}
}

// slowStore answers a Put only when it is let.
type slowStore struct {
	store.Store
	let chan struct{}
}

func (s slowStore) Put(ctx context.Context, item store.Item, lease store.Lease) error {
	select {
	case <-s.let:
	case <-ctx.Done():
	}
	return s.Store.Put(ctx, item, lease)
}

// The path of a call must not wait for the store.
func TestAStoreThatDoesNotAnswerHoldsNothingUp(t *testing.T) {
	h := testHeads(t)
	let := make(chan struct{})
	k := keepHeads(heads{slowStore{h.store, let}, h.keyring}, "log", slog.New(slog.DiscardHandler))
	for n := range 1000 {
		k.hear(headOf(t, n+1)) // would never end
	}
	close(let)
	if err := k.close(); err != nil {
		t.Fatal(err)
	}
	if size := sizeOf(t, h, "log"); size != 1000 {
		t.Errorf("the head is of %d records, want 1000", size)
	}
}

// A head that was swapped for another log's, or for an older one of its own,
// does not open.
func TestAKeptHeadIsSealedToItsLog(t *testing.T) {
	h := testHeads(t)
	for _, log := range []string{"a", "b"} {
		if err := h.put(t.Context(), log, headOf(t, 5)); err != nil {
			t.Fatal(err)
		}
	}
	item, err := h.store.Get(t.Context(), headKey("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.store.Put(t.Context(), store.Item{Key: headKey("b"), Version: 2, Value: item.Value}, nil); err != nil {
		t.Fatal(err)
	}
	if head, err := h.get(t.Context(), "b"); err == nil {
		t.Errorf("the head of another log opened: %s", head)
	}
}
