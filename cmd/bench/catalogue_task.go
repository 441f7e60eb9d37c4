package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// task is something that a person asks for, as two scripts of tool calls: through
// our tools and through another server's.
type task struct {
	key, service string
	words        string   // as somebody would say it
	facts        []string // what the answers have to say, on both sides
	more         []string // and what ours say besides
	writes       bool     // it changes the service; otherwise it must not
	person       bool     // in Slack: with a person's token, which may search
	vendor       string   // whose server theirs is for
	ours, theirs func(*session)
	rival        func(*session) // in Slack: through the server that most use, which can be run
	cannot       string         // what theirs cannot do, in a few words; the rest is in their script
	explained    []explained
}

// explained is a difference in what a service holds afterwards that is right: what
// it is found by, which is left out of the comparison, and why.
type explained struct {
	what *regexp.Regexp
	why  string
}

// outcome is what came of a task.
type outcome struct {
	task             task
	ours, theirs     cost
	discovered       cost // ours with --discovery
	ran              bool // theirs was run here, not taken from the record
	oursErr, theirsE error
	differ           []string // what the service holds after ours (+) and after theirs (-)
}

func (o outcome) err() error {
	var errs []error
	if o.oursErr != nil {
		errs = append(errs, fmt.Errorf("ours: %w", o.oursErr))
	}
	if o.theirsE != nil {
		errs = append(errs, fmt.Errorf("theirs: %w", o.theirsE))
	}
	if len(o.differ) > 0 {
		errs = append(errs, fmt.Errorf("not the same state: %s", strings.Join(o.differ, "; ")))
	}
	return errors.Join(errs...)
}

// comparison is what the tasks are run with.
type comparison struct {
	program, npm string // the toolvault program, and where the packages are; "" for nowhere
	now          time.Time
	temp         string
	redirect     string    // the file with what changes where fetch goes
	log          io.Writer // nil, or where every call is written
	discover     bool      // measure ours with --discovery, too
}

// do does a task on both sides, each with services of its own.
func (c comparison) do(ctx context.Context, t task) outcome {
	o := outcome{task: t}
	var after, afterTheirs map[string]string
	facts := append(slices.Clone(t.facts), t.more...)
	o.ours, after, o.oursErr = c.side(ctx, t, facts, t.ours, false, func(ctx context.Context, w *world) (*mcpProcess, error) { return c.startOurs(ctx, w) })
	if o.oursErr == nil && c.discover && t.vendor != rival {
		script := func(s *session) {
			s.discover = t.words + " in " + title(t.service)
			t.ours(s)
		}
		o.discovered, _, o.oursErr = c.side(ctx, t, facts, script, false, func(ctx context.Context, w *world) (*mcpProcess, error) { return c.startOurs(ctx, w, "--discovery") })
	}
	if t.theirs == nil || t.vendor != hosted && c.npm == "" {
		return o
	}
	start := func(ctx context.Context, w *world) (*mcpProcess, error) { return c.startVendor(ctx, t.vendor, w) }
	if t.vendor == hosted {
		start = nil
	}
	o.theirs, afterTheirs, o.theirsE = c.side(ctx, t, t.facts, t.theirs, true, start)
	o.ran = true
	if o.oursErr == nil && o.theirsE == nil {
		o.differ = differences(after, afterTheirs, t.explained)
	}
	return o
}

// doAll does tasks side by side, as many as there are processors: each has services
// and servers of its own.
func (c comparison) doAll(ctx context.Context, tasks []task) []outcome {
	outcomes := make([]outcome, len(tasks))
	var all sync.WaitGroup
	free := make(chan struct{}, runtime.NumCPU())
	for i, t := range tasks {
		free <- struct{}{}
		all.Go(func() {
			outcomes[i] = c.do(ctx, t)
			<-free
		})
	}
	all.Wait()
	return outcomes
}

func (c comparison) startOurs(ctx context.Context, w *world, more ...string) (*mcpProcess, error) {
	dir, err := os.MkdirTemp(c.temp, "ours-")
	if err != nil {
		return nil, err
	}
	return startStdio(ctx, c.program, dir, w, more...)
}

// everything is the mode in which ours has all the services that there are, and not
// only those that the vendors' servers are for.
const everything = "--sandbox"

// startSandbox runs the real program with all services.
func (c comparison) startSandbox(ctx context.Context, _ *world, more ...string) (*mcpProcess, error) {
	dir, err := os.MkdirTemp(c.temp, "ours-")
	if err != nil {
		return nil, err
	}
	return startMCP(ctx, ours, nil, c.program, append([]string{"stdio", everything, "--data", filepath.Join(dir, "data")}, more...)...)
}

// side runs one script against fresh doubles, and returns what it cost and what the
// service holds afterwards.
func (c comparison) side(ctx context.Context, t task, facts []string, script func(*session), others bool, start func(context.Context, *world) (*mcpProcess, error)) (cost, map[string]string, error) {
	w, err := newWorld(c.now, others)
	if err != nil {
		return cost{}, nil, err
	}
	defer w.close()
	if t.person {
		w.secrets["slack"] = w.secrets["person"]
	}
	s := &session{ctx: ctx, world: w, log: c.log}
	if start != nil {
		if s.server, err = start(ctx, w); err != nil {
			return cost{}, nil, err
		}
		defer s.server.stop()
	}
	before, err := w.state(t.service)
	if err != nil {
		return cost{}, nil, err
	}
	if script(s); s.err != nil {
		return s.cost(), nil, s.err
	}
	for _, fact := range facts {
		if !strings.Contains(s.said.String(), fact) {
			return s.cost(), nil, fmt.Errorf("the answers do not say %q: %.1500s", fact, s.said.String())
		}
	}
	after, err := w.state(t.service)
	if err != nil {
		return s.cost(), nil, err
	}
	if changed := !maps.Equal(before, after); changed != t.writes {
		return s.cost(), after, fmt.Errorf("the task writes: %v, but the service was changed: %v", t.writes, changed)
	}
	return s.cost(), after, nil
}

// differences are the things that are not the same in two states, in order.
func differences(ours, theirs map[string]string, but []explained) []string {
	a, b := stripped(ours, but), stripped(theirs, but)
	var list []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			list = append(list, "+ "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			list = append(list, "- "+line)
		}
	}
	return list
}

func stripped(state map[string]string, but []explained) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(state)) {
		line := name + " = " + state[name]
		for _, e := range but {
			line = e.what.ReplaceAllString(line, "")
		}
		lines = append(lines, line)
	}
	return lines
}

// prepare makes a folder of its own and builds the program unless there is one.
func prepare(ctx context.Context, program, npm string) (comparison, func(), error) {
	dir, err := os.MkdirTemp("", "toolvault-catalogue-")
	if err != nil {
		return comparison{}, nil, err
	}
	c := comparison{program: program, npm: npm, temp: dir, now: time.Now().UTC().Truncate(time.Second)}
	clean := func() { _ = os.RemoveAll(dir) }
	if c.program == "" {
		if c.program, err = build(ctx, dir); err != nil {
			clean()
			return c, nil, err
		}
	}
	c.redirect = filepath.Join(dir, "redirect.mjs")
	if err := os.WriteFile(c.redirect, redirect, 0o600); err != nil {
		clean()
		return c, nil, err
	}
	if npm != "" {
		if c.npm, err = filepath.Abs(npm); err != nil {
			clean()
			return c, nil, err
		}
	}
	return c, clean, nil
}
