package limits

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// TestMain lets the test binary play the other process of a test.
func TestMain(m *testing.M) {
	if url := os.Getenv("TOOLVAULT_TEST_STORE"); url != "" {
		os.Exit(spender(url))
	}
	os.Exit(m.Run())
}

const crowd = 8 // goroutines of a spender

// spender makes calls, eight at once, until there are none left. For each that is let
// through it writes a line: the window.
func spender(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	st, err := store.Open(ctx, url)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	most, _ := strconv.ParseInt(os.Getenv("TOOLVAULT_TEST_MOST"), 10, 64)
	b := New(Options{Store: st, Now: time.Now})
	b.Configure([]Limit{{Kind: Writes, Max: most, Per: Day}}, nil)
	running := make(chan error)
	life, end := context.WithCancel(ctx)
	go func() { running <- b.Run(life) }()
	slow := os.Getenv("TOOLVAULT_TEST_SLOW") != ""
	var wait sync.WaitGroup
	for range crowd {
		wait.Go(func() {
			for {
				paid, err := b.Of("a1", nil, "x", "y").Write(ctx)
				var exceeded *ExceededError
				switch {
				case err == nil:
					if slow {
						time.Sleep(20 * time.Millisecond) // it is killed on the way
					}
					fmt.Println(paid.at.UTC().Truncate(Day.Length()).Unix())
				case errors.As(err, &exceeded):
					return
				default:
					fmt.Println("error:", err)
					return
				}
			}
		})
	}
	wait.Wait()
	end()
	<-running // what is not used has gone back
	if st.Close() != nil {
		return 1
	}
	return 0
}

// spending is a spender under way.
type spending struct {
	cmd   *exec.Cmd
	done  chan struct{}
	count func() int

	mu     sync.Mutex
	passed map[string]int // by window
	errs   []string
}

func spend(t *testing.T, url string, most int, more ...string) *spending {
	t.Helper()
	s := &spending{cmd: exec.Command(os.Args[0]), done: make(chan struct{}), passed: map[string]int{}}
	s.cmd.Env = append(append(os.Environ(), "TOOLVAULT_TEST_STORE="+url, "TOOLVAULT_TEST_MOST="+strconv.Itoa(most)), more...)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	must(t, err)
	must(t, s.cmd.Start())
	s.count = func() (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, k := range s.passed {
			n += k
		}
		return n
	}
	go s.read(out)
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); <-s.done; _ = s.cmd.Wait() })
	return s
}

func (s *spending) read(out io.Reader) {
	defer close(s.done)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		s.mu.Lock()
		if line := lines.Text(); strings.HasPrefix(line, "error:") {
			s.errs = append(s.errs, line)
		} else {
			s.passed[line]++
		}
		s.mu.Unlock()
	}
}

// reach waits until the process has made n calls, or has ended.
func (s *spending) reach(t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); s.count() < n; {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute it has made %d calls of %d", s.count(), n)
		}
	}
}

func eachStore(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("SQLite", func(t *testing.T) { test(t, "file:"+t.TempDir()+"/s.db") })
	t.Run("Redis", func(t *testing.T) { test(t, storetest.Redis(t)) })
}

// Four processes on one store, of which one is killed in the middle of it, let pass
// no more than the limit; and no less than the limit without what the one that was
// killed had set aside: an eighth, and a call in each of its goroutines.
func TestProcessesShareABudget(t *testing.T) {
	eachStore(t, func(t *testing.T, url string) {
		const most = 6000
		doomed := spend(t, url, most, "TOOLVAULT_TEST_SLOW=1")
		all := []*spending{doomed}
		doomed.reach(t, 50)
		for range 3 {
			all = append(all, spend(t, url, most))
		}
		all[3].reach(t, 1)
		must(t, doomed.cmd.Process.Kill())
		sum := map[string]int{}
		for _, s := range all {
			<-s.done
			if len(s.errs) > 0 {
				t.Error(s.errs)
			}
			for window, n := range s.passed {
				sum[window] += n
			}
		}
		total := 0
		for window, n := range sum {
			if total += n; n > most {
				t.Errorf("%d of %d passed in the window of %s", n, most, window)
			}
		}
		if total < most-most/share-crowd {
			t.Errorf("only %d of %d passed", total, most)
		}
		// Who comes now, after the end of all, finds what they had used.
		st, err := store.Open(t.Context(), url)
		must(t, err)
		defer func() { _ = st.Close() }()
		late := New(Options{Store: st, Now: time.Now})
		late.Configure([]Limit{{Kind: Writes, Max: most, Per: Day}}, nil)
		if used := int(standing(t, late, "a1")[0].Used); len(sum) == 1 && (used < total || used > total+most/share+crowd) {
			t.Errorf("%d are said to be used, not %d", used, total)
		}
		t.Logf("%d of %d passed, %d by the one that was killed", total, most, doomed.count())
	})
}

// Many goroutines of one process, and the race detector, on a real store.
func TestGoroutinesShareABudget(t *testing.T) {
	eachStore(t, func(t *testing.T, url string) {
		st, err := store.Open(t.Context(), url)
		must(t, err)
		defer func() { _ = st.Close() }()
		at := time.Now().Truncate(time.Hour).Add(30 * time.Minute) // not at the turn of a window
		b := New(Options{Store: still{st, at}, Now: func() time.Time { return at }})
		b.Configure([]Limit{{Kind: Calls, Max: 3000, Per: Hour, Tool: "z"}, {Kind: Bytes, Max: 1_000_000, Per: Hour, Tool: "x"}, {Kind: Calls, Max: 500, Per: Hour, Tool: "x"}}, nil)
		var mu sync.Mutex
		done, read := map[string]int{}, 0
		var wait sync.WaitGroup
		for i := range 16 {
			tool := []string{"x", "z"}[i%2]
			wait.Go(func() {
				toll := b.Of("a1", nil, tool, "y")
				for toll.Call(context.Background()) == nil {
					n := 0
					if toll.Open(context.Background()) == nil {
						n = 5000
						toll.Read(context.Background(), int64(n))
					}
					mu.Lock()
					done[tool]++
					if tool == "x" {
						read += n
					}
					mu.Unlock()
				}
			})
			if i == 7 {
				wait.Go(func() { b.tidy(context.Background(), true) })
				wait.Go(func() { b.Configure(b.rules.Load().all, nil) })
			}
		}
		wait.Wait()
		if done["x"] != 500 || done["z"] > 3000 || done["z"] < 2900 {
			t.Errorf("%v", done)
		}
		if read < 1_000_000 || read > 1_000_000+8*5000 {
			t.Errorf("%d bytes were read", read)
		}
	})
}

// still is a store whose clock stands.
type still struct {
	Store
	at time.Time
}

func (s still) Now(context.Context) (time.Time, error) { return s.at, nil }
