//go:build unix

package mirror_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/audit/mirror"
	"toolvault/vault/store/storetest"
)

// The test binary is also the child of the tests with processes: it mirrors to
// three places until it is killed.
func TestMain(m *testing.M) {
	switch os.Getenv("MIRROR_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "full":
		childFull()
		return
	}
	dir := os.Getenv("MIRROR_TEST_DIR")
	var g errgroup.Group
	for name, open := range places(nil, dir, os.Getenv("MIRROR_TEST_REDIS"), os.Getenv("MIRROR_TEST_HOOK"), os.Getenv("MIRROR_TEST_FILE")) {
		g.Go(func() error { return mirror.New(options(dir, name, open)).Run(context.Background()) })
	}
	fmt.Println(g.Wait())
	os.Exit(1)
}

func places(t testing.TB, dir, redis, url, path string) map[string]func() (mirror.Sink, error) {
	return map[string]func() (mirror.Sink, error){
		"redis": toRedis(t, redis, dir), "hook": hook(url), "file": toFile(path, 300_000, 1000),
	}
}

// world is a log that is written to all the time, and three places for it.
type world struct {
	dir, path string
	redis     *storetest.RedisServer
	hook      *receiver
}

func newWorld(t *testing.T) *world {
	return &world{dir: t.TempDir(), path: filepath.Join(t.TempDir(), "audit.jsonl"), redis: storetest.StartRedis(t), hook: newReceiver(t)}
}

func childCommand(t *testing.T, what string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), "MIRROR_TEST_CHILD="+what), os.Stderr
	return cmd
}

func (w *world) child(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := childCommand(t, "mirror")
	cmd.Env = append(cmd.Env, "MIRROR_TEST_DIR="+w.dir, "MIRROR_TEST_REDIS="+w.redis.URL, "MIRROR_TEST_HOOK="+w.hook.URL, "MIRROR_TEST_FILE="+w.path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// write appends records side by side until the returned function is called, but not
// more than so many ahead of the webhook.
func (w *world) write(t *testing.T) (stop func()) {
	l := open(t, w.dir)
	var n atomic.Int64
	var ended atomic.Bool
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for !ended.Load() {
				if i := n.Add(1); i < int64(w.hook.len())+1500 {
					add(t, l, call(int(i)))
				} else {
					n.Add(-1)
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	return func() {
		ended.Store(true)
		all.Wait()
	}
}

// end lets this process send the rest, and holds what has arrived against the log:
// no more than so many come twice at the webhook, and none elsewhere.
func (w *world) end(t *testing.T, repeats int) {
	t.Helper()
	for name, open := range places(t, w.dir, w.redis.URL, w.hook.URL, w.path) {
		m, stop := start(t, options(w.dir, name, open))
		caughtUp(t, m)
		stop()
	}
	t.Run("redis", func(t *testing.T) { inStream(t, w.redis.Client(t)).check(t, w.dir, 0) })
	t.Run("file", func(t *testing.T) { inFiles(t, w.path).check(t, w.dir, 0) })
	t.Run("hook", func(t *testing.T) { w.hook.check(t, w.dir, repeats) })
}

// A process that is killed at any moment loses nothing. What comes again is the last
// lot at the most, and nothing where the place can tell.
func TestKilledTwentyTimes(t *testing.T) {
	w := newWorld(t)
	stop := w.write(t)
	for round := range 20 {
		before := w.hook.len()
		cmd := w.child(t)
		until(t, "at work", func() bool { return w.hook.len() > before+50*(round%5) })
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}
	stop()
	w.end(t, 20*1024)
}

// Of two processes that share a folder one sends, and when it is gone the other goes
// on from there.
func TestTwoProcesses(t *testing.T) {
	w := newWorld(t)
	stop := w.write(t)
	first := w.child(t)
	until(t, "at work", func() bool { return w.hook.len() > 0 })
	second := w.child(t)
	third := w.child(t)
	before := w.hook.len()
	until(t, "at work still", func() bool { return w.hook.len() > before+2000 })
	_ = first.Process.Signal(syscall.SIGKILL)
	_ = first.Wait()
	before = w.hook.len()
	until(t, "taken over", func() bool { return w.hook.len() > before+2000 })
	stop()
	for _, cmd := range []*exec.Cmd{second, third} {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	}
	w.end(t, 3*1024)
}
