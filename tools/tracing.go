package tools

import (
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/trace"
)

// Observed is a call that has been answered, for metrics: names from our own lists
// only.
type Observed struct {
	Tool    string // "unknown" for a name that is not one of ours
	Outcome string // "ok" or a kind of failure
	Elapsed time.Duration
	Trace   *trace.Trace // what it has recorded; nil: nothing
}

// stepTool is the span of the handler, which has those of its requests in it.
const stepTool = "tool"

// traceStep makes a span of the step that ends now.
func (c *passage) traceStep(step *float64, now time.Time) {
	t := c.call.Trace
	if !t.Recorded() {
		return
	}
	switch step {
	case &c.ms.Schema:
		t.Step("schema", c.lap, now)
	case &c.ms.Policy:
		t.Step("policy", c.lap, now)
	case &c.ms.Once:
		t.Step("idempotency", c.lap, now)
	case &c.ms.Vault:
		t.Step("vault", c.lap, now)
	case &c.ms.Audit:
		t.Step("audit intent", c.lap, now)
	case &c.ms.Tool:
		t.Close(stepTool, now)
	case &c.ms.Result:
		t.Step("result", c.lap, now)
	default:
		t.Step("step", c.lap, now)
	}
}

// step makes a span of what is part of no step that the records know of.
func (c *passage) step(name string) {
	if c.call.Trace.Recorded() {
		c.call.Trace.Step(name, c.lap, c.g.Now())
	}
}

// stopped marks the step that the call has failed in.
func (c *passage) stopped(f *fault.Error) {
	if f != nil && c.bound != nil { // else it is the tool's name, and no step
		c.call.Trace.Fail(string(f.Kind))
	}
}

// traceOutcome makes a span of the writing of the outcome.
func (c *passage) traceOutcome(f *fault.Error) {
	c.step("audit outcome")
	if f != nil {
		c.call.Trace.Fail(string(f.Kind))
	}
}

// describe says of the call's span what the records say of the call, but for what a
// person may have erased there (user, arguments, result, message) and what a client
// is free to choose, and may put anything into (the names it has for itself and for
// the call): toolvault.call_id leads to the record, which has those, redacted.
func (c *passage) describe(outcome string) {
	t := c.call.Trace
	if !t.Recorded() {
		return
	}
	t.Set(
		trace.Text("gen_ai.operation.name", "execute_tool"),
		trace.Text("gen_ai.agent.id", c.id.Agent),
		trace.Text("toolvault.call_id", c.callID),
		trace.Text("toolvault.outcome", outcome),
		trace.Text("toolvault.credential.id", c.decl.ID),
		trace.Text("toolvault.task", c.id.Task),
	)
	if b := c.bound; b != nil {
		t.Name("tools/call " + b.schema.Name)
		t.Set(trace.Text("gen_ai.tool.name", b.schema.Name), trace.Text("toolvault.service", b.service.Name))
	}
	if c.client != nil {
		t.Set(trace.Number("toolvault.upstream.requests", int64(c.client.Stats().Requests)))
	}
}
