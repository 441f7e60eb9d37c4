package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// change is what Watch reported.
type change struct {
	agents int
	err    error
}

func watch(t *testing.T, path string) <-chan change {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	changes, done := make(chan change, 100), make(chan error, 1)
	go func() {
		done <- Watch(ctx, path, known(), 5*time.Millisecond,
			func(c *Config) { changes <- change{agents: len(c.Agents)} },
			func(err error) { changes <- change{err: err} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
		if len(changes) > 0 {
			t.Errorf("%d changes more than there were", len(changes))
		}
	})
	return changes
}

func next(t *testing.T, changes <-chan change) change {
	t.Helper()
	select {
	case c := <-changes:
		return c
	case <-time.After(10 * time.Second):
		t.Fatal("no change was reported")
		return change{}
	}
}

func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

const oneAgent, twoAgents = "agents: [{agentId: a}]", "agents: [{agentId: a}, {agentId: b}]"

func TestWatchSeesEveryWayOfChangingAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	replace(t, path, oneAgent)
	changes := watch(t, path)
	if c := next(t, changes); c.agents != 1 || c.err != nil {
		t.Fatalf("at first %+v", c)
	}
	replace(t, path, twoAgents)
	if c := next(t, changes); c.agents != 2 {
		t.Fatalf("after a replacement %+v", c)
	}
	if err := os.WriteFile(path, []byte(oneAgent), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes); c.agents != 1 {
		t.Fatalf("after a write %+v", c)
	}
	// The same size and time, as an editor or a tool that keeps times leaves it.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Replace(oneAgent, "agentId", "agentJd", 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Chtimes(path, time.Time{}, info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes); c.err == nil {
		t.Fatalf("after a write that kept the time %+v", c)
	}
}

func TestWatchReportsABrokenFileOnceAndThenItsMending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	replace(t, path, oneAgent)
	changes := watch(t, path)
	next(t, changes)
	replace(t, path, "agents: [")
	var es Errors
	if c := next(t, changes); !errors.As(c.err, &es) {
		t.Fatalf("%+v", c)
	}
	replace(t, path, "agents: [") // again: not reported again, as the cleanup sees
	replace(t, path, twoAgents)
	if c := next(t, changes); c.agents != 2 {
		t.Fatalf("%+v", c)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if c := next(t, changes); !errors.Is(c.err, os.ErrNotExist) {
		t.Fatalf("after its end %+v", c)
	}
	replace(t, path, twoAgents)
	if c := next(t, changes); c.agents != 2 {
		t.Fatalf("after its return %+v", c)
	}
}

// Kubernetes swaps the link "..data", through which the file is seen.
func TestWatchFollowsALinkThatIsSwapped(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"v1": oneAgent, "v2": twoAgents} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		replace(t, filepath.Join(dir, name, "c.yaml"), text)
	}
	link := func(to, name string) {
		if err := errors.Join(os.Symlink(to, filepath.Join(dir, name+".new")), os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "..data")
	link("..data/c.yaml", "c.yaml")
	changes := watch(t, filepath.Join(dir, "c.yaml"))
	if c := next(t, changes); c.agents != 1 {
		t.Fatalf("%+v", c)
	}
	link("v2", "..data")
	if c := next(t, changes); c.agents != 2 {
		t.Fatalf("%+v", c)
	}
}

func TestHalfAWriteIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	replace(t, path, oneAgent)
	w := watcher{path: path}
	looks := func() (changed bool) { _, changed, _ = w.look(); return }
	if looks() || !looks() {
		t.Fatal("a content counts at its second look")
	}
	for range 3 * rereadEvery {
		if looks() {
			t.Fatal("a content is reported twice")
		}
	}
	replace(t, path, "agents: [{age")
	if looks() {
		t.Fatal("half a write is read")
	}
	replace(t, path, twoAgents)
	if looks() {
		t.Fatal("what has not come to rest is read")
	}
	if content, changed, err := w.look(); !changed || err != nil || string(content) != twoAgents {
		t.Fatalf("%q %v %v", content, changed, err)
	}
}
