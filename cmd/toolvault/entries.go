package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"toolvault/audit"
)

// entryColumns are how a record looks in a line. Their widths are fixed, so that
// lines that come one by one align too.
var entryColumns = [...]struct {
	name  string
	width int
}{{"WHEN", 19}, {"AGENT", 18}, {"TOOL", 28}, {"CALL ID", 36}, {"CREDENTIAL", 26}, {"OUTCOME", 20}, {"MS", 8}}

var entryHeader = func() string {
	var names []string
	for _, c := range entryColumns {
		names = append(names, c.name)
	}
	return entryRow(names)
}()

func entryRow(cells []string) string {
	var b strings.Builder
	for i, c := range entryColumns {
		text := cell(cells[i], c.width)
		if i == len(entryColumns)-1 { // a number
			b.WriteString(strings.Repeat(" ", max(0, c.width-columns(text))) + text)
			break
		}
		b.WriteString(pad(text, c.width) + "  ")
	}
	return b.String()
}

// entryCells are the texts of a record, as they came.
func entryCells(e audit.Entry, when string) []string {
	ms := ""
	if e.Millis.Total > 0 {
		ms = fmt.Sprintf("%.1f", e.Millis.Total)
	}
	return []string{when, e.Agent, cmp.Or(e.Tool, e.Event), e.CallID, credentialCell(e), e.Status, ms}
}

// credentialCell names the credential and, where its id does not, the account.
func credentialCell(e audit.Entry) string {
	if e.Account == "" || strings.HasSuffix(e.CredentialID, "/"+e.Account) {
		return e.CredentialID
	}
	return strings.TrimSpace(e.CredentialID + " @" + e.Account)
}

func entryLine(e audit.Entry) string { return entryRow(entryCells(e, shortTime(e.Time))) }

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
