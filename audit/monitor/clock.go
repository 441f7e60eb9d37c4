package monitor

import "time"

const (
	turns   = time.Hour          // by which a record may be older than one before it
	leap    = 7 * 24 * time.Hour // by which it may be newer, and nobody wonders
	believe = 3                  // records in a row that say so change the time
)

// clock is the time by the records. It does not run backwards where processes have
// taken turns, and one record of a machine whose clock was wrong does not move it: what
// was learned would be lost.
type clock struct {
	Now  time.Time `json:"now"`
	Odd  int       `json:"odd"`  // records in a row that are far from Now,
	Back bool      `json:"back"` // and on which side
}

// at takes in the time of a record, and returns the one to judge it by.
func (c *clock) at(t time.Time) time.Time {
	d := t.Sub(c.Now)
	switch {
	case c.Now.IsZero() || d >= 0 && d <= leap:
		c.Now, c.Odd = t, 0
		return c.Now
	case d < 0 && d >= -turns:
		c.Odd = 0
		return c.Now
	}
	if back := d < 0; back != c.Back {
		c.Back, c.Odd = back, 0
	}
	if c.Odd++; c.Odd >= believe {
		c.Now, c.Odd = t, 0
	}
	return c.Now
}
