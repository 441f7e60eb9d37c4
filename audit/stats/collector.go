// Package stats counts what an audit log holds: calls, failures, denials and how
// long they took, by agent, service, tool, user, credential, outcome and hour. It
// makes a table, a plot for a terminal and a page of it.
//
// It reads a log once, decodes of a record no more than it counts, and holds a
// bounded number of tallies: so ten million records need as much memory as ten
// thousand. Of keys beyond 500 of a kind those with the fewest calls are summed up
// in one line. Quantiles come from a sketch and are within one percent (Accuracy).
package stats

import (
	"context"
	"errors"
	"strconv"
	"time"

	"toolvault/audit"
	"toolvault/audit/internal/leaf"
	"toolvault/audit/many"
)

// Kinds are what can be counted by, in the order in which they are shown.
func Kinds() []string {
	return []string{"agent", "service", "tool", "user", "credential", "outcome", "event"}
}

const (
	byAgent = iota
	byService
	byTool
	byUser
	byCredential
	byOutcome
	byEvent
	kinds
)

// UnknownTool stands for all tools that do not exist, or not for whoever called
// them: callers choose those names.
const UnknownTool = "(no such tool)"

// ErasedUser stands for the users of records whose user was erased.
const ErasedUser = "(erased)"

// Collector counts entries. It is for one goroutine; what several have counted can
// be merged.
type Collector struct {
	filter      audit.Filter
	now         time.Time
	all         Tally
	tables      [kinds]table
	series      series
	first, last time.Time
	records     int64
	open        map[string]write // writes that have not ended, by call id
	names       map[string]string
}

// write is a write that has not ended.
type write struct {
	facts
	until time.Time
}

// facts are what is counted of an entry.
type facts struct {
	phase                                   audit.Phase
	time                                    time.Time
	event, agent, service, tool, user, cred string
	status                                  string
	millis                                  float64
	timed                                   bool
}

const (
	maxOpen  = 100_000
	maxNames = 10_000

	longestCall        = 5 * time.Minute // as package audit has them
	graceAfterDeadline = 5 * time.Second
)

// New returns a collector of what the filter selects; Limit counts for nothing.
// now tells a write that may still end from one whose outcome is unknown.
func New(f audit.Filter, now time.Time) *Collector {
	return &Collector{filter: f, now: now, open: map[string]write{}, names: map[string]string{}}
}

// Read counts the log in a folder, as far as it goes when it begins. progress hears
// now and then how many of how many records are read; nil: nobody.
func (c *Collector) Read(ctx context.Context, dir string, progress func(done, total int64)) error {
	if c.filter.Text != "" || c.filter.Before != 0 { // only whole entries tell
		return many.Oldest(ctx, dir, c.filter, progress, func(e audit.Entry) error {
			c.TakeEntry(e)
			return nil
		})
	}
	from, size, err := many.Seek(dir, c.filter.Since)
	if err != nil {
		return err
	}
	until := c.filter.Until
	if !until.IsZero() {
		until = until.Add(many.Slack)
	}
	_, err = audit.Scan(ctx, dir, from, func(r audit.Raw) error {
		if r.Index >= size {
			return errEnd
		}
		if progress != nil && (r.Index-from)%4096 == 0 {
			progress(r.Index-from, size-from)
		}
		if at := c.Take(r); !until.IsZero() && at.After(until) {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

var errEnd = errors.New("what follows is not asked for")

// Take counts a record and returns its time.
func (c *Collector) Take(r audit.Raw) time.Time {
	c.records++
	var f facts
	var callID, toolCallID, correlationID []byte
	var deadline time.Time
	m := leaf.Of(r.Leaf)
	for m.Next() {
		switch string(m.Name) {
		case "time":
			f.time = leaf.Time(m.Value)
		case "phase":
			f.phase = audit.Phase(c.name(m.Value))
		case "event":
			f.event = c.name(m.Value)
		case "call_id":
			callID = leaf.Text(m.Value)
		case "tool_call_id":
			toolCallID = m.Value
		case "correlation_id":
			correlationID = m.Value
		case "agent":
			f.agent = c.name(m.Value)
		case "service":
			f.service = c.name(m.Value)
		case "tool":
			f.tool = c.tool(m.Value, f.service)
		case "outcome":
			f.status = c.name(m.Value)
		case "deadline":
			deadline = leaf.Time(m.Value)
		case "credential_id":
			f.cred = c.name(m.Value)
		case "ms":
			f.millis, f.timed = total(m.Value)
		}
	}
	at := f.time
	if f.user = c.user(r); f.status == "" {
		f.status = "ok"
	}
	w := &c.filter
	if w.CallID != "" && w.CallID != string(callID) || w.ToolCallID != "" && w.ToolCallID != string(leaf.Text(toolCallID)) ||
		w.CorrelationID != "" && w.CorrelationID != string(leaf.Text(correlationID)) {
		return at
	}
	switch f.phase {
	case audit.PhaseIntent:
		if len(c.open) < maxOpen {
			c.open[string(callID)] = write{f, lastMoment(at, deadline)} // where it does not end, settle counts it
			return at
		}
		f.status = c.unended(lastMoment(at, deadline))
	case audit.PhaseOutcome:
		if begun, ok := c.open[string(callID)]; ok {
			delete(c.open, string(callID))
			f.time = begun.time // a write counts when it began
		}
	}
	c.count(&f)
	return at
}

// TakeEntry counts an entry that was joined, and selected, by somebody else.
func (c *Collector) TakeEntry(e audit.Entry) {
	c.records++
	f := facts{
		phase: e.Phase, time: e.Time, event: e.Event, agent: e.Agent, service: e.Service, tool: e.Tool, user: e.User, cred: e.CredentialID,
		status: e.Status, millis: e.Millis.Total, timed: e.Millis.Total > 0,
	}
	if f.service == "" && f.tool != "" && c.filter.Tool == "" {
		f.tool = UnknownTool
	}
	if e.Erased && f.user == "" {
		f.user = ErasedUser
	}
	c.count(&f)
}

func (c *Collector) count(f *facts) {
	if !c.selects(f) {
		return
	}
	if c.first.IsZero() || f.time.Before(c.first) {
		c.first = f.time
	}
	if f.time.After(c.last) {
		c.last = f.time
	}
	if f.phase == audit.PhaseEvent {
		c.tables[byEvent].of(f.event).add(f.status)
		return
	}
	b, ok := 0, false
	if f.timed {
		b, ok = bucket(f.millis)
	}
	add := func(t *Tally) {
		t.add(f.status)
		if f.timed {
			t.Latency.add(f.millis, b, ok)
		}
	}
	add(&c.all)
	for kind, key := range [...]string{byAgent: f.agent, byService: f.service, byTool: f.tool, byUser: f.user, byCredential: f.cred, byOutcome: f.status} {
		if key != "" {
			add(c.tables[kind].of(key))
		}
	}
	if t := c.series.of(f.time); t != nil {
		add(t)
	}
}

func (c *Collector) selects(f *facts) bool {
	w := &c.filter
	tool := f.tool
	if tool == "" {
		tool = f.event
	}
	switch {
	case w.Agent != "" && w.Agent != f.agent, w.User != "" && w.User != f.user, w.Service != "" && w.Service != f.service, w.Tool != "" && w.Tool != tool,
		w.CredentialID != "" && w.CredentialID != f.cred, w.Outcome != "" && w.Outcome != f.status:
		return false
	}
	return (w.Since.IsZero() || !f.time.Before(w.Since)) && (w.Until.IsZero() || f.time.Before(w.Until))
}

// name is the text of a value. There are few agents, services and tools: each is
// kept once.
func (c *Collector) name(value []byte) string {
	text := leaf.Text(value)
	if s, ok := c.names[string(text)]; ok {
		return s
	}
	if len(c.names) >= maxNames {
		clear(c.names)
	}
	s := string(text)
	c.names[s] = s
	return s
}

// tool is the name of a tool; the service stands before it in a record.
func (c *Collector) tool(value []byte, service string) string {
	if service == "" && c.filter.Tool == "" {
		return UnknownTool
	}
	return c.name(value)
}

// user stands in the body, behind the salt.
func (c *Collector) user(r audit.Raw) string {
	m := leaf.Of(r.Body)
	for range 2 {
		if m.Next() && string(m.Name) == "user" {
			return c.name(m.Value)
		}
	}
	if r.Erased() {
		return ErasedUser
	}
	return ""
}

// total is the time that a call took in all.
func total(steps []byte) (float64, bool) {
	m := leaf.Of(steps)
	for m.Next() {
		if string(m.Name) == "total" {
			ms, err := strconv.ParseFloat(string(m.Value), 64)
			return ms, err == nil
		}
	}
	return 0, false
}

func lastMoment(begun, deadline time.Time) time.Time {
	if deadline.IsZero() {
		deadline = begun.Add(longestCall)
	}
	return deadline.Add(graceAfterDeadline)
}

func (c *Collector) unended(until time.Time) string {
	if c.now.After(until) {
		return audit.StatusUnknown
	}
	return audit.StatusPending
}

// settle counts the writes that have not ended.
func (c *Collector) settle() {
	for _, w := range c.open {
		w.status = c.unended(w.until)
		c.count(&w.facts)
	}
	clear(c.open)
}

// Merge adds what another collector, with the same filter, has counted.
func (c *Collector) Merge(o *Collector) {
	c.settle()
	o.settle()
	c.records += o.records
	c.all.Merge(&o.all)
	for i := range c.tables {
		c.tables[i].merge(&o.tables[i])
	}
	c.series.merge(&o.series)
	if !o.first.IsZero() && (c.first.IsZero() || o.first.Before(c.first)) {
		c.first = o.first
	}
	if o.last.After(c.last) {
		c.last = o.last
	}
}
