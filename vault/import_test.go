package vault

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
)

// importSize is how many credentials the tests import; more than one part of the
// journal has.
const importSize = 1200

func manyItems(n int) []ImportItem {
	items := make([]ImportItem, n)
	for i := range items {
		items[i] = ImportItem{Name: fmt.Sprintf("many/%05d", i), Line: i + 1, Stored: Stored{
			Type: TypeOAuthToken, Secret: NewSecret(fmt.Sprintf("access-%05d-0123456789", i)), Refresh: NewSecret(fmt.Sprintf("refresh-%05d", i)),
		}}
	}
	return items
}

// secrets is what the vault holds, by name.
func (k *kit) secretsByName(t testing.TB) map[string]string {
	t.Helper()
	infos, err := k.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, info := range infos {
		s, _, err := k.read(t.Context(), info.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[info.Name] = s.Secret.Reveal() + " " + s.Refresh.Reveal() + " " + string(s.State)
	}
	return all
}

func TestImport(t *testing.T) {
	k := newKit(t)
	k.put(t, "many/00003", manyItems(4)[3].Stored) // there already
	k.put(t, "many/00004", Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	if _, err := k.Revoke(t.Context(), "many/00004"); err != nil {
		t.Fatal(err)
	}
	k.put(t, "many/00005", Stored{Type: TypeAPIKey, Secret: NewSecret("k")})
	if err := k.Delete(t.Context(), "many/00005"); err != nil {
		t.Fatal(err)
	}
	steps := 0
	did, err := k.Import(t.Context(), manyItems(10), ImportOptions{Progress: func(done int) { steps++ }})
	if err != nil || did.New != 8 || did.Replaced != 1 || did.Same != 1 || !did.Resumed.IsZero() || steps != 9 {
		t.Fatalf("%+v after %d steps, %v", did, steps, err)
	}
	if got := k.secretsByName(t); len(got) != 10 || got["many/00004"] != "access-00004-0123456789 refresh-00004 " {
		t.Errorf("%v", got)
	}
	if did, err = k.Import(t.Context(), manyItems(10), ImportOptions{}); err != nil || did.Same != 10 {
		t.Errorf("a second time: %+v, %v", did, err)
	}
	if _, _, err := k.UndoImport(t.Context()); !errors.Is(err, ErrNoImport) {
		t.Errorf("there is nothing to undo: %v", err)
	}
	items, err := k.store.List(t.Context(), "import/", "", 10)
	if err != nil || len(items) != 0 {
		t.Errorf("%d records of the journal are left, %v", len(items), err)
	}
}

func TestImportRefuses(t *testing.T) {
	ok := Stored{Type: TypeAPIKey, Secret: NewSecret("canary-secret")}
	for name, c := range map[string]struct {
		items []ImportItem
		want  string
	}{
		"nothing":  {nil, "nothing to import"},
		"a name":   {[]ImportItem{{"a", ok, 1}, {"../b", ok, 2}}, "line 2: "},
		"twice":    {[]ImportItem{{"a", ok, 1}, {"a", ok, 7}}, "line 7: a stands twice, first on line 1"},
		"a secret": {[]ImportItem{{"a", ok, 1}, {"b", Stored{Type: TypeAPIKey, Secret: NewSecret("canary-secret\n")}, 3}}, "line 3: b: "},
		"taken":    {[]ImportItem{{"a", ok, 1}, {"taken", ok, 9}}, "line 9: taken is in the vault already"},
		"several":  {[]ImportItem{{"taken", ok, 9}, {"taken2", ok, 3}}, "line 3: taken2"},
		"too many": {make([]ImportItem, MaxImport+1), "are too many"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			for _, name := range []string{"taken", "taken2"} {
				k.put(t, name, Stored{Type: TypeAPIKey, Secret: NewSecret("another")})
			}
			before := k.secretsByName(t)
			_, err := k.Import(t.Context(), c.items, ImportOptions{})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Error("the error shows the secret")
			}
			if after := k.secretsByName(t); !reflect.DeepEqual(before, after) {
				t.Errorf("something was imported: %v", after)
			}
		})
	}
}

// metStore is a store in which another process writes at a certain moment.
type metStore struct {
	store.Store
	mu   sync.Mutex
	left int
	meet func(item store.Item) // another process writes, at that moment
}

func (b *metStore) Put(ctx context.Context, item store.Item, lease store.Lease) error {
	if strings.HasPrefix(item.Key, recordPrefix+"many/") {
		b.mu.Lock()
		if b.left--; b.left == 0 && b.meet != nil {
			b.meet(item)
		}
		b.mu.Unlock()
	}
	return b.Store.Put(ctx, item, lease)
}

// Where somebody else writes one of the records meanwhile, nothing is imported, and
// what he wrote stays.
func TestImportMeetsAnother(t *testing.T) {
	st := newStore(t)
	b := &metStore{Store: st}
	master := NewMasterKey()
	k, other := newKitOn(t, b, master), newKitOn(t, st, master)
	other.put(t, "many/00007", Stored{Type: TypeAPIKey, Secret: NewSecret("was there")})
	before := other.secretsByName(t)
	// Of the records that are written at the same time, one is written by another.
	var name string
	b.left, b.meet = 20, func(item store.Item) {
		name = strings.TrimPrefix(item.Key, recordPrefix)
		other.put(t, name, Stored{Type: TypeAPIKey, Secret: NewSecret("from another process")})
	}
	_, err := k.Import(t.Context(), manyItems(50), ImportOptions{Replace: true})
	if err == nil || !strings.Contains(err.Error(), "was changed by somebody else meanwhile") {
		t.Fatal(err)
	}
	before[name] = "from another process  "
	if after := other.secretsByName(t); !reflect.DeepEqual(before, after) {
		t.Errorf("it was not put back:\n%v\n%v", before, after)
	}
	b.meet = nil
	if _, err := k.Import(t.Context(), manyItems(50), ImportOptions{Replace: true}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// An import that is interrupted puts back what it has written.
func TestImportInterrupted(t *testing.T) {
	k := newKit(t)
	k.put(t, "many/00003", Stored{Type: TypeAPIKey, Secret: NewSecret("was there")})
	before := k.secretsByName(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := k.Import(ctx, manyItems(100), ImportOptions{Replace: true, Progress: func(done int) {
		if done == 30 {
			cancel()
		}
	}})
	const said = "it was interrupted; nothing was imported"
	if !errors.Is(err, context.Canceled) || err.Error() != said {
		t.Fatal(err)
	}
	if _, err := k.Import(ctx, manyItems(100), ImportOptions{}); !errors.Is(err, context.Canceled) || err.Error() != said { // before anything is written
		t.Error(err)
	}
	if after := k.secretsByName(t); !reflect.DeepEqual(before, after) {
		t.Errorf("it was not put back: %v", after)
	}
}

// A process that is killed in the middle leaves an import that the next one of the
// same finishes, that nobody else's can be confused with, and that can be undone.
func TestImportKilled(t *testing.T) {
	onStores(t, func(t *testing.T, url string, st store.Store) {
		master := NewMasterKey()
		k := newKitOn(t, st, master)
		k.put(t, "many/00000", Stored{Type: TypeAPIKey, Secret: NewSecret("was there")})
		before := k.secretsByName(t)
		killed := func() {
			t.Helper()
			p := start(t, "import", url, master, k.issuer.URL)
			p.begin()
			if line := p.line(); line != "middle" {
				t.Fatal(line)
			}
			p.kill()
			if n := len(k.secretsByName(t)); n < importSize/3 || n >= importSize {
				t.Fatalf("%d credentials are there: the process was not killed in the middle", n)
			}
		}
		killed()
		if begun, err := k.HalfImported(t.Context()); err != nil || begun.IsZero() {
			t.Errorf("nobody is told of it: %v, %v", begun, err)
		}
		if _, err := k.Import(t.Context(), manyItems(3), ImportOptions{Replace: true}); !errors.Is(err, ErrUnfinished) {
			t.Errorf("another import in between: %v", err)
		}
		undone, kept, err := k.UndoImport(t.Context())
		if err != nil || undone < importSize/3 || len(kept) != 0 {
			t.Fatalf("%d undone, %v kept, %v", undone, kept, err)
		}
		if after := k.secretsByName(t); !reflect.DeepEqual(before, after) {
			t.Errorf("undone, %d credentials are there, before %d", len(after), len(before))
		}

		killed()
		// One is refreshed meanwhile: it is in use, and stays so.
		used := Stored{Type: TypeOAuthToken, Secret: NewSecret("newer"), Refresh: NewSecret("newer")}
		did, err := k.Import(t.Context(), manyItems(importSize), ImportOptions{Replace: true})
		if err != nil || did.Resumed.IsZero() || did.New != importSize-1 || did.Replaced != 1 {
			t.Fatalf("%+v, %v", did, err)
		}
		got := k.secretsByName(t)
		for _, item := range manyItems(importSize) {
			if want := item.Stored.Secret.Reveal() + " " + item.Stored.Refresh.Reveal() + " "; got[item.Name] != want {
				t.Fatalf("%s is %q", item.Name, got[item.Name])
			}
		}
		for name := range got {
			if err := k.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		killed()
		written := ""
		for name, secret := range k.secretsByName(t) {
			if strings.Contains(secret, "refresh-") {
				written = name
				break
			}
		}
		k.put(t, written, used)
		if _, kept, err = k.UndoImport(t.Context()); err != nil || len(kept) != 1 || kept[0] != written {
			t.Fatalf("%v kept, %v", kept, err)
		}
		if got := k.secretsByName(t); len(got) != 1 || got[written] != "newer newer " {
			t.Errorf("%v", got)
		}
	})
}

// Two imports do not run at the same time.
func TestImportsTakeTurns(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	lease, err := k.store.Lease(t.Context(), importLease, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lease.Release(context.Background()) }()
	if _, err := k.Import(t.Context(), manyItems(1), ImportOptions{}); err == nil || !strings.Contains(err.Error(), "another import is under way") {
		t.Error(err)
	}
}
