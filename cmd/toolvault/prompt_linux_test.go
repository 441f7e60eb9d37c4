package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

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
