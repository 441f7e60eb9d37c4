package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/cmd/toolvault/internal/app"
	"toolvault/tools/sandbox"
	"toolvault/vault"
)

const shownLines = 3 // of an answer

// hour is what SupportBot does at one time of the day: an errand a system, all of
// them at once.
type hour struct {
	why     string
	before  func(ctx context.Context, d *demo) error // what happens to it first; nil: nothing
	errands [][]call
}

// call is one of a tool. Those of one errand are made one after the other, whatever
// becomes of the first.
type call struct {
	tool  string
	args  map[string]any
	from  func(last *mcp.CallToolResult) map[string]any // args, from what the call before has answered; nil: args
	fails string                                        // the kind of failure that is planned; "": none
}

// told is what came of a call.
type told struct {
	kind, text string              // kind is "" where it worked
	result     *mcp.CallToolResult // nil where it did not
}

// day plays a support day over all systems. Only what is planned to fail may.
func (d *demo) day(ctx context.Context, p place) error {
	return d.play(ctx, p, supportDay(d.started))
}

func (d *demo) play(ctx context.Context, p place, plan []hour) error {
	d.title("A day of SupportBot")
	d.text("One agent, eleven systems, and for each the kind of credential that it wants. The systems are doubles in memory; everything else is what you would run, on %s. Three things go wrong today: a system is down, a credential was taken back, and a right is missing. Nothing else may fail.", d.app.PublicURL())
	if err := d.assign(dayTask, dayGrants); err != nil {
		return err
	}
	id, tools, err := d.enter(ctx, dayTask)
	if err != nil {
		return err
	}
	d.step("It gets a token for this day's task, and sees only the tools that the task needs.")
	d.good("%d tools; the token allows %s", tools, id.Grants)
	for _, h := range plan {
		d.step(h.why)
		if h.before != nil {
			if err := h.before(ctx, d); err != nil {
				return err
			}
		}
		d.work(ctx, h)
	}
	return d.closing(ctx, p, plan)
}

// assign gives the agent a task, as its config would.
func (d *demo) assign(task, grants string) error {
	agent, err := d.app.Agent(app.SandboxAgent)
	if err != nil {
		return err
	}
	granted, err := app.Catalogs().ParseGrants(grants)
	if err != nil {
		return err
	}
	agent.Tasks = map[string]scope.Grants{task: granted}
	d.app.Agents.Configure([]auth.Agent{agent})
	return nil
}

// work does the errands of an hour at once, and tells what came of them in the order
// of the plan.
func (d *demo) work(ctx context.Context, h hour) {
	results := make([][]told, len(h.errands))
	var wg sync.WaitGroup
	for i, errand := range h.errands {
		results[i] = make([]told, len(errand))
		wg.Go(func() {
			var last *mcp.CallToolResult
			for n, c := range errand {
				switch {
				case c.from == nil:
					results[i][n] = d.try(ctx, c)
				case last == nil:
					results[i][n] = told{kind: "not made", text: "It needs what the call before did not answer."}
				default:
					c.args = c.from(last)
					results[i][n] = d.try(ctx, c)
				}
				last = results[i][n].result
			}
		})
	}
	wg.Wait()
	for i, errand := range h.errands {
		for n, c := range errand {
			if r := results[i][n]; r.kind != "" {
				d.refusal(c.tool, r.kind, r.text)
			} else {
				d.answer(c.tool, firstLines(r.text, shownLines))
			}
		}
	}
}

// try makes a call. A failure is told, and stops nothing.
func (d *demo) try(ctx context.Context, c call) told {
	r, err := d.send(ctx, c.tool, c.args)
	switch {
	case errors.Is(err, mcp.ErrInvalidRequest): // refused before it was a call: HTTP 403, insufficient_scope
		_, text, _ := strings.Cut(err.Error(), mcp.ErrInvalidRequest.Error()+": ")
		return told{kind: "not_permitted", text: cmp.Or(text, err.Error())}
	case err != nil:
		return told{kind: "no answer", text: err.Error()}
	case !r.IsError:
		return told{text: textOf(r), result: r}
	}
	kind := kindOf(r)
	text, _, _ := strings.Cut(textOf(r), "\n("+kind) // which the line says already
	return told{kind: kind, text: text}
}

// kindOf is the kind of a failed call, for programs.
func kindOf(r *mcp.CallToolResult) string {
	if r.Meta == nil {
		return "unknown"
	}
	var f struct {
		Kind string `json:"kind"`
	}
	b, err := json.Marshal(r.Meta.AdditionalFields["toolvault/error"])
	if err != nil || json.Unmarshal(b, &f) != nil {
		return "unknown"
	}
	return cmp.Or(f.Kind, "unknown")
}

// closing shows what the log knows of the day, proves it, and holds it against the
// plan.
func (d *demo) closing(ctx context.Context, p place, plan []hour) error {
	entries, err := audit.Query(ctx, app.AuditDir(d.app.Dir), audit.Filter{Limit: 1000})
	if err != nil {
		return err
	}
	d.title("Who did what, with which credential?")
	d.trail(entries)
	d.title("The day, by system")
	entries = slices.DeleteFunc(entries, func(e audit.Entry) bool { return e.Tool == "" })
	days := bySystem(entries)
	d.systems(days)
	if err := d.prove(ctx, p); err != nil {
		return err
	}
	return asPlanned(plan, entries, days)
}

// system is what a day came to at one.
type system struct {
	name     string
	calls    int
	kinds    map[string]bool // of credential
	outcomes map[string]int
}

// bySystem counts the calls of each system, in the order of its name.
func bySystem(entries []audit.Entry) []*system {
	by := map[string]*system{}
	for _, e := range entries {
		s := by[e.Service]
		if s == nil {
			s = &system{name: e.Service, kinds: map[string]bool{}, outcomes: map[string]int{}}
			by[e.Service] = s
		}
		s.calls++
		s.outcomes[e.Status]++
		if e.CredentialType != "" {
			s.kinds[e.CredentialType] = true
		}
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *system) int { return strings.Compare(a.name, b.name) })
}

// outcome is what came of a system's calls, in words.
func (s *system) outcome() string {
	var parts []string
	for _, kind := range slices.SortedFunc(maps.Keys(s.outcomes), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.outcomes[b], s.outcomes[a]), strings.Compare(a, b))
	}) {
		if kind == "ok" && len(s.outcomes) == 1 {
			return "ok"
		}
		parts = append(parts, fmt.Sprintf("%d %s", s.outcomes[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// systems prints a row for each.
func (d *demo) systems(all []*system) {
	rows := [][4]string{{"SYSTEM", "CALLS", "CREDENTIAL", "OUTCOME"}}
	calls, kinds := 0, map[string]bool{}
	for _, s := range all {
		calls += s.calls
		maps.Copy(kinds, s.kinds)
		rows = append(rows, [4]string{s.name, fmt.Sprint(s.calls), cmp.Or(strings.Join(slices.Sorted(maps.Keys(s.kinds)), ", "), d.unused(s.name)), s.outcome()})
	}
	var widths [4]int
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], columns(text))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, text := range row {
			padded := pad(text, widths[i])
			switch {
			case n == 0:
				padded = d.paint(bold, padded)
			case i == 3 && text == "ok":
				padded = d.paint(green, padded)
			case i == 3:
				padded = d.paint(yellow, padded)
			}
			b.WriteString(padded + "  ")
		}
		_, _ = fmt.Fprintln(d.w, strings.TrimRight(b.String(), " "))
	}
	d.text("%d systems, %d calls, %d kinds of credential: %s.", len(all), calls, len(kinds), strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
}

// unused names the kinds of credential that a system would have been called with.
func (d *demo) unused(service string) string {
	var kinds []string
	for _, held := range d.app.Vault.Held(vault.Owner{Agent: app.SandboxAgent}, service) {
		kinds = append(kinds, held.Type)
	}
	return strings.Join(kinds, ", ") + " (not used)"
}

// asPlanned is an error if the day went otherwise than it was planned, by what the
// log says: another failure, or one that did not come, a call too many or too few.
func asPlanned(plan []hour, entries []audit.Entry, days []*system) error {
	want, got := map[string]int{}, map[string]int{}
	systems, kinds := map[string]bool{}, map[string]bool{}
	for _, h := range plan {
		for _, errand := range h.errands {
			for _, c := range errand {
				want[c.tool+" "+cmp.Or(c.fails, "ok")]++
			}
		}
	}
	for _, e := range entries {
		got[e.Tool+" "+e.Status]++
	}
	for _, s := range days {
		systems[s.name] = true
		maps.Copy(kinds, s.kinds)
	}
	var wrong []string
	for what, n := range want {
		if got[what] != n {
			wrong = append(wrong, fmt.Sprintf("%s: %d of %d", what, got[what], n))
		}
	}
	for what, n := range got {
		if want[what] == 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %d, and none was planned", what, n))
		}
	}
	for _, name := range sandbox.Services() {
		if !systems[name] {
			wrong = append(wrong, name+" was not called")
		}
	}
	if len(kinds) < leastKinds {
		wrong = append(wrong, fmt.Sprintf("%d kinds of credential, fewer than %d", len(kinds), leastKinds))
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("the day did not go as planned: %s", strings.Join(wrong, "; "))
}

// firstLines is how a text begins, after the line that says how it is to be read.
func firstLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if strings.HasPrefix(lines[0], "(«") {
		lines = lines[1:]
	}
	return strings.Join(lines[:min(n, len(lines))], "\n")
}
