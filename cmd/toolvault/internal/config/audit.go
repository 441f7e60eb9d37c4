package config

import (
	"strconv"
	"strings"
	"time"
)

// Audit is the "audit" section.
type Audit struct {
	Keep    time.Duration // how long bodies of records (arguments, results, users) are kept; 0: for ever
	Mirrors []Mirror
	Anchors []Anchor
}

const (
	minKeep = 24 * time.Hour
	maxKeep = 36500 * 24 * time.Hour
)

func (r *reader) audit(n *node) {
	m := r.mapping(n, "audit", "keep", "mirror", "anchor")
	if s, ok := r.text(m["keep"], "audit.keep"); ok {
		d, good := days(s)
		if !good || d < minKeep || d > maxKeep {
			r.fail(m["keep"].at, "audit.keep", `this must be how long arguments and results are kept, in days or hours, a day at least, such as "400d"`)
		}
		r.Audit.Keep = d
	}
	for i, item := range r.list(m["mirror"], "audit.mirror") {
		r.mirror(item, "audit.mirror["+strconv.Itoa(i)+"]")
	}
	for i, item := range r.list(m["anchor"], "audit.anchor") {
		r.anchor(item, "audit.anchor["+strconv.Itoa(i)+"]")
	}
}

// days reads a duration that may be in days.
func days(s string) (time.Duration, bool) {
	if text, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(text, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}
