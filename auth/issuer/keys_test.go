package issuer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth/issuer"
)

func TestNewKeyIsPickedUp(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Fatal(got)
	}
	old := w.key
	w.key = newKey(t, "k2")
	w.provider.publish(old, w.key)
	if got := w.try(t, w.token(t, nil)); got != badKey {
		t.Errorf("within 30 s: %q", got)
	}
	w.clock.forward(30 * time.Second)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Errorf("after 30 s: %q", got)
	}
	if got := w.try(t, old.forge(t, with(w.header(), map[string]any{"kid": "k1"}), w.claims())); got != "" {
		t.Errorf("the old key, still published: %q", got)
	}
}

func TestRemovedKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	w.provider.headers.Set("Cache-Control", "max-age=600")
	w.trust(t, nil)
	token := w.token(t, nil)
	for range 2 {
		if got := w.try(t, token); got != "" {
			t.Fatal(got)
		}
	}
	next := newKey(t, "k2")
	w.provider.publish(next)
	w.clock.forward(10 * time.Minute)
	if got := w.try(t, token); got != badKey {
		t.Errorf("after the answer's own time: %q", got)
	}
	// A kid of somebody else that makes us ask voids what was remembered at once.
	w.key = next
	token = w.token(t, nil)
	w.try(t, token)
	if got := w.try(t, token); got != "" {
		t.Fatal(got)
	}
	w.provider.publish(newKey(t, "k3"))
	w.clock.forward(31 * time.Second)
	w.try(t, w.key.forge(t, with(w.header(), map[string]any{"kid": "made up"}), w.claims()))
	if got := w.try(t, token); got != badKey {
		t.Errorf("after the keys were seen to have changed: %q", got)
	}
}

func TestMadeUpKidsCostNothingMore(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	w.try(t, w.token(t, nil))
	before := w.provider.count("/jwks")
	for i := range 200 {
		w.clock.forward(time.Second / 4) // 50 s in all
		if got := w.try(t, w.key.forge(t, with(w.header(), map[string]any{"kid": fmt.Sprint("made-up-", i)}), w.claims())); got != badKey {
			t.Fatalf("%q", got)
		}
	}
	if n := w.provider.count("/jwks") - before; n != 1 {
		t.Errorf("%d requests for keys in 50 s", n)
	}
}

func TestHowLongKeysHold(t *testing.T) {
	for _, c := range []struct {
		headers map[string]string
		hold    time.Duration
	}{
		{nil, time.Hour},
		{map[string]string{"Cache-Control": "public, max-age=7200"}, 2 * time.Hour},
		{map[string]string{"Cache-Control": "max-age=1"}, 5 * time.Minute},
		{map[string]string{"Cache-Control": "no-store"}, 5 * time.Minute},
		{map[string]string{"Cache-Control": "max-age=7200, no-cache"}, 5 * time.Minute},
		{map[string]string{"Cache-Control": "max-age=31536000"}, 24 * time.Hour},
		{map[string]string{"Cache-Control": "max-age=99999999999999999999"}, 5 * time.Minute},
		{map[string]string{"Cache-Control": "max-age=-5"}, 5 * time.Minute},
		{map[string]string{"Cache-Control": `max-age="7200"`, "Age": "3600"}, time.Hour},
		{map[string]string{"Expires": "Wed, 25 Nov 2026 12:00:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 2 * time.Hour},
		{map[string]string{"Expires": "0"}, 5 * time.Minute},
		{map[string]string{"Expires": "Wed, 25 Nov 2026 12:00:00 GMT", "Date": "Wed, 25 Nov 2026 10:00:00 GMT", "Cache-Control": "max-age=600"}, 10 * time.Minute},
	} {
		w := newWorld(t)
		for k, v := range c.headers {
			w.provider.headers.Set(k, v)
		}
		w.trust(t, nil)
		w.try(t, w.token(t, nil))
		w.clock.forward(c.hold - time.Second)
		w.try(t, w.token(t, nil))
		early := w.provider.count("/jwks")
		w.clock.forward(time.Second)
		if got := w.try(t, w.token(t, map[string]any{"jti": "2"})); got != "" || early != 1 || w.provider.count("/jwks") != 2 {
			t.Errorf("%v: %d requests before %s, %d after, %q", c.headers, early, c.hold, w.provider.count("/jwks"), got)
		}
	}
}

// While its issuer is away, a key that was good goes on for a day, and nothing else
// is accepted.
func TestOutage(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	down := func(is bool) {
		w.provider.set(func(p *provider) {
			p.instead = nil
			if is {
				p.instead = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }
			}
		})
	}
	down(true)
	for range 3 {
		if _, _, err := w.Authenticate(t.Context(), w.token(t, nil)); !away(err) || !strings.Contains(err.Error(), w.provider.URL) {
			t.Fatalf("there have never been keys: %v", err)
		}
	}
	if n := w.provider.all(); n > 2 {
		t.Errorf("%d requests to an issuer that is away, at the same time", n)
	}
	down(false)
	w.clock.forward(5 * time.Second)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Fatalf("back after 5 s: %q", got)
	}
	down(true)
	w.clock.forward(time.Hour)
	before := w.provider.all()
	for range 20 {
		w.clock.forward(time.Second)
		if got := w.try(t, w.token(t, nil)); got != "" {
			t.Fatalf("stale for an hour: %q", got)
		}
	}
	if n := w.provider.all() - before; n > 2 {
		t.Errorf("%d requests in 20 s to an issuer that is away", n)
	}
	unknown := func() error {
		_, _, err := w.Authenticate(t.Context(), newKey(t, "k9").forge(t, with(w.header(), map[string]any{"kid": "k9"}), w.claims()))
		return err
	}
	if err := unknown(); !away(err) {
		t.Errorf("a key that it may have, or not: %v", err)
	}
	w.clock.forward(23*time.Hour + 59*time.Minute)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Errorf("almost a day stale: %q", got)
	}
	w.clock.forward(time.Minute)
	if _, _, err := w.Authenticate(t.Context(), w.token(t, nil)); !away(err) {
		t.Errorf("a day stale: %v", err)
	}
	down(false)
	w.clock.forward(31 * time.Second)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Errorf("back: %q", got)
	}
	if got := reason(t, unknown()); got != badKey {
		t.Errorf("%q", got)
	}
}

// An issuer that does not answer holds nobody up who has keys of it, and nobody
// longer than the context lets.
func TestSlowIssuer(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	defer close(release)
	hang := func(p *provider) {
		p.instead = func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return true
		}
	}
	w.provider.set(hang)
	w.trust(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, _, err := w.Authenticate(ctx, w.token(t, nil)); !away(err) || time.Since(start) > 3*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}

	w = newWorld(t)
	w.trust(t, nil)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Fatal(got)
	}
	w.provider.set(hang)
	w.clock.forward(2 * time.Hour)
	start = time.Now()
	if got := w.try(t, w.token(t, nil)); got != "" || time.Since(start) > 4*time.Second {
		t.Errorf("with keys of before: %q after %s", got, time.Since(start))
	}
}

func TestBadKeyDocuments(t *testing.T) {
	good, err := json.Marshal(newKey(t, "x").jwk())
	if err != nil {
		t.Fatal(err)
	}
	private, err := json.Marshal(jose.JSONWebKey{Key: newKey(t, "x").private, KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	for what, body := range map[string]string{
		"nothing":            "",
		"a page":             "<html>",
		"no list":            `{}`,
		"null":               `{"keys":null}`,
		"no keys":            `{"keys":[]}`,
		"only a private one": `{"keys":[` + string(private) + `]}`,
		"only a secret one":  `{"keys":[{"kty":"oct","kid":"k1","k":"` + strings.Repeat("A", 43) + `"}]}`,
		"101 keys":           `{"keys":[` + strings.Repeat(string(good)+",", 100) + string(good) + `]}`,
		"deep":               `{"keys":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
		"a text":             `{"keys":"x"}`,
	} {
		w := newWorld(t)
		w.provider.set(func(p *provider) {
			p.instead = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/jwks" {
					return false
				}
				_, _ = io.WriteString(w, body)
				return true
			}
		})
		w.trust(t, nil)
		if _, _, err := w.Authenticate(t.Context(), w.token(t, nil)); !away(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Keys that cannot be used do not spoil the others.
	w := newWorld(t)
	mine, err := json.Marshal(w.key.jwk())
	if err != nil {
		t.Fatal(err)
	}
	w.provider.set(func(p *provider) {
		p.instead = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/jwks" {
				return false
			}
			_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"new","kid":"k1"},7,null,{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"OKP","crv":"X25519","x":"AA"},%s,%s]}`, private, mine)
			return true
		}
	})
	w.trust(t, nil)
	if got := w.try(t, w.token(t, nil)); got != "" {
		t.Errorf("%q", got)
	}
}

func TestHugeKeyDocument(t *testing.T) {
	w := newWorld(t)
	var sent atomic.Int64
	w.provider.set(func(p *provider) {
		p.instead = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/jwks" {
				return false
			}
			chunk := []byte(strings.Repeat(" ", 64<<10))
			for range 1 << 10 { // 64 MiB, if anybody reads it
				n, err := w.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					break
				}
			}
			return true
		}
	})
	w.trust(t, nil)
	if _, _, err := w.Authenticate(t.Context(), w.token(t, nil)); !away(err) {
		t.Errorf("%v", err)
	}
	if sent.Load() > 16<<20 { // what the kernel holds between the two
		t.Errorf("%d bytes were read", sent.Load())
	}
}

// One request for keys serves all that wait for them.
func TestKeysAreAskedForOnce(t *testing.T) {
	w := newWorld(t)
	var waiting atomic.Int64
	w.provider.set(func(p *provider) {
		p.instead = func(_ http.ResponseWriter, r *http.Request) bool {
			for r.Context().Err() == nil && waiting.Load() < 32 {
			}
			return false
		}
	})
	w.trust(t, nil)
	token := w.token(t, nil)
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			waiting.Add(1)
			if _, _, err := w.Authenticate(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.provider.count("/jwks"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestKeysFile(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	write := func(keys ...jose.JSONWebKey) {
		body, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trust := func() {
		w.trust(t, func(i *issuer.Issuer) { i.URL, i.KeysFile = "kubernetes/serviceaccount", file })
	}
	token := func() string { return w.token(t, map[string]any{"iss": "kubernetes/serviceaccount"}) }
	trust()
	if _, _, err := w.Authenticate(t.Context(), token()); !away(err) {
		t.Errorf("no file: %v", err)
	}
	write(w.key.jwk())
	w.clock.forward(5 * time.Second)
	if got := w.try(t, token()); got != "" {
		t.Errorf("%q", got)
	}
	write(newKey(t, "k2").jwk())
	w.clock.forward(time.Minute)
	if got := w.try(t, token()); got != badKey {
		t.Errorf("a key taken out of the file: %q", got)
	}
	if w.provider.all() != 0 {
		t.Error("the issuer was asked")
	}
}
