// Command bench measures what a call costs with everything on, side by side with
// servers that have nothing on: a bare mcp-go server on its stock HTTP handler,
// the same behind a handler like ours, and a bare server on the official Go SDK.
// All have the same tool, which calls the same fake upstream.
//
// Each server is a process of its own, so that its CPU time and memory are its
// own, too. They are loaded in turns, several rounds, so that what else the
// machine does falls on all of them. No two requests are alike, and each answer
// is checked.
//
// "bench catalogue" is another comparison: what a model reads and writes through
// our tools and through the vendors' own servers for the same tasks. "bench doubles"
// serves the doubles of all services, for the vendors' own clients.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

type settings struct {
	duration time.Duration // of one server at one number of connections in one round
	rounds   int
	servers  []string
	conns    []int
	work     work
	program  string
	json     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) > 0 && args[0] == "catalogue" {
		return catalogue(ctx, args[1:], out, log)
	}
	if len(args) == 1 && args[0] == "doubles" {
		return doubles(ctx, os.Stdin, out)
	}
	var s settings
	var only, child, upstream string
	var write bool
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.DurationVar(&s.duration, "duration", 2*time.Second, "how long to load one server at one number of connections, each round")
	flags.IntVar(&s.rounds, "rounds", 3, "how many times round all servers")
	flags.BoolVar(&s.json, "json", false, "print one JSON document a line instead of tables")
	flags.BoolVar(&write, "write", false, "load with a tool that writes (two durable records) instead of one that reads")
	flags.StringVar(&only, "servers", strings.Join(names(), ","), "which servers to load; ratios are to the first")
	flags.StringVar(&s.program, "toolvault", "", "a toolvault program to measure, instead of one built from this tree")
	flags.StringVar(&child, "child", "", "internal: be this server")
	flags.StringVar(&upstream, "upstream", "", "internal: and call this upstream")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s.work = reading
	if write {
		s.work = writing
	}
	if child != "" {
		return serveChild(child, upstream, s.work)
	}
	s.conns = []int{1, 16, 64}
	s.servers = strings.Split(only, ",")
	for _, name := range s.servers {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no server %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	if s.duration <= 0 || s.rounds <= 0 {
		return errors.New("-duration and -rounds have to be more than zero")
	}
	r, err := measure(ctx, s, log)
	if err != nil {
		return err
	}
	if s.json {
		err = r.printJSON(out)
	} else {
		err = r.printTables(out)
	}
	if err == nil && r.failures() > 0 {
		err = fmt.Errorf("%d of the answers were wrong, the first: %s", r.failures(), r.firstFailure())
	}
	return err
}

// measure starts everything, loads every server in turns, and stops everything.
func measure(ctx context.Context, s settings, log io.Writer) (*report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp("", "toolvault-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &report{Work: s.work.tool, Conns: s.conns}
	if slices.Contains(s.servers, ours) {
		if s.program == "" {
			_, _ = fmt.Fprintln(log, "building toolvault, stripped")
			if s.program, err = build(ctx, dir); err != nil {
				return nil, err
			}
		}
		if r.BinaryBytes, err = size(s.program); err != nil {
			return nil, err
		}
		if r.Sync, err = syncTime(dir); err != nil {
			return nil, err
		}
	}
	fake, err := startChild(ctx, "upstream", "", s.work)
	if err != nil {
		return nil, err
	}
	defer fake.stop()
	for _, name := range s.servers {
		c, err := start(ctx, name, fake.url, dir, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		defer c.stop()
		row := &row{Server: name, server: c}
		if row.FirstAnswer, err = firstAnswer(ctx, c, s.work); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r.Rows = append(r.Rows, row)
	}
	for _, row := range r.Rows { // all have started, none has been loaded
		if row.IdleKB, err = residentKB(row.server.pid); err != nil {
			return nil, err
		}
	}
	for round := range s.rounds {
		for _, n := range s.conns {
			for _, row := range r.Rows {
				_, _ = fmt.Fprintf(log, "round %d of %d: %d connections, %s\n", round+1, s.rounds, n, row.Server)
				if err := row.load(ctx, n, s); err != nil {
					return nil, fmt.Errorf("%s: %w", row.Server, err)
				}
			}
		}
	}
	return r, nil
}
