package audit

import (
	"encoding/json"
	"time"
)

// Phase tells what a record is about.
type Phase string

// A read has one record, a call; a write has an intent, durable before anything
// leaves, and an outcome. Refused tokens and changes by admins have an event.
const (
	PhaseCall    Phase = "call"
	PhaseIntent  Phase = "intent"
	PhaseOutcome Phase = "outcome"
	PhaseEvent   Phase = "event"
)

// Record is one line of the log. All of it has passed redaction before it comes
// here. The log sets Index and, where it is zero, Time.
type Record struct {
	Index int64     `json:"index"` // position in the log, from 0
	Time  time.Time `json:"time"`
	Phase Phase     `json:"phase"`
	Event string    `json:"event,omitempty"` // for PhaseEvent: "token.refused", "agent.suspended", …

	CallID        string   `json:"call_id,omitempty"`        // ours, UUIDv7
	ToolCallID    string   `json:"tool_call_id,omitempty"`   // the client's
	CorrelationID string   `json:"correlation_id,omitempty"` // trace id
	RepeatOf      string   `json:"repeat_of,omitempty"`      // the call that did this, where this one came with its idempotency key
	Agent         string   `json:"agent,omitempty"`
	Chain         []string `json:"chain,omitempty"` // the agents that passed the right to act on, from the nearest to the first
	User          string   `json:"user,omitempty"`
	Admin         string   `json:"admin,omitempty"` // who administered
	Task          string   `json:"task,omitempty"`
	TokenID       string   `json:"token_id,omitempty"`
	ClientID      string   `json:"client_id,omitempty"` // of OAuth
	Issuer        string   `json:"issuer,omitempty"`    // of a token that is not ours
	ClientName    string   `json:"client_name,omitempty"`
	ClientVersion string   `json:"client_version,omitempty"`
	Transport     string   `json:"transport,omitempty"` // "http" or "stdio"

	Service    string `json:"service,omitempty"`
	Tool       string `json:"tool,omitempty"`
	ToolDigest string `json:"tool_digest,omitempty"` // SHA-256 of the schema in force, hex
	Write      bool   `json:"write,omitempty"`

	Arguments    json.RawMessage `json:"arguments,omitempty"`
	Result       json.RawMessage `json:"result,omitempty"` // bounded
	ResultDigest string          `json:"result_digest,omitempty"`
	ResultBytes  int             `json:"result_bytes,omitempty"` // of the whole

	Outcome        string     `json:"outcome,omitempty"` // "ok", or a fault.Kind
	Message        string     `json:"message,omitempty"` // of a failure
	UpstreamStatus int        `json:"upstream_status,omitempty"`
	UpstreamID     string     `json:"upstream_id,omitempty"` // the service's request id
	Retries        int        `json:"retries,omitempty"`
	Deadline       *time.Time `json:"deadline,omitempty"` // of an intent: past it without an outcome, the outcome is unknown

	CredentialID      string `json:"credential_id,omitempty"`
	CredentialVersion int64  `json:"credential_version,omitempty"`
	CredentialType    string `json:"credential_type,omitempty"`
	Account           string `json:"account,omitempty"`       // which of several of the service, as the config calls it
	AccountLabel      string `json:"account_label,omitempty"` // as the service calls it
	Scope             string `json:"scope,omitempty"`         // the one used
	Rule              string `json:"rule,omitempty"`          // the policy rule that decided

	Millis Steps `json:"ms,omitzero"`

	Spans  []Span `json:"spans,omitempty"`  // of an event about records: EventErased, EventDropped, EventArchived
	Key    string `json:"key,omitempty"`    // of EventKey: the verifier key that the log is signed with from the next segment on
	Erased bool   `json:"erased,omitempty"` // read only: arguments, result, user and message were erased
}

// Span is the indices of some records, from the first to the one before End.
type Span struct {
	First int64 `json:"first"`
	End   int64 `json:"end"`
}

// Steps is what a call has taken, in milliseconds, by step; 0 where there was no
// such step.
type Steps struct {
	Audit    float64 `json:"audit,omitempty"` // of the intent
	Once     float64 `json:"once,omitempty"`  // claiming an idempotency key, or waiting for the call that has it
	Policy   float64 `json:"policy,omitempty"`
	Result   float64 `json:"result,omitempty"` // shaping and redacting it
	Schema   float64 `json:"schema,omitempty"`
	Tool     float64 `json:"tool,omitempty"`
	Total    float64 `json:"total,omitempty"`    // up to the outcome's record, which it cannot count
	Upstream float64 `json:"upstream,omitempty"` // part of tool
	Vault    float64 `json:"vault,omitempty"`
}

// Receipt proves that a record is durable. Only Append makes one.
type Receipt struct {
	index int64
	size  int64
	valid bool
}

// Index is the record's position in the log.
func (r Receipt) Index() int64 { return r.index }

// TreeSize is the size of the signed tree that covers the record.
func (r Receipt) TreeSize() int64 { return r.size }

// Durable reports whether the receipt came from the log.
func (r Receipt) Durable() bool { return r.valid }
