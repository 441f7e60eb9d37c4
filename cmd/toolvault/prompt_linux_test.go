package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestASecretIsAskedForWithoutEcho types one at a real terminal, once the prompt
// is there.
func TestASecretIsAskedForWithoutEcho(t *testing.T) {
	keyboard, terminal := openTerminal(t)
	cmd := program(t, t.TempDir()+"/d", "credential", "put", "slack/a", "--type", "service_token")
	stderr := &lockedBuffer{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	screen := &lockedBuffer{}
	go func() {
		b := make([]byte, 1024)
		for {
			n, err := keyboard.Read(b)
			_, _ = screen.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	eventually(t, "the prompt", func() bool { return strings.Contains(stderr.String(), "Secret for slack/a: ") })
	eventually(t, "echo is off", func() bool {
		s, err := unix.IoctlGetTermios(int(keyboard.Fd()), unix.TCGETS)
		return err == nil && s.Lflag&unix.ECHO == 0
	})
	if _, err := keyboard.WriteString("xoxb-canary-1234567890\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	if !strings.Contains(stderr.String(), "Stored as vault:slack/a, version 1") {
		t.Error(stderr)
	}
	if strings.Contains(screen.String()+stderr.String(), "canary") {
		t.Errorf("the secret was shown: %q", screen)
	}
}

// TestAnInterruptEndsAPrompt: Ctrl-C at a question ends the command at once, with
// nothing changed and the terminal as it was.
func TestAnInterruptEndsAPrompt(t *testing.T) {
	t.Parallel()
	data := t.TempDir() + "/d"
	putSecret(t, data, "slack/a", "xoxb-canary-1234567890", "--type", "service_token")
	before := commandOutput(t, data, "credential", "show", "slack/a", "-o", "json")
	for _, c := range []struct {
		prompt string // "": none is shown
		said   string
		args   []string
	}{
		{"Secret for slack/a: ", "it was interrupted: nothing was changed", []string{"credential", "put", "slack/a"}},
		{"New secret for slack/a: ", "it was interrupted: nothing was changed", []string{"credential", "rotate", "slack/a"}},
		{"[y/N] ", "nothing was changed: slack/a stays", []string{"credential", "revoke", "slack/a"}},
		{"Password for ann: ", "it was interrupted: nothing was changed", []string{"person", "add", "ann"}},
		{"", "it was interrupted: nothing was changed", []string{"credential", "import", "-"}},
	} {
		keyboard, terminal := openTerminal(t)
		echo := func() bool {
			s, err := unix.IoctlGetTermios(int(keyboard.Fd()), unix.TCGETS)
			return err == nil && s.Lflag&unix.ECHO != 0
		}
		cmd := program(t, data, c.args...)
		stderr := &lockedBuffer{}
		cmd.Stdin, cmd.Stderr = terminal, stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = terminal.Close()
		eventually(t, "the question", func() bool {
			if c.prompt == "" {
				return waitsForInput(cmd.Process.Pid)
			}
			return strings.Contains(stderr.String(), c.prompt) && (c.prompt == "[y/N] " || !echo())
		})
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(stderr.String(), c.said) {
				t.Errorf("%v: %v, %s", c.args, err, stderr)
			}
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("%v still waits", c.args)
		}
		if !echo() {
			t.Errorf("%v left the terminal without echo", c.args)
		}
	}
	if after := commandOutput(t, data, "credential", "show", "slack/a", "-o", "json"); after != before {
		t.Errorf("it was changed: %s", after)
	}
}

// waitsForInput reports whether a thread of a process reads from its standard input.
func waitsForInput(pid int) bool {
	list, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, path := range list {
		if b, _ := os.ReadFile(path); strings.HasPrefix(string(b), "0 0x0 ") { // read, of file 0
			return true
		}
	}
	return false
}

// openTerminal makes a pseudo-terminal: pty(7).
func openTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("SKIPPED: no pseudo-terminal to be had:", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return keyboard, terminal
}

// TestRevokingAsksAPerson answers at a real terminal.
func TestRevokingAsksAPerson(t *testing.T) {
	t.Parallel()
	data := t.TempDir() + "/d"
	putSecret(t, data, "slack/a", "xoxb-canary-1234567890", "--type", "service_token")
	for _, c := range []struct{ answer, want, state string }{
		{"n\n", "nothing was changed: slack/a stays", `"state":"ok"`},
		{"\n", "nothing was changed: slack/a stays", `"state":"ok"`},
		{"y\n", "slack/a is revoked", `"state":"revoked"`},
	} {
		keyboard, terminal := openTerminal(t)
		cmd := program(t, data, "credential", "revoke", "slack/a")
		stderr := &lockedBuffer{}
		cmd.Stdin, cmd.Stderr = terminal, stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = terminal.Close()
		eventually(t, "the question", func() bool {
			return strings.Contains(stderr.String(), "Revoke slack/a? Its secrets cannot be had back. [y/N] ")
		})
		if _, err := keyboard.WriteString(c.answer); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); (err == nil) != (c.answer == "y\n") {
			t.Errorf("%q: %v", c.answer, err)
		}
		if !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: %s", c.answer, stderr)
		}
		if out := commandOutput(t, data, "credential", "show", "slack/a", "-o", "json"); !strings.Contains(out, c.state) {
			t.Errorf("%q: %s", c.answer, out)
		}
	}
}
