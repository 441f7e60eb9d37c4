package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit"
	"toolvault/audit/many"
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

// entryPrinter prints entries as they come, in constant memory.
type entryPrinter struct {
	out     *bufio.Writer
	at      bool // each as soon as it comes: somebody looks on
	format  output
	several bool // logs: each line begins with the name of its own

	mu    sync.Mutex // building is called by other goroutines
	err   io.Writer
	meter *meter
	begun bool
}

func newEntryPrinter(cmd *cobra.Command, format output, several bool) *entryPrinter {
	w := cmd.OutOrStdout()
	f, ok := w.(*os.File)
	return &entryPrinter{
		out: bufio.NewWriterSize(w, 64<<10), at: ok && term.IsTerminal(int(f.Fd())),
		format: format, several: several, err: cmd.ErrOrStderr(),
	}
}

// building tells how much of the index is built, until the first entry is there.
func (p *entryPrinter) building(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun {
		return
	}
	if p.meter == nil {
		p.meter = newMeter(p.err, "records indexed", total)
	}
	p.meter.step(done)
}

// begin makes room for the entries.
func (p *entryPrinter) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun {
		return
	}
	p.begun = true
	if p.meter != nil {
		p.meter.end()
	}
}

func (p *entryPrinter) print(e many.Entry) error {
	if !p.begun {
		p.begin()
		if p.format != "json" {
			p.line(p.named("LOG", entryHeader))
		}
	}
	if p.format == "json" {
		if err := printJSON(p.out, e); err != nil {
			return err
		}
	} else {
		p.line(p.named(e.Log, entryLine(e.Entry)))
	}
	if p.at {
		return p.out.Flush()
	}
	return nil
}

// named puts the name of a log before a row, where there are several.
func (p *entryPrinter) named(log, row string) string {
	if !p.several {
		return row
	}
	const width = 24
	return pad(cell(log, width), width) + "  " + row
}

func (p *entryPrinter) line(text string) { _, _ = p.out.WriteString(text + "\n") } // Flush has the error

// end prints what is left.
func (p *entryPrinter) end() error {
	p.begin()
	return p.out.Flush()
}
