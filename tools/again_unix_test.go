//go:build unix

package tools_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/idempotency"
	"toolvault/vault"
	"toolvault/vault/store"
)

// TestOtherProcess is the other process of a test: it makes one write, and gets
// no further, since it is killed before the service answers.
func TestOtherProcess(t *testing.T) {
	url := os.Getenv("TOOLVAULT_TEST_STORE")
	if url == "" {
		t.Skip("only as the other process of TestACallWhoseProcessDiedIsNotRepeated")
	}
	p := dying(t, url, os.Getenv("TOOLVAULT_TEST_MASTER"), os.Getenv("TOOLVAULT_TEST_SERVICE"), time.Now)
	p.Call(t.Context(), p.id, keyed("shelf_put", dune, "k"))
	t.Error("it was not killed")
}

// dying is a gateway on the store, whose calls take a second at most.
func dying(t *testing.T, url, master, service string, now func() time.Time) *world {
	w := newWorld(t, nil)
	st, err := store.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { _ = st.Close() })
	keyring, err := vault.OpenKeyring(t.Context(), st, vault.NewSecret(master))
	must(t, err)
	o := w.Options
	o.Timeout, o.Now = time.Second, now
	o.Ledger = idempotency.New(idempotency.Options{Store: st, Sealer: keyring, Now: now})
	o.Services = []tools.Service{shelf(service)}
	w.Gateway, err = tools.NewGateway(o)
	must(t, err)
	return w
}

func TestACallWhoseProcessDiedIsNotRepeated(t *testing.T) {
	eachStore(t, func(t *testing.T, url string) {
		var requests atomic.Int64
		arrived, end := make(chan struct{}, 8), make(chan struct{})
		service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == 1 {
				arrived <- struct{}{}
				select { // the first has no answer
				case <-r.Context().Done():
				case <-end:
				}
				return
			}
			_, _ = rw.Write([]byte(`{"echo":"done"}`))
		}))
		defer service.Close()
		defer close(end)
		master := vault.NewMasterKey().Reveal()
		var later atomic.Int64
		w := dying(t, url, master, service.URL, func() time.Time { return time.Now().Add(time.Duration(later.Load())) })

		cmd := exec.Command(os.Args[0], "-test.run=^TestOtherProcess$")
		cmd.Env = append(os.Environ(), "TOOLVAULT_TEST_STORE="+url, "TOOLVAULT_TEST_MASTER="+master, "TOOLVAULT_TEST_SERVICE="+service.URL)
		cmd.Stderr = os.Stderr
		must(t, cmd.Start())
		killed := make(chan struct{})
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-killed })
		<-arrived
		must(t, cmd.Process.Signal(syscall.SIGKILL))
		_ = cmd.Wait()
		close(killed)

		begun := time.Now()
		put := func(key string) tools.Result {
			return w.Call(context.Background(), w.id, keyed("shelf_put", dune, key))
		}
		r := put("k") // nobody can tell yet that it is dead
		if kind(r) != fault.Timeout || !r.Failure.Retryable || !strings.Contains(r.Text, "still under way") {
			t.Fatalf("at once: %+v", r)
		}
		first := r.RepeatOf
		later.Store(int64(20 * time.Second)) // a second for the call, ten for its outcome, five of grace
		for range 2 {
			r = put("k")
			if kind(r) != fault.Conflict || r.Failure.Retryable || r.RepeatOf != first {
				t.Fatalf("%+v", r)
			}
			for _, says := range []string{first, begun.UTC().Format("2006-01-02T"), "may or may not have been done", "Look in Shelf", "another idempotency key does it again"} {
				if !strings.Contains(r.Text, says) {
					t.Errorf("it does not say %q: %s", says, r.Text)
				}
			}
		}
		if last := w.log.records()[len(w.log.records())-1]; last.RepeatOf != first || last.Outcome != "conflict" {
			t.Errorf("record: %+v", last)
		}
		if n := requests.Load(); n != 1 {
			t.Errorf("%d requests: it was repeated", n)
		}
		if r := put("another"); r.Failure != nil || requests.Load() != 2 {
			t.Errorf("with another key: %+v", r)
		}
	})
}
