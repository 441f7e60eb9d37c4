package export

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"toolvault/audit/many"
)

// column is a column of the table: its name never changes, and new ones come last.
type column struct {
	name string
	of   func(*many.Entry) string
}

var columns = [...]column{
	{"log", func(e *many.Entry) string { return e.Log }},
	{"index", func(e *many.Entry) string { return strconv.FormatInt(e.Index, 10) }},
	{"outcome_index", func(e *many.Entry) string { return number(e.OutcomeIndex) }},
	{"time", func(e *many.Entry) string { return e.Time.UTC().Format(time.RFC3339Nano) }},
	{"phase", func(e *many.Entry) string { return string(e.Phase) }},
	{"event", func(e *many.Entry) string { return e.Event }},
	{"status", func(e *many.Entry) string { return e.Status }},
	{"agent", func(e *many.Entry) string { return e.Agent }},
	{"chain", func(e *many.Entry) string { return strings.Join(e.Chain, " ") }},
	{"user", func(e *many.Entry) string { return e.User }},
	{"admin", func(e *many.Entry) string { return e.Admin }},
	{"task", func(e *many.Entry) string { return e.Task }},
	{"service", func(e *many.Entry) string { return e.Service }},
	{"tool", func(e *many.Entry) string { return e.Tool }},
	{"tool_digest", func(e *many.Entry) string { return e.ToolDigest }},
	{"write", func(e *many.Entry) string { return yes(e.Write) }},
	{"call_id", func(e *many.Entry) string { return e.CallID }},
	{"tool_call_id", func(e *many.Entry) string { return e.ToolCallID }},
	{"correlation_id", func(e *many.Entry) string { return e.CorrelationID }},
	{"repeat_of", func(e *many.Entry) string { return e.RepeatOf }},
	{"token_id", func(e *many.Entry) string { return e.TokenID }},
	{"client_id", func(e *many.Entry) string { return e.ClientID }},
	{"issuer", func(e *many.Entry) string { return e.Issuer }},
	{"client_name", func(e *many.Entry) string { return e.ClientName }},
	{"client_version", func(e *many.Entry) string { return e.ClientVersion }},
	{"transport", func(e *many.Entry) string { return e.Transport }},
	{"credential_id", func(e *many.Entry) string { return e.CredentialID }},
	{"credential_version", func(e *many.Entry) string { return number(e.CredentialVersion) }},
	{"credential_type", func(e *many.Entry) string { return e.CredentialType }},
	{"account", func(e *many.Entry) string { return e.Account }},
	{"account_label", func(e *many.Entry) string { return e.AccountLabel }},
	{"scope", func(e *many.Entry) string { return e.Scope }},
	{"rule", func(e *many.Entry) string { return e.Rule }},
	{"upstream_status", func(e *many.Entry) string { return number(int64(e.UpstreamStatus)) }},
	{"upstream_id", func(e *many.Entry) string { return e.UpstreamID }},
	{"retries", func(e *many.Entry) string { return number(int64(e.Retries)) }},
	{"ms_total", func(e *many.Entry) string { return millis(e.Millis.Total) }},
	{"ms_schema", func(e *many.Entry) string { return millis(e.Millis.Schema) }},
	{"ms_policy", func(e *many.Entry) string { return millis(e.Millis.Policy) }},
	{"ms_once", func(e *many.Entry) string { return millis(e.Millis.Once) }},
	{"ms_vault", func(e *many.Entry) string { return millis(e.Millis.Vault) }},
	{"ms_audit", func(e *many.Entry) string { return millis(e.Millis.Audit) }},
	{"ms_tool", func(e *many.Entry) string { return millis(e.Millis.Tool) }},
	{"ms_upstream", func(e *many.Entry) string { return millis(e.Millis.Upstream) }},
	{"ms_result", func(e *many.Entry) string { return millis(e.Millis.Result) }},
	{"result_bytes", func(e *many.Entry) string { return number(int64(e.ResultBytes)) }},
	{"result_digest", func(e *many.Entry) string { return e.ResultDigest }},
	{"message", func(e *many.Entry) string { return e.Message }},
	{"arguments", func(e *many.Entry) string { return string(e.Arguments) }},
	{"result", func(e *many.Entry) string { return string(e.Result) }},
	{"erased", func(e *many.Entry) string { return yes(e.Erased) }},
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func millis(ms float64) string {
	if ms == 0 {
		return ""
	}
	return strconv.FormatFloat(ms, 'f', -1, 64)
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// csv writes RFC 4180. The package encoding/csv is not used: with the line ends
// of that RFC it changes those within a cell.
type csv struct {
	w    io.Writer
	line []byte
}

func newCSV(w io.Writer) (*csv, error) {
	c := &csv{w: w}
	for i := range columns {
		c.cell(i, columns[i].name)
	}
	return c, c.end()
}

func (c *csv) Write(e many.Entry) error {
	for i := range columns {
		c.cell(i, harmless(columns[i].of(&e)))
	}
	return c.end()
}

func (c *csv) cell(i int, text string) {
	if i > 0 {
		c.line = append(c.line, ',')
	}
	if !strings.ContainsAny(text, "\",\r\n") {
		c.line = append(c.line, text...)
		return
	}
	c.line = append(c.line, '"')
	for i := 0; i < len(text); i++ {
		if text[i] == '"' {
			c.line = append(c.line, '"')
		}
		c.line = append(c.line, text[i])
	}
	c.line = append(c.line, '"')
}

func (c *csv) end() error {
	c.line = append(c.line, "\r\n"...)
	_, err := c.w.Write(c.line)
	c.line = c.line[:0]
	return err
}

// formulas begin what a spreadsheet takes for one (OWASP, CSV Injection), with
// their wide forms; and the apostrophe that says that a cell is a text, so that
// whoever takes one away has what stood in the log.
const formulas = "=+-@\t\r\n＝＋－＠'"

// harmless puts an apostrophe before what a spreadsheet would compute.
func harmless(text string) string {
	if r, n := utf8.DecodeRuneInString(text); n > 0 && strings.ContainsRune(formulas, r) {
		return "'" + text
	}
	return text
}
