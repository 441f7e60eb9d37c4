package tools

import (
	"context"
	"errors"
	"math"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/limits"
)

// standingTool can always be called: who has used up a limit has to be able to see
// that.
const standingTool = "toolvault_whoami"

// count counts the call, whatever becomes of it: an agent that runs wild with calls
// that are refused is to be stopped too. A tool that the caller may not see is
// counted like one that does not exist.
func (c *passage) count(ctx context.Context) *fault.Error {
	tool, service := "", ""
	if c.bound != nil {
		tool, service = c.bound.schema.Name, c.bound.service.Name
	}
	if tool == standingTool {
		return nil
	}
	c.toll = c.g.Budgets.Of(c.id.Agent, c.id.Chain, tool, service)
	if c.toll == nil {
		return nil
	}
	return c.overspent(c.toll.Call(ctx))
}

// afford counts a write, and asks whether anything may still be read, as late as
// can be: what does not reach the service costs neither.
func (c *passage) afford(ctx context.Context) *fault.Error {
	if c.toll == nil || c.bound.own != nil {
		return nil
	}
	if err := c.toll.Open(ctx); err != nil {
		return c.overspent(err)
	}
	if !c.bound.schema.Write() {
		return nil
	}
	paid, err := c.toll.Write(ctx)
	c.paid = paid
	return c.overspent(err)
}

// charge settles what the call has cost, now that it is known: the bytes that it
// gives to the caller, and the write, unless nothing was sent.
func (c *passage) charge(ctx context.Context, r Result) {
	if c.toll == nil || c.bound == nil || c.bound.own != nil {
		return
	}
	if c.client == nil || c.client.Stats().Writes == 0 {
		c.paid.Back()
	}
	if r.Failure == nil {
		n := max(len(r.Structured), len(r.Text))
		for _, content := range r.Content {
			n += len(content.Text) + len(content.Data)
		}
		c.toll.Read(ctx, int64(n))
	}
}

// overspent is the answer to a call that a limit refuses, or that cannot be counted.
func (c *passage) overspent(err error) *fault.Error {
	if err == nil {
		return nil
	}
	var exceeded *limits.ExceededError
	switch {
	case errors.As(err, &exceeded):
		c.rule = "limit: " + exceeded.Limit.String()
		in := int64(math.Ceil(exceeded.In.Seconds()))
		f := fault.New(fault.RateLimited, "Agent %s has used up its limit of %s, so nothing was sent; the limit begins anew at %s, in %d s: wait until then, or ask an admin for a higher one (limits in the config file).",
			exceeded.Agent, exceeded.Limit, exceeded.Reset.Format(time.RFC3339), in)
		f.RetryAfter, f.NotSent = time.Duration(in)*time.Second, true
		return f.Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.From(err)
	}
	f := fault.New(fault.Internal, "The store cannot be reached just now, and without it nobody can count this call against the limits of agent %s, so nothing was sent. Try again in a minute.", c.id.Agent)
	f.Retryable, f.NotSent = true, true
	return f.Because(err)
}

// heldLimit is how a limit stands, as toolvault_whoami tells it.
type heldLimit struct {
	Agent   string      `json:"agent,omitempty"` // whose it is, if not the caller's own
	Kind    limits.Kind `json:"kind"`
	Per     string      `json:"per"`
	Service string      `json:"service,omitempty"`
	Tool    string      `json:"tool,omitempty"`
	Max     int64       `json:"max"`
	Used    int64       `json:"used"`
	Left    int64       `json:"left"`
	Resets  string      `json:"resets"` // RFC 3339, UTC

	text string
}

// limited tells how the limits of the caller stand.
func (c *passage) limited(ctx context.Context) ([]heldLimit, error) {
	all, err := c.g.Budgets.Standing(ctx, c.id.Agent, c.id.Chain...)
	if err != nil {
		return nil, c.overspent(err)
	}
	var held []heldLimit
	for _, s := range all {
		h := heldLimit{
			Kind: s.Limit.Kind, Per: string(s.Limit.Per), Service: s.Limit.Service, Tool: s.Limit.Tool,
			Max: s.Limit.Max, Used: s.Used, Left: s.Left, Resets: s.Reset.Format(time.RFC3339), text: s.String(),
		}
		if s.Agent != c.id.Agent {
			h.Agent = s.Agent
			h.text += " (of agent " + s.Agent + ", which passed its right on)"
		}
		held = append(held, h)
	}
	return held, nil
}
