package server

import (
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/vault/store/storetest"
)

// TestACrowdAtThreeReplicas: 64 clients at three replicas on one Redis redeem codes,
// each at several replicas at once, and refresh, half of the time twice at once, as a
// network that sends again does. No code is taken twice, nobody who did nothing wrong
// is taken for a thief, and no client loses its sign-in. It takes a second, or as long
// as TOOLVAULT_CROWD says ("1m").
func TestACrowdAtThreeReplicas(t *testing.T) {
	length := time.Second
	if text := os.Getenv("TOOLVAULT_CROWD"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	h := newHouse(t, storetest.Redis(t))
	on := []*replica{h.replica(), h.replica(), h.replica()}
	end := time.Now().Add(length)
	var codes, doubled, refreshes, twice atomic.Int64
	go func() { // time passes for the servers as it does here
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if time.Now().After(end) {
				return
			}
			h.clock.pass(10 * time.Millisecond)
		}
	}()
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			var signedIn token
			for n := i; time.Now().Before(end) && !t.Failed(); n++ {
				here, there := on[n%3], on[(n+1)%3]
				if signedIn.Refresh == "" || n%16 == 0 {
					signedIn = here.post("", exchange(there.code("alice", query())))
					codes.Add(1)
					if signedIn.Status != http.StatusOK {
						t.Errorf("a code of another replica: %s", signedIn.body)
						return
					}
				}
				// A code that two replicas are asked for at once: one of them has to fail, and
				// all clients have one address here, from which little may.
				if i == 0 && n%16 == 5 {
					code := here.code("alice", query())
					var good atomic.Int64
					var both sync.WaitGroup
					for _, r := range []*replica{here, there} {
						both.Go(func() {
							if r.post("", exchange(code)).Status == http.StatusOK {
								good.Add(1)
							}
						})
					}
					both.Wait()
					codes.Add(1)
					doubled.Add(1)
					if good.Load() != 1 {
						t.Errorf("%d redemptions of one code", good.Load())
					}
				}
				one := here.post("", refreshing(signedIn.Refresh))
				if n%2 == 0 {
					again := there.post("", refreshing(signedIn.Refresh))
					twice.Add(1)
					if again.body != one.body {
						t.Errorf("sent again: %s, want %s", again.body, one.body)
						return
					}
				}
				refreshes.Add(1)
				if one.Status != http.StatusOK {
					t.Errorf("a refresh: %s", one.body)
					return
				}
				signedIn = one
			}
		})
	}
	all.Wait()
	// Of what was asked for twice only codes are told.
	if int64(h.told(Replayed)) > doubled.Load() {
		t.Errorf("%d replays told, and %d codes were asked for twice", h.told(Replayed), doubled.Load())
	}
	t.Logf("%d codes, %d refreshes, %d of them sent twice, %d replays told, in %v", codes.Load(), refreshes.Load(), twice.Load(), h.told(Replayed), length)
	if refreshes.Load() == 0 || codes.Load() == 0 {
		t.Error("nothing was tried")
	}
}
