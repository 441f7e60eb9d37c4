package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/audit/history"
	"toolvault/audit/stats"
)

// callTeller tells about one call.
type callTeller struct {
	w     io.Writer
	c     *history.Call
	story *storyteller
	err   error
}

const (
	labelWidth  = 10
	shownText   = 2000 // characters of arguments, results and messages
	shownOthers = 20   // of each kind of related calls
	stepBar     = 30
)

func (t *callTeller) print(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

func (t *callTeller) title(text string) { t.print("\n%s", t.story.paint(bold, text)) }

// fact prints a line, unless there is nothing to tell.
func (t *callTeller) fact(label, text string) {
	if text != "" {
		t.print("  %s%s", pad(label, labelWidth), text)
	}
}

// shown is a text of a stranger's; "" stays "".
func shown(s string) string {
	if s == "" {
		return ""
	}
	return cell(s, 0)
}

// moment is a time to the millisecond, in local time.
func moment(at time.Time) string { return at.Local().Format("15:04:05.000") }

func (t *callTeller) head() {
	c := t.c
	outcome := t.story.paint(green, shown(c.Status))
	if c.Status != "ok" {
		outcome = t.story.paint(yellow, shown(c.Status))
	}
	took := ""
	if c.Millis.Total > 0 {
		took = ", after " + stats.Duration(c.Millis.Total)
	}
	t.print("%s", t.story.paint(bold, "Call "+shown(c.CallID)))
	where := ""
	if c.Service != "" {
		where = " of " + shown(c.Service)
	}
	t.print("%s%s, %s: %s%s.", shown(cmp.Or(c.Tool, "no tool")), where, c.Begun.Local().Format("2006-01-02 15:04:05.000 -07:00"), outcome, took)
	switch c.Status {
	case audit.StatusUnknown:
		t.print("It began and never told how it ended: the process was killed, or the machine went down. Look in the service whether it happened.")
	case audit.StatusPending:
		t.print("It has begun and may still end.")
	}
	if c.Erased {
		t.print("%s", t.erased())
	}
}

// erased says what is not there any more, and why.
func (t *callTeller) erased() string {
	const what = "Its user, arguments, result and message were erased"
	e := t.c.ErasedBy
	switch {
	case e == nil:
		return "Its user, arguments, result and message are not in the log, and no record here says why: 'toolvault audit verify' tells whether that is in order."
	case e.Event == audit.EventDropped:
		return fmt.Sprintf("%s after the time that audit.keep gives them (record %d of %s).", what, e.Index, shortTime(e.Time))
	}
	by := ""
	if e.Admin != "" {
		by = " by " + shown(e.Admin)
	}
	return fmt.Sprintf("%s%s (record %d of %s).", what, by, e.Index, shortTime(e.Time))
}

func (t *callTeller) who() {
	c := t.c
	t.title("Who")
	t.fact("agent", cmp.Or(shown(c.Agent), "none is known"))
	if len(c.Chain) > 0 {
		var names []string
		for _, agent := range c.Chain {
			names = append(names, shown(agent))
		}
		t.fact("sent by", strings.Join(names, ", who was sent by "))
	}
	switch {
	case c.User != "":
		t.fact("for", shown(c.User))
	case c.Erased:
		t.fact("for", "(erased, if there was one)")
	default:
		t.fact("for", "nobody: it acted for itself")
	}
	t.fact("task", shown(c.Task))
	t.fact("token", shown(c.TokenID))
	t.fact("issuer", shown(c.Issuer))
	t.fact("client", shown(c.ClientID))
	program := strings.TrimSpace(shown(c.ClientName) + " " + shown(c.ClientVersion))
	if c.Transport != "" {
		program = strings.TrimSpace(program + " over " + shown(c.Transport))
	}
	t.fact("program", program)
	t.fact("its id", shown(c.ToolCallID))
}

func (t *callTeller) permission() {
	c := t.c
	t.title("Permission")
	switch {
	case c.Status == stats.Denied && c.Rule != "":
		t.fact("refused", "by "+shown(c.Rule))
	case c.Status == stats.Denied:
		t.fact("refused", "by no rule: the message below says why")
	case c.Rule != "":
		t.fact("allowed", "by "+shown(c.Rule))
	default:
		t.fact("rule", "none has decided")
	}
	t.fact("scope", shown(c.Scope))
	if c.Write {
		t.fact("kind", "a write: its intent was on disk before anything left")
	} else {
		t.fact("kind", "a read")
	}
}

func (t *callTeller) credential() {
	c := t.c
	t.title("Credential")
	if c.CredentialID == "" {
		t.fact("id", "none was used")
		return
	}
	t.fact("id", shown(c.CredentialID))
	if c.CredentialVersion > 0 {
		t.fact("version", fmt.Sprint(c.CredentialVersion))
	} else if c.CredentialType == "" {
		t.fact("version", "it was chosen and not used")
	}
	t.fact("type", shown(c.CredentialType))
	account := shown(c.Account)
	if c.AccountLabel != "" {
		account = strings.TrimSpace(account + " (" + shown(c.AccountLabel) + ")")
	}
	t.fact("account", account)
}

// event is a line of the story.
type event struct {
	at   time.Time
	text string
}

// happened tells what happened, in the order of time.
func (t *callTeller) happened() {
	c := t.c
	list := []event{{c.Begun, "the call arrived"}}
	if c.Phase == audit.PhaseIntent || c.OutcomeIndex != 0 {
		list = append(list, event{c.Time, fmt.Sprintf("its intent was on disk (record %d)", c.Index)})
	}
	for _, e := range c.Events {
		text := fmt.Sprintf("%s: %s", shown(e.Event), shown(e.Status))
		if e.CredentialVersion > 0 {
			text += fmt.Sprintf(", credential version %d", e.CredentialVersion)
		}
		if e.Message != "" {
			text += ": " + cell(e.Message, 200)
		}
		switch e.CallID {
		case c.CallID:
		case "":
			text += ", for no call"
		default:
			text += ", for another call"
		}
		list = append(list, event{e.Time, fmt.Sprintf("%s (record %d)", text, e.Index)})
	}
	if !c.Ended.IsZero() {
		list = append(list, event{c.Ended, fmt.Sprintf("its outcome was on disk: %s (record %d)", shown(c.Status), cmp.Or(c.OutcomeIndex, c.Index))})
	}
	slices.SortStableFunc(list, func(a, b event) int { return a.at.Compare(b.at) })
	t.title("What happened")
	for _, e := range list {
		t.print("  %s  %s", moment(e.at), e.text)
	}
	if c.Retries > 0 {
		t.print("  The service was asked again %s.", times(c.Retries))
	}
	if c.UpstreamStatus > 0 {
		text := fmt.Sprintf("  The service answered with status %d", c.UpstreamStatus)
		if c.UpstreamID != "" {
			text += ", under its request id " + shown(c.UpstreamID)
		}
		t.print("%s.", text)
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// steps shows how long each step took, in the order of the path.
func (t *callTeller) steps() {
	m := t.c.Millis
	if m == (audit.Steps{}) {
		return
	}
	t.title("Time")
	rest := m.Total
	most := max(m.Total, 0.001)
	line := func(name string, ms float64, inner bool) {
		if ms <= 0 {
			return
		}
		if !inner {
			rest -= ms
		}
		bar := strings.Repeat("█", int(stepBar*min(ms/most, 1)))
		if bar == "" {
			bar = "▏"
		}
		t.print("  %s%10s  %s", pad(name, 26), stats.Duration(ms), bar)
	}
	line("arguments against schema", m.Schema, false)
	line("policy", m.Policy, false)
	line("idempotency key", m.Once, false)
	line("credential", m.Vault, false)
	line("intent to disk", m.Audit, false)
	line("tool", m.Tool, false)
	line("  of it the service", m.Upstream, true)
	line("shaping the result", m.Result, false)
	if rest > m.Total/100 {
		line("everything else", rest, false)
	}
	line("in all", m.Total, true)
}

// said shows what was asked and answered.
func (t *callTeller) said() {
	c := t.c
	text := func(title, s string, more string) {
		if s == "" {
			return
		}
		t.title(title)
		if r := []rune(s); len(r) > shownText {
			s, more = string(r[:shownText]), fmt.Sprintf("  … %d characters more: -o json has them", len(r)-shownText)
		}
		for _, l := range wrap(cell(s, 0), t.story.width-2) {
			t.print("  %s", l)
		}
		if more != "" {
			t.print("%s", more)
		}
	}
	text("Arguments", string(c.Arguments), "")
	whole := ""
	if c.ResultBytes > len(c.Result) {
		whole = fmt.Sprintf("  … the whole was %d bytes, SHA-256 %s", c.ResultBytes, shown(c.ResultDigest))
	}
	text("Result", string(c.Result), whole)
	text("Message", c.Message, "")
}

func (t *callTeller) related() {
	c := t.c
	if c.RepeatOf != "" {
		t.title("Repeat")
		t.print("  It came with the idempotency key of %s, and nothing was sent for it.", shown(c.RepeatOf))
		if c.Original == nil {
			t.print("  That call is not in this log.")
		} else {
			t.others([]audit.Entry{*c.Original})
		}
	}
	if len(c.Repeats) > 0 {
		t.title("Repeated by")
		t.others(c.Repeats)
	}
	if len(c.Correlated) > 0 {
		t.title("Same trace, " + shown(c.CorrelationID))
		t.others(c.Correlated)
		if c.More {
			t.print("  and more: 'toolvault audit query --correlation %s'", shown(c.CorrelationID))
		}
	} else if c.CorrelationID != "" {
		t.title("Same trace, " + shown(c.CorrelationID))
		t.print("  nothing else")
	}
}

func (t *callTeller) others(list []audit.Entry) {
	for _, e := range list[:min(len(list), shownOthers)] {
		t.print("  %s  %s  %s  %s  %s", shortTime(e.Time), pad(cell(e.CallID, 36), 36), pad(cell(e.Agent, 18), 18), pad(cell(cmp.Or(e.Tool, e.Event), 28), 28), shown(e.Status))
	}
	if n := len(list) - shownOthers; n > 0 {
		t.print("  and %d more: -o json has them", n)
	}
}

func (t *callTeller) proof() {
	c := t.c
	t.title("In the log")
	switch {
	case c.OutcomeIndex != 0:
		t.print("  records %d (intent) and %d (outcome)", c.Index, c.OutcomeIndex)
	case c.Phase == audit.PhaseIntent:
		t.print("  record %d (intent), without an outcome", c.Index)
	default:
		t.print("  record %d", c.Index)
	}
	t.print("  'toolvault audit prove %s' proves it to others", shown(c.CallID))
}
