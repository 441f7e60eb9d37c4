package tools

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/requeststate"
	"toolvault/vault"
	"toolvault/vault/store"
)

// Consent is how a person is asked for a grant that a call lacks.
type Consent interface {
	// Link returns the page where the right person can give the grant, or ""
	// where nobody can be asked by a link. need are the permissions of the
	// service's catalogue that the call lacks; callID names the call, for the
	// records.
	//
	// The link carries no authority: the page has its visitor prove to be the
	// person who may give the grant.
	Link(ctx context.Context, d vault.Declaration, need []string, callID string) (string, error)
}

// Question is what a client can ask its user, so that the call succeeds when it is
// made again: to open a page and consent there.
type Question struct {
	URL     string
	Message string // for the user
	// State is the requestState that goes with the question. Only where the call
	// TakesState.
	State string
}

// awaitEvery is how often it is looked whether a grant has come.
const awaitEvery = 500 * time.Millisecond

// Answers to what a client was asked, as in MCP's ElicitResult.
const (
	AnswerAccept  = "accept" // the page was opened, not that anything was done there
	AnswerDecline = "decline"
	AnswerCancel  = "cancel"
)

// recognise looks at the requestState of a call that is made again after a
// question. One that is not good ends the call before anything is done: badState
// has the transport say so with an error of the protocol.
func (c *passage) recognise(ctx context.Context) *fault.Error {
	if c.call.RequestState == "" {
		return nil
	}
	defer c.step("question")
	if c.g.States == nil { // who makes none has given none
		return c.stateFault(&requeststate.RefusedError{Why: requeststate.ErrForeign})
	}
	state, err := c.g.States.Verify(ctx, c.call.RequestState, c.boundTo())
	if err != nil {
		return c.stateFault(err)
	}
	c.state, c.askedBy = state, state.Asked
	return nil
}

// resume uses the state up, and takes the user's answer. It comes after the look
// for an earlier outcome: a client that got no answer sends all of this once more.
func (c *passage) resume(ctx context.Context) *fault.Error {
	if c.state == nil {
		return nil
	}
	defer c.step("question")
	if err := c.g.States.Use(ctx, c.state, c.callID); err != nil {
		return c.stateFault(err)
	}
	switch c.call.Answer {
	case AnswerDecline:
		return c.unwilling("declined to connect")
	case AnswerCancel:
		return c.unwilling("closed the question whether to connect")
	}
	return nil
}

// stateFault says why a state led to nothing. Whether it is somebody else's or
// nobody's is for the log, which names the call that it came from.
func (c *passage) stateFault(err error) *fault.Error {
	var refused *requeststate.RefusedError
	switch {
	case errors.As(err, &refused):
		c.askedBy, c.badState = refused.Asked, true
		return refusedState(refused)
	case errors.Is(err, store.ErrUnavailable):
		f := fault.New(fault.Internal, "The store cannot be reached just now, and without it nobody can tell whether this requestState was used before. Call again in a minute, without it.")
		f.Retryable = true
		return f.Because(err)
	}
	return fault.From(err)
}

func (c *passage) boundTo() requeststate.Call {
	return requeststate.Call{Agent: c.id.Agent, User: c.id.User, Tool: c.bound.schema.Name, Account: c.account, Arguments: c.args.Raw}
}

func refusedState(refused *requeststate.RefusedError) *fault.Error {
	text := "is none that this server gave to this caller, or was changed on the way"
	switch {
	case errors.Is(refused, requeststate.ErrOther):
		text = "belongs to a call of another tool or with other arguments"
	case errors.Is(refused, requeststate.ErrExpired):
		text = fmt.Sprintf("has expired: it is good for %d minutes", int(requeststate.Life.Minutes()))
	case errors.Is(refused, requeststate.ErrUsed):
		text = "was used before, and is good for one use"
	}
	return fault.New(fault.InvalidArguments, "The requestState %s. Make the call again without it.", text).Because(refused)
}

// unwilling is the failure of a call whose user has said no. No link follows it.
func (c *passage) unwilling(did string) *fault.Error {
	return fault.New(fault.NeedsConsent, "The person %s %s for agent %s, so nothing was done. Do not call again unless they ask for it.",
		did, c.bound.service.Title, c.id.Agent)
}

// ask adds to the failure of a call for want of a grant how a person can give
// it. It only ever speaks of calls that are permitted: that was decided before a
// credential was looked for.
func (c *passage) ask(ctx context.Context, f *fault.Error) *fault.Error {
	if f == nil || c.g.Consent == nil {
		return f
	}
	need, ok := c.lacks(f)
	if !ok {
		return f
	}
	link, err := c.g.Consent.Link(ctx, c.decl, need, c.callID)
	if err != nil {
		c.g.Logger.Warn("nobody can be asked for consent just now", "call_id", c.callID, "credential", c.decl.ID, "error", err)
		return f
	}
	if link == "" {
		return f
	}
	asked := fault.New(fault.NeedsConsent, "%s", c.lacking(need, f)).Because(f)
	asked.Link, asked.Needed, asked.Status, asked.Code, asked.NotSent = link, f.Needed, f.Status, f.Code, f.NotSent
	c.question = c.pose(ctx, link)
	return asked
}

// answered reports whether the call brings this answer to a question of ours.
func (c *passage) answered(answer string) bool { return c.askedBy != "" && c.call.Answer == answer }

// await waits for the grant of a person who has agreed to open the page, as a
// client makes the call again at once ("Elicitation", section "URL Mode Flow"). It
// returns what Resolve said last.
func (c *passage) await(ctx context.Context, err error) (*vault.Credential, error) {
	patience := min(c.g.Patience, c.timeout/2)
	if patience <= 0 || !c.answered(AnswerAccept) {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(awaitEvery)
	defer poll.Stop()
	for errors.Is(err, vault.ErrNeedsConsent) {
		select {
		case <-wait.Done():
			return nil, err
		case <-poll.C:
		}
		var cred *vault.Credential
		if cred, err = c.g.Vault.Resolve(ctx, c.decl); err == nil {
			return cred, nil
		}
	}
	return nil, err
}

// lacks reports whether a person's consent would mend the failure: there is no
// grant, or it has ended, or the service says that it lacks scopes which the call
// was permitted and so may be asked for.
func (c *passage) lacks(f *fault.Error) (need []string, ok bool) {
	if c.client != nil && c.client.Stats().Writes > 0 {
		return nil, false // a part may have been done: to call again would do it twice
	}
	switch {
	case f.Kind == fault.NeedsConsent && errors.Is(f, vault.ErrNeedsConsent):
		if c.need.Name != "" {
			need = []string{c.need.Name}
		}
		return need, true
	case f.Kind == fault.NotPermitted && f.Status != 0 && c.cred != nil && c.cred.Type == vault.TypeOAuthToken:
		for _, name := range f.Needed {
			if d, ok := c.bound.service.Scopes.Lookup(name); ok && c.allows(name) {
				need = append(need, d.Name)
			}
		}
	}
	return need, len(need) > 0
}

// lacking says to the model what is missing; the transport adds how to get it.
func (c *passage) lacking(need []string, f *fault.Error) string {
	not := ""
	if c.answered(AnswerAccept) {
		not = "It is not there yet. "
	}
	if f.Kind == fault.NotPermitted {
		return fmt.Sprintf("%s%s has not been granted %s: a person has to consent to that for agent %s (credential %s).",
			not, c.bound.service.Title, strings.Join(need, " or "), c.id.Agent, c.decl.ID)
	}
	return fmt.Sprintf("%sA person has to connect %s for agent %s first (credential %s).", not, c.bound.service.Title, c.id.Agent, c.decl.ID)
}

// pose is the question to the user, nil where a state has to go with it and none
// can be made.
func (c *passage) pose(ctx context.Context, link string) *Question {
	q := &Question{URL: link, Message: fmt.Sprintf(
		"Agent %s needs access to %s (%s). Open the page to see what it asks for, and agree or refuse there.",
		c.id.Agent, c.bound.service.Title, c.bound.schema.Title)}
	if c.answered(AnswerAccept) {
		q.Message = fmt.Sprintf("%s is not connected for agent %s yet. Finish on the page, then go on here.", c.bound.service.Title, c.id.Agent)
	}
	if !c.call.TakesState {
		return q
	}
	if c.g.States == nil {
		return nil
	}
	var err error
	if q.State, err = c.g.States.Issue(ctx, c.boundTo(), c.callID); err != nil {
		c.g.Logger.Warn("a requestState could not be made", "call_id", c.callID, "error", err)
		return nil
	}
	return q
}

// asked adds to the message of a record that the call answers a question, and
// which call had been answered with it.
func (c *passage) asked(message string) string {
	switch {
	case c.askedBy == "":
		return message
	case message == "":
		return "asked by " + c.askedBy
	}
	return message + " (asked by " + c.askedBy + ")"
}
