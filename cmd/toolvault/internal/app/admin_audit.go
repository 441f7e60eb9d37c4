package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/audit/index"
	"toolvault/audit/many"
	"toolvault/auth"
)

// AuditLogHeader names the log that an answer is from: as its checkpoints do.
const AuditLogHeader = "Toolvault-Audit-Log"

const (
	defaultEntries = 100
	flushEvery     = 256 // entries
)

// auditQuery is what GET /audit asks for.
type auditQuery struct {
	filter audit.Filter
	oldest bool
}

var auditParameters = []string{
	"limit", "order", "before", "agent", "user", "service", "tool", "outcome", "credential", "call", "tool_call", "correlation", "text", "since", "until",
}

func readAuditQuery(raw string) (q auditQuery, ok bool) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, false
	}
	for name, list := range values {
		if len(list) != 1 || !slices.Contains(auditParameters, name) {
			return q, false
		}
	}
	f := &q.filter
	f.Agent, f.User, f.Service, f.Tool, f.Outcome = values.Get("agent"), values.Get("user"), values.Get("service"), values.Get("tool"), values.Get("outcome")
	f.CredentialID, f.CallID, f.ToolCallID, f.CorrelationID, f.Text = values.Get("credential"), values.Get("call"), values.Get("tool_call"), values.Get("correlation"), values.Get("text")
	f.Limit = defaultEntries
	for name, into := range map[string]func(string) error{
		"limit":  func(s string) (err error) { f.Limit, err = strconv.Atoi(s); return err },
		"before": func(s string) (err error) { f.Before, err = strconv.ParseInt(s, 10, 64); return err },
		"since":  func(s string) (err error) { f.Since, err = time.Parse(time.RFC3339, s); return err },
		"until":  func(s string) (err error) { f.Until, err = time.Parse(time.RFC3339, s); return err },
	} {
		if s := values.Get(name); s != "" && into(s) != nil {
			return q, false
		}
	}
	order := values.Get("order")
	q.oldest = order == "oldest"
	return q, f.Limit >= 0 && f.Before >= 0 && (q.oldest || order == "" || order == "newest")
}

// audit answers entries of this machine's log, one a line, as they are found: a
// log of any length needs no more memory than a short one. An answer that breaks
// off in the middle has an error; one that ends is whole. limit=0 is all of them;
// before=INDEX goes on where a page of the newest ended.
func (h *admin) audit(w http.ResponseWriter, r *http.Request, _ auth.Admin) {
	q, ok := readAuditQuery(r.URL.RawQuery)
	if !ok {
		writeAdminError(w, http.StatusBadRequest, "invalid_request", "The query takes "+strings.Join(auditParameters, ", ")+
			", each once; limit is 0 (all) or more, order is newest or oldest, before an index, since and until are times like 2026-11-24T09:00:00Z.")
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // what has to be read has been; the answer may take long
	name, _, _ := strings.Cut(h.app.AuditKey(), "+")
	out := &entryWriter{w: w, name: name, buffer: bufio.NewWriterSize(w, 32<<10)}
	var err error
	if dir := AuditDir(h.app.Dir); q.oldest {
		err = many.Oldest(r.Context(), dir, q.filter, nil, out.write)
	} else {
		err = index.Each(r.Context(), dir, q.filter, nil, out.write)
	}
	switch {
	case err == nil:
		out.head()
		_ = out.buffer.Flush()
	case errors.Is(err, context.Canceled) || out.lines > 0:
		if !errors.Is(err, context.Canceled) {
			h.app.Logger.Error("an administrator's query of the audit log broke off", "error", err)
		}
		panic(http.ErrAbortHandler) // whoever reads must not take it for the end
	default:
		h.failed(w, err)
	}
}

// entryWriter writes one entry a line.
type entryWriter struct {
	w      http.ResponseWriter
	name   string // of the log
	buffer *bufio.Writer
	enc    *json.Encoder
	lines  int
}

// head writes what stands before the lines.
func (e *entryWriter) head() {
	if e.enc == nil {
		e.w.Header().Set("Content-Type", "application/jsonl")
		e.w.Header().Set(AuditLogHeader, e.name)
		e.enc = json.NewEncoder(e.buffer)
	}
}

func (e *entryWriter) write(entry audit.Entry) error {
	e.head()
	e.lines++
	if err := e.enc.Encode(entry); err != nil {
		return err
	}
	if e.lines%flushEvery != 0 {
		return nil
	}
	if err := e.buffer.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(e.w).Flush()
}
