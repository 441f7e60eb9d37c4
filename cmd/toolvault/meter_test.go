package main

import (
	"bytes"
	"testing"
	"time"
)

// Progress is told once a second, in lines where it is not a terminal, and not of
// what is short.
func TestMeter(t *testing.T) {
	for _, c := range []struct {
		total    int
		terminal bool
		want     string
	}{
		{50, false, ""},
		{51, false, "2 of 51 imported\n4 of 51 imported\n"},
		{51, true, "\r1 of 51 imported\r2 of 51 imported\r3 of 51 imported\r4 of 51 imported\n"},
	} {
		var b bytes.Buffer
		now := time.Unix(0, 0)
		m := &meter{w: &b, verb: "imported", total: c.total, terminal: c.terminal, now: func() time.Time { return now }, begun: now, told: now}
		for done := 1; done <= 4; done++ {
			now = now.Add(time.Second / 2)
			m.step(done)
			m.step(done)
		}
		m.end()
		if b.String() != c.want {
			t.Errorf("%d, terminal %v: %q", c.total, c.terminal, b.String())
		}
	}
}
