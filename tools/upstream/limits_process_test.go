package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// TestMain lets the test binary play the other process of a test.
func TestMain(m *testing.M) {
	if at := os.Getenv("TOOLVAULT_TEST_CALLER"); at != "" {
		os.Exit(caller(at))
	}
	os.Exit(m.Run())
}

// assignment is what a process is to do.
type assignment struct {
	Store, Service string
	Far            bool
	Requests       int
	Limit          Limit
}

// caller makes its requests one after the other, as fast as the limit lets it.
func caller(text string) int {
	var a assignment
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	st, err := store.Open(ctx, a.Store)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = st.Close() }()
	p := NewPool(nil, Shared(st, a.Far, nil))
	e := Endpoint{Service: "acme", BaseURL: a.Service, Limits: func(*Client, *Request) []Limit { return []Limit{a.Limit} }}
	for range a.Requests {
		if err := p.Client(e, &key{name: "k"}, "call-1").Do(ctx, Request{Path: "/x", Read: true}, nil); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 0
}

// Processes that share a data folder, or a Redis, keep together to what the
// service takes, and use it up.
func TestProcessesShareALimit(t *testing.T) {
	const processes, each = 3, 30
	for name, where := range map[string]struct {
		url func() string
		far bool
	}{
		"sqlite": {func() string { return "file:" + t.TempDir() }, false},
		"redis":  {func() string { return storetest.Redis(t) }, true},
	} {
		for _, limit := range []Limit{
			{Key: "account", Burst: 4, Every: 12 * time.Millisecond},
			{Key: "account", Burst: 40, Every: 15 * time.Millisecond},
		} {
			t.Run(fmt.Sprintf("%s, burst %d", name, limit.Burst), func(t *testing.T) {
				var mu sync.Mutex
				var seen []time.Time
				srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					seen = append(seen, time.Now())
				}))
				defer srv.Close()
				task, err := json.Marshal(assignment{Store: where.url(), Service: srv.URL, Far: where.far, Requests: each, Limit: limit})
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				for range processes {
					wg.Go(func() {
						cmd := exec.CommandContext(within(t), os.Args[0])
						cmd.Env = append(os.Environ(), "TOOLVAULT_TEST_CALLER="+string(task))
						if out, err := cmd.CombinedOutput(); err != nil {
							t.Errorf("%v: %s", err, out)
						}
					})
				}
				wg.Wait()
				slices.SortFunc(seen, time.Time.Compare)
				if len(seen) != processes*each {
					t.Fatalf("%d requests arrived, want %d", len(seen), processes*each)
				}
				took := seen[len(seen)-1].Sub(seen[0])
				// The first may have been on its way for longer than the last.
				const onTheWay = 100 * time.Millisecond
				if least := time.Duration(len(seen)-limit.Burst-1) * limit.Every; took < least-onTheWay {
					t.Errorf("%d requests arrived within %v, want %v at least", len(seen), took, least)
				}
			})
		}
	}
}
