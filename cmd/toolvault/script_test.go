package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv("TOOLVAULT_TEST_PROGRAM") != "" { // a child of a test: be the program
		os.Exit(run())
	}
	// Most of a test here is waiting for programs that it has started.
	_ = flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0))))
	testscript.Main(m, map[string]func(){
		"toolvault": func() { os.Exit(run()) },
	})
}

// TestScripts plays testdata/script: each file is a session at a shell, with the
// files that it needs.
func TestScripts(t *testing.T) {
	slowWithRace(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TOOLVAULT_DATA", e.WorkDir+"/data")
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits runs a program and holds its exit code: "exits CODE PROGRAM [ARG ...]".
// Its output can then be matched with stdout and stderr.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG ...]")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = err.Error()
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			code = strconv.Itoa(ee.ExitCode())
		}
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}
