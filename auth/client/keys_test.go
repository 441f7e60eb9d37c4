package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"code.dny.dev/ssrf"
	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

func jwk(t testing.TB, key any) string {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKeySets(t *testing.T) {
	ed, edPrivate, _ := ed25519.GenerateKey(rand.Reader)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := jwk(t, ed)
	foreign := `{"kty":"AKP","alg":"ML-DSA-65","pub":"AAAA"}`
	cut := `{"kty":"EC","crv":"P-256","x":"AA"}`
	shared := `{"kty":"oct","k":"AAAA"}`
	forOther := strings.Replace(jwk(t, &ec.PublicKey), "{", `{"use":"enc",`, 1)
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	for text, want := range map[string]int{
		good: 1, set(good): 1, set(good, jwk(t, &ec.PublicKey)): 2, set(foreign, good, cut, shared, forOther, jwk(t, &small.PublicKey)): 1,
		set(foreign): 0, set(): 0, `{}`: 0, set(jwk(t, &small.PublicKey)): 0, set(shared): 0, set(cut): 0, foreign: 0, `{"keys":1}`: 0, set(good) + "x": 0, "": 0,
		set(good, jwk(t, edPrivate)): 0, set(good, jwk(t, ec)): 0, jwk(t, ec): 0,
		set(strings.Split(strings.Repeat(good+"|", 20)+good, "|")...): 0,
	} {
		keys, err := client.ParseKeys([]byte(text))
		if len(keys.Keys) != want && err == nil || (err == nil) != (want > 0) {
			t.Errorf("%s: %d keys, want %d: %v", text, len(keys.Keys), want, err)
		}
	}
}

// TestFetchedKeys: they are five minutes old at most; where they cannot be had again,
// an hour.
func TestFetchedKeys(t *testing.T) {
	s, now := newSite(t), newClock()
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch, o.Now = s.Client(), now.Now })
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	s.set("/keys", `{"keys":[`+jwk(t, ed)+`]}`)
	c, err := r.Find(t.Context(), s.describe("/c", fmt.Sprintf(`,"token_endpoint_auth_method":"private_key_jwt","jwks_uri":%q`, s.URL+"/keys")))
	if err != nil {
		t.Fatal(err)
	}
	keys := func(want int) int64 {
		t.Helper()
		before := s.asked.Load()
		got, err := r.Keys(t.Context(), c)
		if len(got.Keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%d keys, want %d: %v", len(got.Keys), want, err)
		}
		return s.asked.Load() - before
	}
	if keys(1) != 1 || keys(1) != 0 {
		t.Error("not remembered")
	}
	s.fail(true)
	now.pass(5 * time.Minute)
	if keys(1) != 1 || keys(1) != 0 {
		t.Error("a failure is not remembered")
	}
	now.pass(54 * time.Minute)
	keys(1)
	now.pass(2 * time.Minute)
	keys(0)
	s.fail(false)
	now.pass(31 * time.Second)
	keys(1)
}

// TestKeysInside: a stranger's jwks_uri reaches nobody inside, and does not spoil an
// admin's client that has the same.
func TestKeysInside(t *testing.T) {
	s := newSite(t)
	ed, _, _ := ed25519.GenerateKey(rand.Reader)
	s.set("/keys", `{"keys":[`+jwk(t, ed)+`]}`)
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = client.GuardedClient() })
	r.SetOwn(s.Client())
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	for _, target := range []string{s.URL + "/keys", "https://[::ffff:127.0.0.1]:" + port + "/keys", "https://localhost:" + port + "/keys", "http://127.0.0.1:" + port + "/keys"} {
		if _, err := r.Keys(t.Context(), client.Client{ID: "https://x.example/c", Origin: client.OriginMetadata, KeysURL: target}); err == nil {
			t.Errorf("%s was had", target)
		}
	}
	if s.asked.Load() != 0 {
		t.Fatal("somebody inside was asked")
	}
	if keys, err := r.Keys(t.Context(), client.Client{ID: "own", Origin: client.OriginConfig, KeysURL: s.URL + "/keys"}); err != nil || len(keys.Keys) != 1 {
		t.Errorf("an admin's keys cannot be had: %v", err)
	}
}

// TestNoConnectionInside: not even a connection is made, by which a port could be
// found.
func TestNoConnectionInside(t *testing.T) {
	var seen atomic.Int64
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(net.Conn, http.ConnState) { seen.Add(1) }
	s.StartTLS()
	defer s.Close()
	r := registry(t, filepath.Join(t.TempDir(), "s.db"), func(o *client.Options) { o.Fetch = client.GuardedClient() })
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "[64:ff9b::7f00:1]"} {
		if _, err := r.Find(t.Context(), "https://"+host+":"+port+"/c"); err == nil {
			t.Errorf("%s is taken", host)
		}
	}
	if seen.Load() != 0 {
		t.Errorf("%d connections", seen.Load())
	}
}

// TestAddressesInside are refused for what they are, on the port that is allowed too.
func TestAddressesInside(t *testing.T) {
	c := client.GuardedClient()
	for _, host := range []string{
		"127.0.0.1", "[::1]", "0.0.0.0", "[::]", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]",
		"[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "localhost",
	} {
		resp, err := c.Get("https://" + host + "/c")
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestAFloodOfDocuments: whoever finds all fetches taken waits two seconds, and is told
// to come again.
func TestAFloodOfDocuments(t *testing.T) {
	s := newSite(t)
	id := s.describe("/c", "")
	synctest.Test(t, func(t *testing.T) {
		r, err := client.New(client.Options{Store: nowhere{}, Sealer: plain{}, Now: time.Now, Fetch: s.Client()})
		if err != nil {
			t.Fatal(err)
		}
		r.FillSlots()
		for range 2 { // it is not remembered as the document's fault
			start := time.Now()
			_, err = r.Find(t.Context(), id)
			if !errors.Is(err, store.ErrUnavailable) || time.Since(start) != 2*time.Second {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		}
		if _, err := r.Keys(t.Context(), client.Client{Origin: client.OriginMetadata, KeysURL: id}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("keys: %v", err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		start := time.Now()
		if _, err := r.Find(ctx, id); err == nil || time.Since(start) != time.Second {
			t.Errorf("it does not end with its context: %v", err)
		}
		time.Sleep(2 * time.Second) // of the bubble: until the fetch has given up
	})
	if s.asked.Load() != 0 {
		t.Error("more were asked than may be at once")
	}
}

// nowhere is a store that nobody asks.
type nowhere struct{ store.Store }

// TestSlowDocument: a server that does not answer costs five seconds, not for ever.
func TestSlowDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := client.New(client.Options{Store: nowhere{}, Sealer: plain{}, Now: time.Now, Fetch: &http.Client{Transport: silent{}}})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := r.Find(t.Context(), "https://slow.example/c"); err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
