// Command storm tries what breaks rivals: many callers in several server
// processes share one OAuth credential whose access token lives for seconds and
// whose refresh tokens are good for one use, while a random server is killed with
// SIGKILL and started again every few seconds.
//
// The provider is npm's oidc-provider (see .ci/storm), a certified OpenID
// provider that revokes a whole grant when a refresh token is used twice. At the
// end: no refresh token was used twice, none was lost, and no call failed but
// those of the process that was killed.
//
// One gap is left by physics: a process that dies after the provider has spent the
// old token and before the new one is stored. It is counted, and the credential
// must then say so and wait for a person.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type settings struct {
	provider string        // command line of the provider
	program  string        // the toolvault to run; "" builds this tree's
	storage  string        // "sqlite", or a Redis URL
	servers  int           // processes
	callers  int           // of each process
	duration time.Duration // of the storm
	kill     time.Duration // how often; 0 never
	think    time.Duration // of a caller between two calls
	ttl      int           // life of an access token in seconds
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(os.Stderr, "storm:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("storm", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&s.provider, "provider", "", "command that starts the provider, e.g. \"node provider.mjs\"")
	flags.StringVar(&s.program, "toolvault", "", "a toolvault program to try, instead of one built from this tree")
	flags.StringVar(&s.storage, "storage", "sqlite", "sqlite, or the URL of a Redis")
	flags.IntVar(&s.servers, "servers", 3, "server processes")
	flags.IntVar(&s.callers, "callers", 64, "concurrent callers of each server")
	flags.DurationVar(&s.duration, "duration", 3*time.Minute, "how long")
	flags.DurationVar(&s.kill, "kill", 10*time.Second, "how often a random server is killed; 0 for never")
	flags.DurationVar(&s.think, "think", 50*time.Millisecond, "what a caller waits between two calls")
	flags.IntVar(&s.ttl, "ttl", 2, "life of an access token in seconds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.provider == "" || flags.NArg() > 0 {
		return errors.New("name the provider: -provider \"node provider.mjs\" (see .ci/storm/run)")
	}
	if s.servers < 1 || s.callers < 1 || s.duration <= 0 || s.ttl < 1 {
		return errors.New("-servers, -callers, -duration and -ttl have to be more than zero")
	}
	dir, err := os.MkdirTemp("", "storm")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f, err := newField(ctx, s, dir, log)
	if err != nil {
		return err
	}
	defer f.close()
	if err := f.storm(ctx); err != nil {
		return err
	}
	return f.report(ctx, out)
}
