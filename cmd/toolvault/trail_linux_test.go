package main

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTheDemoFitsARealTerminal plays the demo on one of 100 columns.
func TestTheDemoFitsARealTerminal(t *testing.T) {
	t.Parallel()
	keyboard, terminal := openTerminal(t)
	if err := unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, t.TempDir(), "demo")
	stderr := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = terminal, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	screen := &lockedBuffer{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := keyboard.Read(b)
			_, _ = screen.Write(b[:n])
			if err != nil { // the last one has closed the terminal
				return
			}
		}
	}()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	<-read
	text := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(screen.String(), "")
	if !strings.Contains(text, "All of it by support-agent-1.") || !strings.Contains(text, "CALL ID") {
		t.Errorf("the table is not there as it should be:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); columns(line) > 100 {
			t.Errorf("%d columns: %s", columns(line), line)
		}
	}
}
