package client_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"toolvault/auth/client"
	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

const most = 1000 // clients that may have registered

func register(r *client.Registry, address string) (client.Client, error) {
	c, _, err := r.Register(context.Background(), address, client.Metadata{Redirects: []string{"https://a.example/cb"}})
	return c, err
}

// fill stores copies of a client that registered, n of them, as another process has
// made them.
func fill(t *testing.T, st store.Store, c client.Client, n int) {
	t.Helper()
	keyOf := func(id string) string {
		sum := sha256.Sum256([]byte(id))
		return "client/" + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	item, err := st.Get(t.Context(), keyOf(c.ID))
	if err != nil {
		t.Fatal(err)
	}
	var rec map[string]any
	if err := json.Unmarshal(item.Value, &rec); err != nil || rec["ID"] != c.ID {
		t.Fatalf("%s %v", item.Value, err)
	}
	for i := range n {
		rec["ID"] = fmt.Sprintf("tvc_copy%d", i)
		value, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Put(t.Context(), store.Item{Key: keyOf(rec["ID"].(string)), Version: 1, Value: value}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAllProcessesTogetherKeepToTheMost: neither registry here is running, so neither
// has heard of what the other did.
func TestAllProcessesTogetherKeepToTheMost(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "file:" + filepath.Join(t.TempDir(), "s.db"), "redis": storetest.Redis(t)} {
		t.Run(name, func(t *testing.T) {
			a, st := process(t, url, nil)
			b, _ := process(t, url, nil)
			if err := b.Add(t.Context(), client.Client{ID: "added", Auth: client.AuthNone}); err != nil {
				t.Fatal(err) // which takes none of their places
			}
			first, err := register(a, "192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			const places = 5
			fill(t, st, first, most-1-places)
			var mu sync.Mutex
			var made []string
			var all sync.WaitGroup
			for i := range 3 * places {
				r := []*client.Registry{a, b}[i%2]
				all.Go(func() {
					c, err := register(r, fmt.Sprintf("192.0.2.%d", i+10))
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						made = append(made, c.ID)
					case !strings.Contains(err.Error(), "too many clients"):
						t.Error(err)
					}
				})
			}
			all.Wait()
			if len(made) != places {
				t.Errorf("%d have registered where there was room for %d", len(made), places)
			}
			// Whoever goes makes room, at the other process too.
			if err := b.Remove(t.Context(), made[0]); err != nil {
				t.Fatal(err)
			}
			if _, err := register(b, "192.0.2.200"); err != nil {
				t.Errorf("no room after a removal: %v", err)
			}
			if _, err := register(a, "192.0.2.201"); err == nil {
				t.Error("one too many")
			}
			listed, err := b.List(t.Context())
			if err != nil || len(listed) != most+1 {
				t.Errorf("%d clients: %v", len(listed), err)
			}
		})
	}
}

// TestAnAddressIsWhatASubscriberHas: whoever has one IPv6 network has 2^64 addresses.
func TestAnAddressIsWhatASubscriberHas(t *testing.T) {
	for name, c := range map[string]struct {
		from func(i int) string
		want int // of 30
	}{
		"one IPv6 network":       {func(i int) string { return fmt.Sprintf("2001:db8:1:2:%x::%x", i, i) }, 20},
		"with a zone":            {func(i int) string { return fmt.Sprintf("fe80::%x%%eth%d", i, i) }, 20},
		"mapped IPv4":            {func(i int) string { return []string{"192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"}[i%3] }, 20},
		"several IPv6 networks":  {func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }, 30},
		"several IPv4 addresses": {func(i int) string { return fmt.Sprintf("192.0.2.%d", i) }, 30},
		"mapped IPv4, several":   {func(i int) string { return fmt.Sprintf("::ffff:192.0.2.%d", i) }, 30},
	} {
		t.Run(name, func(t *testing.T) {
			r := registry(t, filepath.Join(t.TempDir(), "s.db"), nil)
			got := 0
			for i := range 30 {
				w, req := httptest.NewRecorder(), httptest.NewRequest("POST", "/oauth/register", strings.NewReader(`{"redirect_uris":["https://a.example/cb"]}`))
				req.Header.Set("Content-Type", "application/json")
				req.RemoteAddr = "[" + c.from(i) + "]:4711"
				r.RegisterHandler().ServeHTTP(w, req)
				switch w.Code {
				case http.StatusCreated:
					got++
				case http.StatusTooManyRequests:
				default:
					t.Fatal(w.Code, w.Body)
				}
			}
			if got != c.want {
				t.Errorf("%d of 30 have registered, want %d", got, c.want)
			}
		})
	}
}

// TestNobodyRegistersUncounted: where the store cannot be counted, nobody is let in.
func TestNobodyRegistersUncounted(t *testing.T) {
	url := "file:" + filepath.Join(t.TempDir(), "s.db")
	r, st := process(t, url, func(o *client.Options) { o.Store = blind{o.Store} })
	if _, err := register(r, "192.0.2.1"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if all, err := st.List(t.Context(), "client/", "", 10); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
}

// blind cannot list.
type blind struct{ store.Store }

func (blind) List(context.Context, string, string, int) ([]store.Item, error) {
	return nil, store.ErrUnavailable
}
