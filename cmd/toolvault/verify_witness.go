package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"toolvault/audit/anchor"
)

// outsiders is what was kept outside that a log is held against.
type outsiders struct {
	anchors   []string      // places of checkpoints
	witnesses []string      // verifier keys
	age       time.Duration // that a cosignature may have; 0: any
}

// cosigned is what a witness has signed of a log.
type cosigned struct {
	Witness string     `json:"witness"`
	Records int64      `json:"records"` // that the cosigned checkpoint covers
	Time    *time.Time `json:"time,omitempty"`
	Reason  string     `json:"reason,omitempty"` // why it is not good enough
}

// collect reads the checkpoints that the log must hold: those that were anchored,
// and those that witnesses have cosigned.
func (x outsiders) collect(dir string, now time.Time) (kept [][]byte, list []cosigned, err error) {
	for _, path := range x.anchors {
		more, err := anchor.Collect(path)
		if err != nil {
			return nil, nil, fmt.Errorf("--anchor: %w", err)
		}
		kept = append(kept, more...)
	}
	for _, key := range x.witnesses {
		name, _, _ := strings.Cut(key, "+")
		c, at, err := anchor.Kept(dir, key)
		s := cosigned{Witness: name, Records: c.Size}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.Reason = "nothing that it has cosigned is in the log's folder"
		case err != nil:
			s.Reason, s.Records = err.Error(), 0
		default:
			kept = append(kept, c.Note)
			s.Time = &at
			if old := now.Sub(at); x.age > 0 && old > x.age {
				s.Reason = fmt.Sprintf("its newest cosignature is %s old, and may be %s", old.Round(time.Second), x.age)
			}
		}
		list = append(list, s)
	}
	return kept, list, nil
}

// check names what is wrong with what was given.
func (x outsiders) check() error {
	for _, key := range x.witnesses {
		if err := anchor.CheckKey(key); err != nil {
			return fmt.Errorf("--witness: %w", err)
		}
	}
	if x.age < 0 || x.age > 0 && len(x.witnesses) == 0 {
		return errors.New("--witness-age goes with --witness: how old its newest cosignature may be")
	}
	return nil
}

// said tells of a cosignature, or of what is wrong with it.
func (c cosigned) said() string {
	if c.Reason != "" {
		return fmt.Sprintf("NOT COSIGNED by %s: %s.", cell(c.Witness, 0), cell(c.Reason, 0))
	}
	return fmt.Sprintf("Cosigned by %s at %s: the first %d records.", cell(c.Witness, 0), shortTime(*c.Time), c.Records)
}
