package app

import (
	"cmp"
	"os/user"

	"toolvault/audit"
)

// Operator is who runs the program, as the operating system calls them: the admin
// of what is done by a command.
func Operator() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return cmp.Or(u.Username, u.Uid, "unknown")
}

// typed is a record of what somebody did by a command.
func typed(r audit.Record) audit.Record {
	r.Transport, r.Admin = "cli", Operator()
	return r
}
