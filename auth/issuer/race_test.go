package issuer_test

import (
	"net/http"
	"sync"
	"testing"

	"toolvault/auth/issuer"
)

// Whoever calls while the config changes meets the old one or the new one; whoever
// calls afterwards the new one.
func TestConfigureWhileCalling(t *testing.T) {
	w := newWorld(t)
	first := w.issuer()
	second := w.issuer()
	second.Rules = []issuer.Rule{{Agent: "ci"}}
	w.Configure([]issuer.Issuer{first})
	token := w.token(t, nil)
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if id, _, err := w.Authenticate(t.Context(), token); err != nil || id.Agent != "ci" && id.Agent != "support-agent-1" {
					t.Errorf("%q, %v", id.Agent, err)
					return
				}
				w.Takes(w.provider.URL)
			}
		})
	}
	for n := range 300 {
		next, want := first, "support-agent-1"
		if n%2 == 0 {
			next, want = second, "ci"
		}
		w.Configure([]issuer.Issuer{next})
		for range 3 {
			if id, _, err := w.Authenticate(t.Context(), token); err != nil || id.Agent != want {
				t.Fatalf("change %d: %q, %v", n, id.Agent, err)
			}
		}
	}
	close(stop)
	callers.Wait()
}

// A call that began under the old config leaves nothing for the new one to find.
func TestConfigureDuringACall(t *testing.T) {
	w := newWorld(t)
	w.trust(t, nil)
	token := w.token(t, nil)
	w.try(t, token)
	w.try(t, token)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	w.trust(t, func(i *issuer.Issuer) { i.Introspect = w.introspection() })
	w.says(token, nil)
	w.provider.set(func(p *provider) {
		p.instead = func(_ http.ResponseWriter, r *http.Request) bool {
			begun <- struct{}{}
			<-release
			return false
		}
	})
	done := make(chan string)
	go func() {
		_, _, err := w.Authenticate(t.Context(), token)
		done <- reason(t, err)
	}()
	<-begun
	w.trust(t, func(i *issuer.Issuer) { i.Rules = []issuer.Rule{{Subject: "bob", Agent: "ci"}} })
	close(release)
	if got := <-done; got != "" {
		t.Errorf("the call that had begun: %q", got)
	}
	if got := w.try(t, token); got != noRule {
		t.Errorf("the next call: %q", got)
	}
}
