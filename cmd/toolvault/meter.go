package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// meter tells how far something long has come: on a terminal in one line, else
// in a line a second. What is done within a second says nothing.
type meter struct {
	w        io.Writer
	verb     string
	total    int
	terminal bool
	now      func() time.Time
	begun    time.Time
	told     time.Time
}

// meterFrom is from how many steps on it says anything.
const meterFrom = 50

func newMeter(w io.Writer, verb string, total int) *meter {
	f, ok := w.(*os.File)
	now := time.Now()
	return &meter{w: w, verb: verb, total: total, terminal: ok && term.IsTerminal(int(f.Fd())), now: time.Now, begun: now, told: now}
}

func (m *meter) step(done int) {
	every := time.Second
	if m.terminal {
		every = 100 * time.Millisecond
	}
	now := m.now()
	if m.total <= meterFrom || now.Sub(m.told) < every {
		return
	}
	m.told = now
	text := fmt.Sprintf("%d of %d %s", done, m.total, m.verb)
	if m.terminal {
		_, _ = fmt.Fprintf(m.w, "\r%s", text)
		return
	}
	_, _ = fmt.Fprintln(m.w, text)
}

// end leaves the line.
func (m *meter) end() {
	if m.terminal && m.told != m.begun {
		_, _ = fmt.Fprintln(m.w)
	}
}
