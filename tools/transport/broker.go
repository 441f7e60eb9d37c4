package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/trace"
)

// Broker gives an agent a credential of its own. gateway.Release is one.
type Broker interface {
	Release(context.Context, auth.Identity, tools.ReleaseRequest) (tools.Release, *fault.Error)
}

const brokerPrefix = "/v1/agents/"

// serveBroker answers GET /v1/agents/{agentId}/credentials/{service}?scope=…: the
// bearer token says who asks, and only what is that agent's own is found.
func (h *handler) serveBroker(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	id, ok := h.authenticate(w, r)
	if !ok {
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, brokerPrefix), "/")
	if len(parts) != 3 || parts[1] != "credentials" || parts[0] == "" || parts[2] == "" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "A credential is asked for with GET.", http.StatusMethodNotAllowed)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if bad := unexpected(query); err != nil || bad != "" {
		writeFault(w, fault.New(fault.InvalidArguments, "The query takes scope and account, each once%s.", bad), "")
		return
	}
	by := agentClient(r.UserAgent())
	release, failure := h.Broker.Release(r.Context(), id, tools.ReleaseRequest{
		Agent: parts[0], Service: parts[2], Scope: query.Get("scope"), Account: query.Get("account"),
		Client: tools.ClientInfo(by), Transport: "http", CorrelationID: traced(r),
	})
	if failure != nil {
		writeFault(w, failure, release.CallID)
		return
	}
	body, err := json.Marshal(release)
	if err != nil {
		http.Error(w, "The answer could not be written.", http.StatusInternalServerError)
		return
	}
	answer{status: http.StatusOK, body: body}.write(w)
}

// traced is the id of the trace that a request belongs to, or one of its own.
func traced(r *http.Request) string {
	if parent := r.Header["Traceparent"]; len(parent) == 1 {
		if c, ok := trace.Parse(parent[0], ""); ok {
			return c.TraceID()
		}
	}
	return randomHex(16)
}

// unexpected says what is wrong with a query; "" for nothing.
func unexpected(query url.Values) string {
	for key, values := range query {
		switch {
		case key != "scope" && key != "account":
			return ", and not " + label(key)
		case len(values) > 1:
			return "; " + key + " stands there twice"
		}
	}
	return ""
}

// writeFault answers a machine: a status, and the failure as it stands beside a
// tool's result.
func writeFault(w http.ResponseWriter, f *fault.Error, callID string) {
	status := map[fault.Kind]int{
		fault.NotFound: http.StatusNotFound, fault.NotPermitted: http.StatusForbidden, fault.InvalidArguments: http.StatusBadRequest,
		fault.NeedsConsent: http.StatusConflict, fault.CredentialInvalid: http.StatusConflict, fault.RateLimited: http.StatusTooManyRequests,
		fault.UpstreamUnavailable: http.StatusBadGateway, fault.Timeout: http.StatusGatewayTimeout,
	}[f.Kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	body, err := json.Marshal(struct {
		Error struct {
			failureMeta
			Message string `json:"message"`
		} `json:"error"`
		CallID string `json:"call_id,omitempty"`
	}{Error: struct {
		failureMeta
		Message string `json:"message"`
	}{failureMeta{Kind: f.Kind, Retryable: f.Retryable, RetryAfter: seconds(f), Needed: f.Needed, Link: f.Link}, f.Message}, CallID: callID})
	if err != nil {
		http.Error(w, "The answer could not be written.", http.StatusInternalServerError)
		return
	}
	answer{status: status, body: body}.write(w)
}
