package main

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAPasswordIsAskedForTwiceWithoutEcho types one at a real terminal.
func TestAPasswordIsAskedForTwiceWithoutEcho(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		second, said string
		ok           bool
	}{
		"the same":     {"long-and-lovely-canaries", "alice is added", true},
		"another one":  {"long-and-lovely-canarios", "the two are not the same: nothing was changed", false},
		"nothing more": {"", "the two are not the same: nothing was changed", false},
	} {
		t.Run(name, func(t *testing.T) {
			keyboard, terminal := openTerminal(t)
			data := t.TempDir() + "/d"
			cmd := program(t, data, "person", "add", "alice")
			stderr, screen := &lockedBuffer{}, &lockedBuffer{}
			cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			_ = terminal.Close()
			go func() { // until the terminal is gone
				b := make([]byte, 1024)
				for {
					n, err := keyboard.Read(b)
					_, _ = screen.Write(b[:n])
					if err != nil {
						return
					}
				}
			}()
			for _, ask := range []struct{ prompt, typed string }{{"Password for alice: ", "long-and-lovely-canaries"}, {"The same again: ", c.second}} {
				eventually(t, "the prompt", func() bool { return strings.HasSuffix(stderr.String(), ask.prompt) })
				eventually(t, "echo is off", func() bool {
					s, err := unix.IoctlGetTermios(int(keyboard.Fd()), unix.TCGETS)
					return err == nil && s.Lflag&unix.ECHO == 0
				})
				if _, err := keyboard.WriteString(ask.typed + "\n"); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); (err == nil) != c.ok || !strings.Contains(stderr.String(), c.said) {
				t.Errorf("%v: %s", err, stderr)
			}
			if strings.Contains(screen.String()+stderr.String(), "canar") {
				t.Errorf("the password was shown: %q", screen)
			}
			if list := commandOutput(t, data, "person", "list", "-o", "json"); strings.Contains(list, "alice") != c.ok {
				t.Errorf("then there is %s", list)
			}
		})
	}
}
