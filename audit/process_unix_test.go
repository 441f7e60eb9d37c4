//go:build unix

package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The test binary is also the child of the tests with processes.
func TestMain(m *testing.M) {
	switch os.Getenv("AUDIT_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "append":
		childAppend()
	case "limit":
		childLimit()
	}
}

// childAppend appends without end and prints each acknowledged index.
func childAppend() {
	l, err := Open(Options{Dir: os.Getenv("AUDIT_TEST_DIR"), Key: testKey(), Name: testName, segmentBytes: segmentSize()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if os.Getenv("AUDIT_TEST_UPKEEP") != "" {
		go childUpkeep(l)
	}
	most, _ := strconv.Atoi(os.Getenv("AUDIT_TEST_MOST"))
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; most == 0 || i < most/8; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				r := call(i)
				r.CallID = id
				got, err := l.Append(context.Background(), r)
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Fprintln(out, got.Index(), id)
				out.Flush()
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		os.Exit(1)
	}
}

func segmentSize() int64 {
	if os.Getenv("AUDIT_TEST_UPKEEP") != "" {
		return 10_000
	}
	return 100_000
}

// childUpkeep seals and erases without end.
func childUpkeep(l *Log) {
	for n := int64(0); ; n++ {
		err := l.Upkeep(context.Background(), 0)
		if size := l.Size(); err == nil && size > 3 {
			first := n * 7919 % (size - 2)
			err = l.Erase(context.Background(), Erasure{Spans: []Span{{first, first + 2}}, Event: EventErased})
		}
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

func child(t *testing.T, what, dir string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "AUDIT_TEST_CHILD="+what, "AUDIT_TEST_DIR="+dir)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func collect(t *testing.T, in *bufio.Scanner, ids map[int64]string) {
	t.Helper()
	for in.Scan() {
		word, id, ok := strings.Cut(in.Text(), " ")
		index, err := strconv.ParseInt(word, 10, 64)
		if err != nil || !ok {
			t.Fatalf("child: %s", in.Text())
		}
		if was, ok := ids[index]; ok {
			t.Fatalf("index %d was given to %s and %s", index, was, id)
		}
		ids[index] = id
	}
}

func holds(t *testing.T, dir string, ids map[int64]string) {
	t.Helper()
	list, err := Query(t.Context(), dir, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	have := map[int64]string{}
	for _, e := range list {
		have[e.Index] = e.CallID
	}
	for index, id := range ids {
		if have[index] != id {
			t.Fatalf("acknowledged record %d is %q, want %q", index, have[index], id)
		}
	}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	ids := map[int64]string{}
	live := openTest(t, dir, func(o *Options) { o.segmentBytes = 100_000 })
	for round := range 4 {
		cmd, out := child(t, "append", dir)
		for range 50 + 37*round {
			if !out.Scan() {
				t.Fatal("the child ended")
			}
			word, id, _ := strings.Cut(out.Text(), " ")
			index, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				t.Fatal(out.Text())
			}
			ids[index] = id
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		collect(t, out, ids)
		_ = cmd.Wait()
		r, err := live.Append(t.Context(), call(round)) // a live process goes on after the dead one
		if err != nil {
			t.Fatal(err)
		}
		ids[r.Index()] = call(round).CallID
		verified(t, dir, live.Size())
	}
	holds(t, dir, ids)
}

// Killed while it seals and erases, a log is whole, and what was begun is ended.
func TestKilledInTheMiddleOfUpkeep(t *testing.T) {
	dir := t.TempDir()
	ids := map[int64]string{}
	live := openTest(t, dir, func(o *Options) { o.segmentBytes = 10_000 })
	for round := range 12 {
		cmd, out := child(t, "append", dir, "AUDIT_TEST_UPKEEP=1")
		for range 40 + 17*round {
			if !out.Scan() {
				t.Fatal("the child ended")
			}
			word, id, _ := strings.Cut(out.Text(), " ")
			index, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				t.Fatal(out.Text())
			}
			ids[index] = id
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		collect(t, out, ids)
		_ = cmd.Wait()
		if _, err := os.Stat(filepath.Join(dir, erasingName)); err != nil {
			verified(t, dir, -1) // else its bodies may be half gone
		}
		if err := live.Upkeep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := live.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		verified(t, dir, live.Size())
	}
	if r := verified(t, dir, -1); r.Erased == 0 {
		t.Fatal("nothing was erased")
	}
	holds(t, dir, ids)
}

func TestTwoProcessesAppendToOneLog(t *testing.T) {
	dir := t.TempDir()
	ids := map[int64]string{}
	a, outA := child(t, "append", dir, "AUDIT_TEST_MOST=400")
	b, outB := child(t, "append", dir, "AUDIT_TEST_MOST=400")
	idsB := map[int64]string{}
	var wg sync.WaitGroup
	wg.Go(func() { collect(t, outB, idsB) })
	collect(t, outA, ids)
	wg.Wait()
	if err := errors.Join(a.Wait(), b.Wait()); err != nil {
		t.Fatal(err)
	}
	for i, id := range idsB {
		if _, ok := ids[i]; ok {
			t.Fatalf("index %d was given twice", i)
		}
		ids[i] = id
	}
	if len(ids) != 800 {
		t.Fatalf("%d records", len(ids))
	}
	verified(t, dir, 800)
	holds(t, dir, ids)
}
