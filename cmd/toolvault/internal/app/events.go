package app

import (
	"cmp"
	"context"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/vault"
)

// observeVault tells everybody who has to know of a refresh or of a credential
// that has changed its state: the audit log, the metrics and the webhook.
func (a *App) observeVault(e vault.Event) {
	a.Metrics.credential(e)
	r := audit.Record{
		Phase: audit.PhaseEvent, Event: "credential." + e.Kind, Service: e.Service, Agent: e.Owner.Agent, User: e.Owner.User,
		CredentialID: e.ID, CredentialVersion: e.Version, CredentialType: e.Type, Outcome: "ok",
		CallID: e.Call.ID, CorrelationID: a.Redactor.Text(e.Call.CorrelationID),
	}
	switch {
	case e.Err != nil:
		r.Outcome, r.Message = "failed", a.Redactor.Text(e.Err.Error())
	case e.Kind == vault.EventState:
		r.Outcome, r.Message = string(e.State), a.Redactor.Text(e.Reason)
		a.notifier.tell(notice{
			Type: "credential.state", Credential: e.ID, Agent: e.Owner.Agent, User: e.Owner.User,
			Service: e.Service, State: string(e.State), Reason: r.Message,
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := a.Log.Append(ctx, r); err != nil {
		a.Logger.Error("an event of a credential could not be recorded", "credential", e.ID, "event", e.Kind, "error", err)
	}
}

// CredentialFailed writes an audit record of a change to what is in the vault that
// was refused, and returns the reason. Nothing was changed: that it cannot be
// recorded is only logged. name may be empty; what is none may be a secret, typed in
// its place.
func (a *App) CredentialFailed(ctx context.Context, event, name string, reason error) error {
	first, _, _ := strings.Cut(reason.Error(), "\n")
	if name != "" && vault.CheckName(name) != nil {
		name, first = "", "what was given as its name is none"
	}
	_, err := a.Log.Append(ctx, typed(audit.Record{
		Phase: audit.PhaseEvent, Event: event, CredentialID: name, Outcome: "failed", Message: a.Redactor.Text(first),
	}))
	if err != nil {
		a.Logger.Error("that a change of a credential was refused could not be recorded", "credential", name, "event", event, "error", err)
	}
	return reason
}

// Event writes an audit record of something that was done by a command and is not
// a call.
func (a *App) Event(ctx context.Context, event, agent, message string) error {
	_, err := a.Log.Append(ctx, typed(audit.Record{
		Phase: audit.PhaseEvent, Event: event, Agent: agent, Outcome: "ok", Message: a.Redactor.Text(message),
	}))
	return err
}

// CredentialEvent writes an audit record of a change to what is in the vault
// under a name, with the id that calls with it have in the log.
func (a *App) CredentialEvent(ctx context.Context, event, name string, version int64, message string) error {
	r := typed(audit.Record{
		Phase: audit.PhaseEvent, Event: event, CredentialVersion: version, Outcome: "ok", Message: a.Redactor.Text(message),
	})
	owners := map[vault.Owner]bool{}
	for _, d := range a.Vault.Declarations() {
		if d.Source != "vault:"+name {
			continue
		}
		if r.CredentialID == "" || d.ID == name {
			r.CredentialID = d.ID
		}
		r.Service, r.CredentialType, r.Agent, r.User = d.Service, d.Type, d.Owner.Agent, d.Owner.User
		owners[d.Owner] = true
	}
	if len(owners) > 1 { // it is nobody's own
		r.Agent, r.User = "", ""
	}
	r.CredentialID = cmp.Or(r.CredentialID, name)
	_, err := a.Log.Append(ctx, r)
	return err
}
