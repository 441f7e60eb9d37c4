package vault

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	programFor  = 10 * time.Second // a run of a program
	programKept = 5 * time.Minute  // what it has written
	// A program that failed, or whose secret a service refuses, is not run again
	// for so long.
	programRest = 10 * time.Second
)

// CheckCommand holds what stands after "exec:" against its rule: a program, by an
// absolute path or a name that is looked for in PATH, and its arguments, divided by
// spaces. There is no shell, so there are no quotes.
func CheckCommand(command string) error {
	words := strings.Fields(command)
	switch {
	case len(words) == 0 || len(command) > 4096 || checkLine(command) != nil:
		return errors.New("after exec: stands a program and its arguments, divided by spaces")
	case strings.ContainsAny(words[0], `/\`) && !filepath.IsAbs(words[0]):
		return errors.New("after exec: stands a program by its absolute path, or by a name that is looked for in PATH")
	case strings.ContainsAny(command, "\"'`"):
		return errors.New("after exec: there are no quotes, since no shell reads them: put what needs a shell into a script, and name that")
	}
	return nil
}

// Exec runs a program of the admin's and returns what it writes to its standard
// output, without the line break at the end: a secret of at most MaxSecret bytes.
// It runs for ten seconds at most, with no input and this process's environment;
// then it is killed, with all that it has started in its group. What it writes to
// its standard error goes nowhere, since it may hold a secret. The error wraps
// ErrUnavailable where it took too long, else ErrInvalid.
func Exec(ctx context.Context, command string) (Secret, error) {
	return run(ctx, command, programFor)
}

func run(waiting context.Context, command string, limit time.Duration) (Secret, error) {
	if err := CheckCommand(command); err != nil {
		return Secret{}, invalid("%w", err)
	}
	words := strings.Fields(command)
	name := "the program " + words[0]
	ctx, cancel := context.WithTimeout(waiting, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	out := &output{full: cancel}
	cmd.Stdout = out
	cmd.WaitDelay = time.Second // for what it left behind and that keeps its output open
	ownGroup(cmd)
	err := cmd.Run()
	text := trimNewline(out.b.String())
	var exit *exec.ExitError
	switch {
	case out.over || len(text) > MaxSecret:
		return Secret{}, invalid("%s writes more than %d bytes: it must write the secret and nothing else", name, MaxSecret)
	case waiting.Err() != nil:
		return Secret{}, because(ErrUnavailable, "%s was stopped, since nobody waits for it any more: %w", name, waiting.Err())
	case ctx.Err() != nil:
		return Secret{}, because(ErrUnavailable, "%s was stopped, since it had not ended after %v: run it by hand to see what it waits for", name, limit)
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return Secret{}, invalid("%s ended with exit code %d; what it said is not shown, since it may hold a secret: run it by hand", name, exit.ExitCode())
	case errors.As(err, &exit):
		return Secret{}, invalid("%s ended by a signal: run it by hand", name)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return Secret{}, invalid("%s is not there: give its absolute path, or a name that is in PATH", name)
	case errors.Is(err, fs.ErrPermission):
		return Secret{}, invalid("%s may not be run by this user: see its owner and mode", name)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return Secret{}, invalid("%s cannot be run: %w", name, err)
	case text == "":
		return Secret{}, invalid("%s writes nothing: it must write the secret to its standard output", name)
	}
	return NewSecret(text), nil
}

// output takes what a program writes, up to a secret's length.
type output struct {
	b    bytes.Buffer // not embedded: its ReadFrom would take whatever comes
	over bool
	full func() // ends the program
}

var errOver = errors.New("it writes too much")

func (o *output) Write(p []byte) (int, error) {
	if o.b.Len()+len(p) > MaxSecret+2 { // a line break at the end
		o.over = true
		o.full()
		return 0, errOver
	}
	return o.b.Write(p)
}

// programs remembers what programs have written, sealed.
type programs struct {
	flights   singleflight.Group
	byCommand sync.Map // command → *ran
}

// ran is how a run of a program ended.
type ran struct {
	at     time.Time
	sealed []byte
	err    error
}

// fromProgram is Exec, but a program is run once for all who ask at the same time,
// and what it wrote is good for five minutes. A run goes on where its caller does
// not wait any more: others may.
func (v *Vault) fromProgram(ctx context.Context, command string) (Secret, error) {
	name := "exec:" + command
	if r, ok := v.programs.byCommand.Load(command); ok {
		r := r.(*ran)
		age := v.now().Sub(r.at)
		switch {
		case age < 0:
		case r.err != nil && age < programRest:
			return Secret{}, r.err
		case r.err == nil && age < programKept:
			if plain, err := v.keyring.Open(r.sealed, name, r.at.UnixNano()); err == nil {
				secret := NewSecret(string(plain))
				clear(plain)
				return secret, nil
			}
		}
	}
	done := v.programs.flights.DoChan(command, func() (any, error) {
		secret, err := Exec(context.WithoutCancel(ctx), command)
		r := &ran{at: v.now(), err: err}
		if err == nil {
			if r.sealed, err = v.keyring.Seal([]byte(secret.Reveal()), name, r.at.UnixNano()); err != nil {
				return nil, err
			}
		}
		v.programs.byCommand.Store(command, r)
		return secret, r.err
	})
	select {
	case <-ctx.Done():
		return Secret{}, because(ErrUnavailable, "the program %s took too long: %w", strings.Fields(command)[0], ctx.Err())
	case r := <-done:
		if r.Err != nil {
			return Secret{}, r.Err
		}
		return r.Val.(Secret), nil
	}
}

// refetch lets a secret from outside be fetched again: a service has refused it, so
// it may have changed. A program that has just run is not run again for it.
func (v *Vault) refetch(source string) {
	kind, where, _ := strings.Cut(source, ":")
	switch kind {
	case "file":
		v.files.Delete(where)
	case "exec":
		if r, ok := v.programs.byCommand.Load(where); ok && v.now().Sub(r.(*ran).at) >= programRest {
			v.programs.byCommand.CompareAndDelete(where, r)
		}
	}
}
