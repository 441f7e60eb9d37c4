package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/idempotency"
	"toolvault/vault/store"
)

// kept is what the ledger keeps of a result: all that the caller got.
type kept struct {
	Structured json.RawMessage `json:"structured,omitempty"`
	Text       string          `json:"text,omitempty"`
	Plain      bool            `json:"plain,omitempty"` // the text is Structured as it stands
	Untrusted  bool            `json:"untrusted,omitempty"`
	Content    []Content       `json:"content,omitempty"`
	Failure    *keptFailure    `json:"failure,omitempty"`
	Label      string          `json:"label,omitempty"` // of the account that acted
}

// keptFailure has no promise that trying again may help: under this key it can't.
type keptFailure struct {
	Kind    fault.Kind `json:"kind"`
	Message string     `json:"message"`
	Status  int        `json:"status,omitempty"`
	Code    string     `json:"code,omitempty"`
	Needed  []string   `json:"needed,omitempty"`
	Link    string     `json:"link,omitempty"`
}

// once sees to it that a write with an idempotency key happens once: it claims
// the key, or returns the outcome of the call that had it first. What the agent may
// do is decided anew after it: it may have had to wait for that call.
func (c *passage) once(ctx context.Context) (first any, failure *fault.Error) {
	if c.call.IdempotencyKey == "" && !c.call.MalformedKey || c.g.Ledger == nil || !c.bound.schema.Write() {
		return nil, nil
	}
	if !idempotency.ValidKey(c.call.IdempotencyKey) {
		return nil, fault.New(fault.InvalidArguments, "The idempotency key in _meta has to be a text of 1 to %d printable characters.", idempotency.MaxKey)
	}
	claim, earlier, err := c.g.Ledger.Begin(ctx, idempotency.Write{
		Key: c.call.IdempotencyKey, Agent: c.id.Agent, User: c.id.User, CallID: c.callID,
		Tool: c.bound.schema.Name, Credential: c.decl.ID, Arguments: c.args.Raw,
		Deadline: c.start.Add(c.timeout + outcomeAllowance),
	})
	c.tick(&c.ms.Once)
	if err != nil {
		return nil, c.keyFault(err)
	}
	c.claim = claim
	if failure := c.authorize(ctx); failure != nil || claim != nil {
		return nil, failure
	}
	c.repeatOf = earlier.CallID
	if n := earlier.TooLarge; n > 0 {
		return nil, fault.New(fault.Conflict, "This was done before, by call %s of %s, and its answer is too large to be kept (%d bytes). Do not do it again; read it back from %s.",
			earlier.CallID, stamp(earlier.Begun), n, c.bound.service.Title)
	}
	k := &kept{}
	if err := json.Unmarshal(earlier.Outcome, k); err != nil {
		return nil, fault.From(fmt.Errorf("the outcome of call %s: %w", earlier.CallID, err))
	}
	return k, nil
}

// keyFault says why a key neither led to a call nor to an outcome.
func (c *passage) keyFault(err error) *fault.Error {
	var other *idempotency.OtherError
	var unknown *idempotency.UnknownError
	var busy *idempotency.BusyError
	var f *fault.Error
	switch {
	case errors.As(err, &other):
		return fault.New(fault.Conflict, "The idempotency key was used for call %s, with another tool or other arguments. Use a new key for a new call.", other.CallID)
	case errors.As(err, &unknown):
		c.repeatOf = unknown.CallID
		return fault.New(fault.Conflict, "This was begun before, by call %s at %s, and its process ended before the outcome was known: it may or may not have been done. Look in %s; if it was not, another idempotency key does it again.",
			unknown.CallID, stamp(unknown.Begun), c.bound.service.Title)
	case errors.As(err, &busy):
		c.repeatOf = busy.CallID
		return fault.New(fault.Timeout, "The same call was begun at %s, by call %s, and is still under way. Call again with the same idempotency key to get its outcome.", stamp(busy.Begun), busy.CallID)
	case errors.Is(err, store.ErrUnavailable):
		f = fault.New(fault.Internal, "The store cannot be reached just now, and without it nobody can tell whether this was done before, so nothing was sent. Try again in a minute.")
		f.Retryable = true
	case errors.Is(err, idempotency.ErrUnreadable):
		f = fault.New(fault.Conflict, "What was kept for this idempotency key cannot be read, so nobody can tell whether it was done. Look in %s; if it was not, another idempotency key does it.", c.bound.service.Title)
	default:
		return fault.From(err)
	}
	return f.Because(err)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// outlast is ctx without its caller, where the call has a key: whoever goes and
// sends it again wants the outcome, and a write that is broken off has none.
func (c *passage) outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if c.claim == nil || !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// settle ends the claim, if there is one: the result is kept, or the key is free
// again, where surely nothing was done.
func (c *passage) settle(ctx context.Context, result Result) Result {
	result.RepeatOf = c.repeatOf
	if c.claim == nil {
		return result
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeAllowance)
	defer cancel()
	var err error
	if result.Failure != nil && (c.client == nil || c.client.Stats().Writes == 0) {
		err = c.claim.Release(ctx)
	} else {
		err = c.claim.Keep(ctx, keep(result))
	}
	if err != nil {
		// The caller has the outcome in hand; to withhold it would help nobody.
		c.g.Logger.Error("the outcome of a write could not be kept for its idempotency key yet", "call_id", c.callID, "error", err)
	}
	return result
}

// keep is the result as the ledger keeps it.
func keep(r Result) []byte {
	k := kept{Structured: r.Structured, Text: r.Text, Content: r.Content, Untrusted: r.Untrusted, Label: r.Account.Label}
	if r.Text == string(r.Structured) {
		k.Text, k.Plain = "", true
	}
	if f := r.Failure; f != nil {
		k = kept{Failure: &keptFailure{f.Kind, f.Message, f.Status, f.Code, f.Needed, f.Link}, Label: k.Label}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(k); err != nil {
		return nil // texts, bytes and a JSON text that was made here always encode
	}
	return buf.Bytes()
}

// restore makes the result of a repeat.
func (c *passage) restore(result *Result, k *kept) *fault.Error {
	c.label = k.Label
	if f := k.Failure; f != nil {
		return &fault.Error{Kind: f.Kind, Message: f.Message, Status: f.Status, Code: f.Code, Needed: f.Needed, Link: f.Link}
	}
	// It was redacted before it was kept; what the log may hold of it is made anew.
	result.Structured, c.recorded = c.secrets.ShownAndRecorded(k.Structured)
	result.Text, result.Content, result.Untrusted = k.Text, k.Content, k.Untrusted
	if k.Plain {
		result.Text = string(result.Structured)
	}
	return nil
}
