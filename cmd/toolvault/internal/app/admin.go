package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/dpop"
	"toolvault/auth/server"
	"toolvault/tools/transport"
	"toolvault/vault/store"
)

// admin is the administrators' interface over HTTP, below server.AdminPath. Its
// tokens have an audience of their own: an agent's is refused here, and an
// administrator's at the tools.
type admin struct {
	app     *App
	guard   *auth.Guard
	oauth   *server.Server
	refused func(context.Context, string, *http.Request) // records a token that was
}

// administrate adds it to the HTTP surface.
func (a *App) administrate(mux *http.ServeMux, oauth *server.Server) error {
	h := &admin{app: a, guard: a.guard(), oauth: oauth, refused: a.refusals()}
	own := http.NewServeMux()
	for pattern, route := range map[string]struct {
		scope string
		do    func(http.ResponseWriter, *http.Request, auth.Admin)
	}{
		"GET /agents":                   {auth.ScopeAgents, h.agents},
		"POST /agents/{id}/suspend":     {auth.ScopeAgents, h.change("agent.suspended", func(ctx context.Context, id string) error { return a.Agents.Suspend(ctx, id, "") })},
		"POST /agents/{id}/resume":      {auth.ScopeAgents, h.change("agent.resumed", a.Agents.Resume)},
		"DELETE /agents/{id}":           {auth.ScopeAgents, h.change("agent.removed", a.Agents.Remove)},
		"GET /clients":                  {auth.ScopeClients, h.clients},
		"DELETE /clients/{id}":          {auth.ScopeClients, h.removeClient},
		"GET /consents":                 {auth.ScopeClients, h.consents},
		"DELETE /consents/{id}":         {auth.ScopeClients, h.endConsent},
		"GET /credentials":              {auth.ScopeCredentials, h.credentials},
		"GET /audit":                    {auth.ScopeAudit, h.audit},
		"GET /audit/proof/{call_id}":    {auth.ScopeAudit, h.auditProof},
		"GET /audit/log/checkpoint":     {auth.ScopeAudit, h.auditCheckpoint},
		"GET /audit/log/tile/{path...}": {auth.ScopeAudit, h.auditTile},
	} {
		method, path, _ := strings.Cut(pattern, " ")
		own.HandleFunc(method+" "+server.AdminPath+path, func(w http.ResponseWriter, r *http.Request) {
			if who, ok := h.authenticate(w, r, route.scope); ok {
				route.do(w, r, who)
			}
		})
	}
	own.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := h.authenticate(w, r, ""); ok {
			writeAdminError(w, http.StatusNotFound, "not_found", "There is nothing at this path and method: docs/administer.md lists what there is.")
		}
	})
	guarded, err := transport.GuardOrigin(a.transport(), own)
	if err != nil {
		return err
	}
	mux.Handle(server.AdminPath+"/", guarded)
	return nil
}

func writeAdminError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": text})
}

// authenticate tells who administers; if they may not, it has answered (RFC 6750
// section 3.1).
func (h *admin) authenticate(w http.ResponseWriter, r *http.Request, scope string) (auth.Admin, bool) {
	w.Header().Set("Cache-Control", "no-store")
	presented := auth.Presented{Method: r.Method, URL: h.app.PublicURL() + r.URL.EscapedPath(), Proofs: r.Header["Dpop"]}
	values := r.Header["Authorization"]
	if len(values) == 1 {
		presented.Scheme, presented.Token, _ = strings.Cut(values[0], " ")
	}
	switch {
	case strings.EqualFold(presented.Scheme, auth.SchemeBearer):
		presented.Scheme = auth.SchemeBearer
	case strings.EqualFold(presented.Scheme, auth.SchemeDPoP):
		presented.Scheme = auth.SchemeDPoP
	default:
		w.Header().Set("WWW-Authenticate", "Bearer")
		writeAdminError(w, http.StatusUnauthorized, "invalid_token", "This needs an administrator's token, for the resource "+h.app.PublicURL()+server.AdminPath+": 'toolvault login' gets one.")
		return auth.Admin{}, false
	}
	who, err := h.guard.AuthenticateAdmin(r.Context(), presented)
	var proof *dpop.Error
	switch {
	case errors.As(err, &proof):
		if proof.Nonce != "" {
			w.Header().Set("DPoP-Nonce", proof.Nonce)
		}
		w.Header().Set("WWW-Authenticate", `DPoP error="`+proof.Code+`"`)
		writeAdminError(w, http.StatusUnauthorized, proof.Code, proof.Reason)
		return who, false
	case errors.Is(err, store.ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		writeAdminError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "Tokens cannot be checked just now. Try again in a few seconds.")
		return who, false
	case err != nil:
		h.refused(r.Context(), "administrator: "+err.Error(), r)
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeAdminError(w, http.StatusUnauthorized, "invalid_token", "The token is malformed, expired, revoked or not an administrator's of this server.")
		return who, false
	case scope != "" && !who.May(scope):
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+scope+`"`)
		writeAdminError(w, http.StatusForbidden, "insufficient_scope", "This needs the scope "+scope+".")
		return who, false
	}
	return who, true
}

// lines writes one JSON document a line.
func lines[T any](w http.ResponseWriter, all []T) {
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	for _, x := range all {
		if enc.Encode(x) != nil {
			return
		}
	}
}

func (h *admin) agents(w http.ResponseWriter, _ *http.Request, _ auth.Admin) {
	type line struct {
		ID     string `json:"id"`
		State  string `json:"state"`
		Reason string `json:"reason,omitempty"`
		From   string `json:"from"`
	}
	var all []line
	for _, agent := range h.app.Agents.List() {
		state := "active"
		if agent.Suspended {
			state = "suspended"
		}
		all = append(all, line{agent.ID, state, agent.Reason, agent.Origin})
	}
	lines(w, all)
}

// change does something to an agent, and records who did.
func (h *admin) change(event string, do func(context.Context, string) error) func(http.ResponseWriter, *http.Request, auth.Admin) {
	return func(w http.ResponseWriter, r *http.Request, who auth.Admin) {
		id := r.PathValue("id")
		if _, err := h.app.Agents.Lookup(id); err != nil {
			writeAdminError(w, http.StatusNotFound, "not_found", err.Error())
			return
		}
		if err := do(r.Context(), id); err != nil {
			writeAdminError(w, http.StatusConflict, "conflict", err.Error())
			return
		}
		if h.record(w, r, who, audit.Record{Event: event, Agent: id}) {
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// record writes what an administrator did. If it cannot, it has answered.
func (h *admin) record(w http.ResponseWriter, r *http.Request, who auth.Admin, rec audit.Record) bool {
	rec.Phase, rec.Outcome, rec.Transport = audit.PhaseEvent, "ok", "http"
	rec.Admin, rec.TokenID, rec.ClientID = h.app.Redactor.Text(who.Name), who.TokenID, h.app.Redactor.Text(who.Client)
	rec.Message = h.app.Redactor.Text(rec.Message)
	if _, err := h.app.Log.Append(context.WithoutCancel(r.Context()), rec); err != nil {
		h.app.Logger.Error("what an administrator did could not be recorded", "error", err)
		writeAdminError(w, http.StatusInternalServerError, "server_error", "It is done, but could not be recorded: tell the operator.")
		return false
	}
	return true
}

func (h *admin) clients(w http.ResponseWriter, r *http.Request, _ auth.Admin) {
	type line struct {
		ID        string   `json:"client_id"`
		Name      string   `json:"name,omitempty"`
		From      string   `json:"from"`
		Auth      string   `json:"token_endpoint_auth_method"`
		Agent     string   `json:"agent,omitempty"`
		Agents    []string `json:"agents,omitempty"`
		Admin     []string `json:"admin,omitempty"`
		Redirects []string `json:"redirect_uris,omitempty"`
	}
	found, err := h.app.Clients.List(r.Context())
	if err != nil {
		h.failed(w, err)
		return
	}
	all := make([]line, 0, len(found))
	for _, c := range found {
		all = append(all, line{c.ID, c.Name, c.Origin, c.Auth, c.Agent, c.Agents, c.Admin, c.Redirects})
	}
	lines(w, all)
}

func (h *admin) failed(w http.ResponseWriter, err error) {
	h.app.Logger.Error("an administrator's request failed", "error", err)
	w.Header().Set("Retry-After", "5")
	writeAdminError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The store cannot be read just now. Try again in a few seconds.")
}

func (h *admin) removeClient(w http.ResponseWriter, r *http.Request, who auth.Admin) {
	id := r.PathValue("id")
	err := h.app.Clients.Remove(r.Context(), id)
	switch {
	case errors.Is(err, client.ErrUnknown):
		writeAdminError(w, http.StatusNotFound, "not_found", "There is no such client.")
	case errors.Is(err, store.ErrUnavailable):
		h.failed(w, err)
	case err != nil:
		writeAdminError(w, http.StatusConflict, "conflict", err.Error())
	case h.record(w, r, who, audit.Record{Event: "admin.client_removed", Message: "client " + id}):
		w.WriteHeader(http.StatusNoContent)
	}
}

func (h *admin) consents(w http.ResponseWriter, r *http.Request, _ auth.Admin) {
	type line struct {
		ID      string    `json:"id"`
		Client  string    `json:"client_id"`
		Person  string    `json:"person"`
		Agent   string    `json:"agent,omitempty"`
		Task    string    `json:"task,omitempty"`
		Scope   string    `json:"scope"`
		Created time.Time `json:"created"`
		Used    time.Time `json:"used"`
	}
	found, err := h.oauth.Consents(r.Context())
	if err != nil && len(found) == 0 {
		h.failed(w, err)
		return
	}
	var all []line
	for _, c := range found {
		all = append(all, line{c.ID, c.Client, c.Person, c.Agent, c.Task, c.Scope, c.Created, c.Used})
	}
	lines(w, all)
}

func (h *admin) endConsent(w http.ResponseWriter, r *http.Request, who auth.Admin) {
	err := h.oauth.EndConsent(r.Context(), r.PathValue("id"))
	switch {
	case errors.Is(err, server.ErrNoConsent):
		writeAdminError(w, http.StatusNotFound, "not_found", "There is no such consent.")
	case err != nil:
		h.failed(w, err)
	case h.record(w, r, who, audit.Record{Event: "admin.consent_ended", Message: "consent " + r.PathValue("id")}):
		w.WriteHeader(http.StatusNoContent)
	}
}

// credentials are told by their ids and states: nobody sees one here.
func (h *admin) credentials(w http.ResponseWriter, r *http.Request, _ auth.Admin) {
	type line struct {
		ID      string `json:"id"`
		Agent   string `json:"agent"`
		User    string `json:"user,omitempty"`
		Service string `json:"service"`
		Account string `json:"account,omitempty"`
		Type    string `json:"type"`
		State   string `json:"state"`
	}
	var all []line
	for _, d := range h.app.Vault.Declarations() {
		state := "unknown"
		if s, err := h.app.Vault.Standing(r.Context(), d); err == nil && s.State != "" {
			state = string(s.State)
		}
		all = append(all, line{d.ID, d.Owner.Agent, d.Owner.User, d.Service, d.Account, d.Type, state})
	}
	lines(w, all)
}
