//go:build unix

package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program writes a shell script that can be run, and returns its path.
func program(t testing.TB, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExec(t *testing.T) {
	for name, test := range map[string]struct{ script, args, want string }{
		"a line":             {"echo the-secret", "", "the-secret"},
		"no line break":      {"printf the-secret", "", "the-secret"},
		"lines within":       {"printf 'a\\nb\\n'", "", "a\nb"},
		"arguments":          {`printf '%s|%s|%s' "$#" "$1" "$2"`, "  secret://a/b   *;$HOME", "2|secret://a/b|*;$HOME"},
		"no input":           {"cat; echo end", "", "end"},
		"as large as it may": {"head -c 65536 /dev/zero | tr '\\0' x; echo", "", strings.Repeat("x", MaxSecret)},
		"noise beside":       {"echo canary >&2; echo the-secret", "", "the-secret"},
	} {
		secret, err := Exec(t.Context(), strings.TrimSpace(program(t, test.script)+" "+test.args))
		if err != nil || secret.Reveal() != test.want {
			t.Errorf("%s: %d bytes, %v", name, len(secret.Reveal()), err)
		}
	}
	if secret, err := Exec(t.Context(), "echo found in PATH"); err != nil || secret.Reveal() != "found in PATH" {
		t.Errorf("%v", err)
	}
}

// What goes wrong is one sentence that says what to do and nothing that the program
// has said.
func TestExecThatFails(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	writeFile(t, plain, "#!/bin/sh\n")
	for name, test := range map[string]struct{ command, want string }{
		"an exit code":  {program(t, "echo canary; echo canary >&2; exit 3"), "ended with exit code 3; what it said is not shown, since it may hold a secret: run it by hand"},
		"a signal":      {program(t, "echo canary; kill -9 $$"), "ended by a signal: run it by hand"},
		"nothing":       {program(t, "echo canary >&2"), "writes nothing: it must write the secret to its standard output"},
		"a line break":  {program(t, "echo"), "writes nothing"},
		"too much":      {program(t, "yes canary"), "writes more than 65536 bytes"},
		"a bit much":    {program(t, "head -c 65537 /dev/zero | tr '\\0' x"), "writes more than 65536 bytes"},
		"not there":     {"/nowhere/canary-not/program", "is not there"},
		"not in PATH":   {"no-such-program-9912", "is not there"},
		"not a program": {plain, "may not be run by this user"},
		"relative":      {"./program", "by its absolute path, or by a name that is looked for in PATH"},
		"quotes":        {"/bin/echo 'a b'", "there are no quotes, since no shell reads them"},
		"empty":         {"  ", "after exec: stands a program and its arguments"},
		"a line":        {"/bin/echo a\nb", "after exec: stands a program and its arguments"},
	} {
		begun := time.Now()
		_, err := Exec(t.Context(), test.command)
		if took := time.Since(begun); took > programFor/2 {
			t.Errorf("%s: it took %v", name, took)
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(strings.ReplaceAll(err.Error(), "canary-not", ""), "canary") || !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		oneSentence(t, err)
	}
}

// A program that does not end is killed when its time is up, with all that it has
// started.
func TestExecThatHangs(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	hanging := program(t, "trap '' TERM\nsleep 1000 &\necho $$ $! > "+pids+"\nwait")
	_, err := run(t.Context(), hanging, 2*time.Second)
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "was stopped, since it had not ended after 2s") {
		t.Errorf("got %v", err)
	}
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return ended(pid) })
	}
}

// ended reports whether a process has ended; one that nobody has waited for yet has.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

// The program is run once for five minutes, and once for all who ask at the same
// time; after a 401 it is run again. What it wrote lies in memory sealed.
func TestExecAsASource(t *testing.T) {
	dir := t.TempDir()
	path := program(t, "echo run >> "+dir+"/runs; cat "+dir+"/secret")
	writeFile(t, dir+"/secret", "first-secret-1\n")
	runs := func() int {
		b, _ := os.ReadFile(dir + "/runs")
		return strings.Count(string(b), "run")
	}
	s := newCounterpart(t)
	s.tokens["first-secret-1"] = true
	q := newQuiet(t, Service{BaseURL: s.URL, Schemes: map[string]Scheme{TypeAPIKey: Bearer}})
	q.hide("first-secret-1", "second-secret-2")
	d := Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeAPIKey, Source: "exec:" + path + " --of crm"}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := q.Resolve(t.Context(), d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c := s.works(t, q.Vault, d)
	if runs() != 1 || c.Version != 0 {
		t.Errorf("%d runs, version %d", runs(), c.Version)
	}
	q.programs.byCommand.Range(func(_, r any) bool {
		if strings.Contains(string(r.(*ran).sealed), "first-secret") {
			t.Error("the secret lies in memory as it is")
		}
		return true
	})
	q.clock.add(4 * time.Minute)
	if q.Resolve(t.Context(), d); runs() != 1 { //nolint:errcheck // it was resolved before
		t.Errorf("%d runs after four minutes", runs())
	}

	writeFile(t, dir+"/secret", "second-secret-2\n")
	s.end()
	s.tokens["second-secret-2"] = true
	if s.try(t, c) != 401 {
		t.Fatal("the old secret is still good")
	}
	next, err := q.Renew(t.Context(), c)
	if err != nil || s.try(t, next) != 200 || runs() != 2 {
		t.Fatalf("after a 401: %v, %d runs", err, runs())
	}
	// A service that refuses whatever comes does not make it run with each call.
	s.end()
	for range 5 {
		if _, err := q.Renew(t.Context(), next); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
	if runs() != 2 {
		t.Errorf("%d runs for a service that refuses everything", runs())
	}
	q.clock.add(6 * time.Minute)
	s.tokens["second-secret-2"] = true
	if s.works(t, q.Vault, d); runs() != 3 {
		t.Errorf("%d runs after its time", runs())
	}
	q.say(c, next, d)

	// A program that fails is left alone for a moment.
	d.Source = "exec:" + program(t, "echo run >> "+dir+"/failed; exit 1")
	for range 5 {
		q.fails(t, d, ErrInvalid)
	}
	if b, _ := os.ReadFile(dir + "/failed"); strings.Count(string(b), "run") != 1 {
		t.Errorf("it was run %d times", strings.Count(string(b), "run"))
	}
	// What it writes is held against the type like any other secret.
	d.Source = "exec:" + program(t, "printf 'two\\nlines'")
	if got := q.fails(t, d, ErrInvalid); !strings.HasPrefix(got, "the program of crm/a: the secret has a line break") {
		t.Errorf("got %s", got)
	}
	d.Source = "exec:" + program(t, "sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := q.Resolve(ctx, d); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A password that a program writes may change after it was refused: what it writes
// then is tried, and what was refused is not, since a service may lock the account.
func TestExecForAnObtainedToken(t *testing.T) {
	dir := t.TempDir()
	path := program(t, "cat "+dir+"/secret")
	writeFile(t, dir+"/secret", "old-password-1")
	s := newLogin(t)
	q := newQuiet(t, s.loginService())
	d := Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeSession, Source: "exec:" + path, Params: map[string]string{"username": "ana@example.com"}}
	q.fails(t, d, ErrInvalid)
	writeFile(t, dir+"/secret", sessionPassword)
	q.fails(t, d, ErrInvalid) // it has just been run
	q.clock.add(programKept + time.Second)
	s.works(t, q.Vault, d)
	if s.count() != 2 {
		t.Errorf("%d log-ins", s.count())
	}
}
