package otlp

import (
	"encoding/json"
	"strings"

	"toolvault/audit"
)

// The attributes of an audit record that have a name in OpenTelemetry's semantic
// conventions: https://github.com/open-telemetry/semantic-conventions (log, enduser,
// error, http) and …/semantic-conventions-genai (gen_ai). All others are called
// toolvault.NAME, where NAME is that of the record's member.
const (
	attrUID       = "log.record.uid"
	attrUser      = "enduser.id"
	attrError     = "error.type"
	attrStatus    = "http.response.status_code"
	attrAgent     = "gen_ai.agent.id"
	attrOperation = "gen_ai.operation.name"
	attrTool      = "gen_ai.tool.name"
	attrToolCall  = "gen_ai.tool.call.id"
	attrArguments = "gen_ai.tool.call.arguments"
	attrResult    = "gen_ai.tool.call.result"

	own         = "toolvault."
	executeTool = "execute_tool" // of gen_ai.operation.name
)

func logRecord(log, id string, r *audit.Record) LogRecord {
	severity, text := severityOf(r.Outcome)
	out := LogRecord{
		Time: Nanos(r.Time), Severity: severity, SeverityText: text,
		EventName: own + eventOf(r), Body: Text(line(r)), Attributes: attributes(log, id, r),
	}
	out.TraceID, _ = TraceID(r.CorrelationID)
	return out
}

// eventOf is the event of a record, or what it tells of a call: "call", "intent" or
// "outcome".
func eventOf(r *audit.Record) string {
	if r.Phase == audit.PhaseEvent && r.Event != "" {
		return r.Event
	}
	return string(r.Phase)
}

// severityOf tells what was refused, which is what a policy is for, from what went
// wrong.
func severityOf(outcome string) (Severity, string) {
	switch outcome {
	case "", "ok":
		return Info, "INFO"
	case "refused", "not_permitted", "invalid_arguments", "needs_consent", "credential_invalid", "rate_limited", "not_found", "conflict":
		return Warn, "WARN"
	}
	return Error, "ERROR"
}

// line is what a person reads first. It holds nothing that may be erased.
func line(r *audit.Record) string {
	words := []string{eventOf(r)}
	for _, w := range []string{r.Agent, r.Tool, r.CredentialID} {
		if w != "" {
			words = append(words, w)
			if w == r.Tool {
				break
			}
		}
	}
	text := strings.Join(words, " ")
	if r.Outcome != "" {
		text += ": " + r.Outcome
	}
	return text
}

// list collects attributes; one that is empty is left out.
type list []KeyValue

func (l *list) text(key, value string) {
	if value != "" {
		*l = append(*l, String(key, value))
	}
}

func (l *list) int(key string, value int64) {
	if value != 0 {
		*l = append(*l, Int(key, value))
	}
}

func (l *list) number(key string, value float64) {
	if value != 0 {
		*l = append(*l, Double(key, value))
	}
}

func (l *list) yes(key string, value bool) {
	if value {
		*l = append(*l, Bool(key, true))
	}
}

func attributes(log, id string, r *audit.Record) []KeyValue {
	l := make(list, 0, 40)
	l.text(attrUID, id)
	l.text(own+"log", log)
	l = append(l, Int(own+"index", r.Index))
	l.text(own+"phase", string(r.Phase))
	l.text(own+"event", r.Event)
	if r.Phase != audit.PhaseEvent {
		l.text(attrOperation, executeTool)
	}
	l.text(own+"call_id", r.CallID)
	l.text(attrToolCall, r.ToolCallID)
	l.text(own+"correlation_id", r.CorrelationID)
	l.text(own+"repeat_of", r.RepeatOf)
	l.text(attrAgent, r.Agent)
	if len(r.Chain) > 0 {
		l = append(l, Strings(own+"chain", r.Chain))
	}
	l.text(attrUser, r.User)
	l.text(own+"admin", r.Admin)
	l.text(own+"task", r.Task)
	l.text(own+"token_id", r.TokenID)
	l.text(own+"client_id", r.ClientID)
	l.text(own+"issuer", r.Issuer)
	l.text(own+"client_name", r.ClientName)
	l.text(own+"client_version", r.ClientVersion)
	l.text(own+"transport", r.Transport)
	l.text(own+"service", r.Service)
	l.text(attrTool, r.Tool)
	l.text(own+"tool_digest", r.ToolDigest)
	l.yes(own+"write", r.Write)
	l.text(attrArguments, string(r.Arguments))
	l.text(attrResult, string(r.Result))
	l.text(own+"result_digest", r.ResultDigest)
	l.int(own+"result_bytes", int64(r.ResultBytes))
	l.text(own+"outcome", r.Outcome)
	if r.Outcome != "" && r.Outcome != "ok" {
		l.text(attrError, r.Outcome)
	}
	l.text(own+"message", r.Message)
	l.int(attrStatus, int64(r.UpstreamStatus))
	l.text(own+"upstream_id", r.UpstreamID)
	l.int(own+"retries", int64(r.Retries))
	if r.Deadline != nil {
		l.text(own+"deadline", r.Deadline.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"))
	}
	l.text(own+"credential_id", r.CredentialID)
	l.int(own+"credential_version", r.CredentialVersion)
	l.text(own+"credential_type", r.CredentialType)
	l.text(own+"account", r.Account)
	l.text(own+"account_label", r.AccountLabel)
	l.text(own+"scope", r.Scope)
	l.text(own+"rule", r.Rule)
	l.steps(r.Millis)
	if len(r.Spans) > 0 {
		spans, _ := json.Marshal(r.Spans) // numbers only
		l.text(own+"spans", string(spans))
	}
	l.text(own+"key", r.Key)
	l.yes(own+"erased", r.Erased)
	return l
}

func (l *list) steps(s audit.Steps) {
	const ms = own + "ms."
	l.number(ms+"audit", s.Audit)
	l.number(ms+"once", s.Once)
	l.number(ms+"policy", s.Policy)
	l.number(ms+"result", s.Result)
	l.number(ms+"schema", s.Schema)
	l.number(ms+"tool", s.Tool)
	l.number(ms+"total", s.Total)
	l.number(ms+"upstream", s.Upstream)
	l.number(ms+"vault", s.Vault)
}
