// Package many reads audit logs as their readers want them: from the oldest
// entry to the newest, with intent and outcome joined, and several logs as one.
//
// Each machine keeps a log of its own, with its own key. Here they are put side by
// side, ordered by time, each entry with the name of its log; whether a log is true
// is for each of them to prove by itself (audit.Verify).
//
// Nothing here holds more than a bounded part of a log in memory.
package many

import (
	"context"

	"toolvault/audit"
)

// Entry is an entry with the name of the log that it stands in; "" where only
// one is read.
type Entry struct {
	Log string `json:"log,omitempty"`
	audit.Entry
}

// Read hands the entries of one log that a filter selects to fn, in the order
// that it is for, until fn returns an error, which it returns.
type Read func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error

// Log is one of several logs.
type Log struct {
	Name   string
	Oldest Read // oldest first
	Newest Read // newest first
}
