package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"toolvault/audit"
)

// How a record looks in a line. The columns have fixed widths, so that lines
// that come one by one align too.
const entryFormat = "%-19s  %-18s  %-28s  %-36s  %-26s  %-20s  %8s"

var entryHeader = fmt.Sprintf(entryFormat, "WHEN", "AGENT", "TOOL", "CALL ID", "CREDENTIAL", "OUTCOME", "MS")

func entryLine(e audit.Entry) string {
	ms := "-"
	if e.Millis.Total > 0 {
		ms = fmt.Sprintf("%.1f", e.Millis.Total)
	}
	return strings.TrimRight(fmt.Sprintf(entryFormat,
		shortTime(e.Time), orDash(e.Agent), cmp.Or(e.Tool, e.Event, "-"), orDash(e.CallID), orDash(e.CredentialID), orDash(e.Status), ms), " ")
}

func printEntries(w io.Writer, o output, entries []audit.Entry) error {
	if o != "json" {
		_, _ = fmt.Fprintln(w, entryHeader)
	}
	for _, e := range entries {
		if o == "json" {
			if err := printJSON(w, e); err != nil {
				return err
			}
			continue
		}
		_, _ = fmt.Fprintln(w, entryLine(e))
	}
	return nil
}
