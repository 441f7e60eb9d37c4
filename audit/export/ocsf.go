package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"toolvault/audit"
	"toolvault/audit/many"
)

// SchemaVersion is the version of OCSF that an export is of: the release of March
// 2026 (github.com/ocsf/ocsf-schema). What is written is also good by that
// repository of July 2026, of which 1.9.0 was made; a test holds it against both.
const SchemaVersion = "1.8.0"

const (
	categoryUID = 6    // Application Activity
	classUID    = 6003 // API Activity
	className   = "API Activity"
	profileName = "trace"
	aiProfile   = "ai_operation"
)

// ocsf writes events of OCSF's class API Activity (events/application/api_activity.json).
type ocsf struct {
	enc *json.Encoder
	o   Options
}

func (w *ocsf) Write(e many.Entry) error { return w.enc.Encode(w.event(e)) }

// event is the class, as far as a log fills it. The names are OCSF's.
type event struct {
	ActivityID     Activity        `json:"activity_id"`
	ActivityName   string          `json:"activity_name"`
	CategoryUID    int             `json:"category_uid"`
	CategoryName   string          `json:"category_name"`
	ClassUID       int             `json:"class_uid"`
	ClassName      string          `json:"class_name"`
	TypeUID        int64           `json:"type_uid"`
	TypeName       string          `json:"type_name"`
	Time           int64           `json:"time"` // ms since 1970
	SeverityID     int             `json:"severity_id"`
	Severity       string          `json:"severity"`
	StatusID       int             `json:"status_id"`
	Status         string          `json:"status"`
	StatusCode     string          `json:"status_code,omitempty"`
	StatusDetail   string          `json:"status_detail,omitempty"`
	Message        string          `json:"message"`
	Metadata       metadata        `json:"metadata"`
	Actor          actor           `json:"actor"`
	API            api             `json:"api"`
	SrcEndpoint    endpoint        `json:"src_endpoint"`
	DstEndpoint    *endpoint       `json:"dst_endpoint,omitempty"`
	HTTPResponse   *httpResponse   `json:"http_response,omitempty"`
	Resources      []resource      `json:"resources,omitempty"`
	Trace          *unique         `json:"trace,omitempty"`
	MessageContext *messageContext `json:"message_context,omitempty"`
	Unmapped       *unmapped       `json:"unmapped,omitempty"`
}

type metadata struct {
	Version          string   `json:"version"`
	Product          product  `json:"product"`
	Profiles         []string `json:"profiles,omitempty"`
	UID              string   `json:"uid"`
	OriginalEventUID string   `json:"original_event_uid"`
	OriginalTime     string   `json:"original_time"`
	EventCode        string   `json:"event_code"`
	LogName          string   `json:"log_name"`
	LogProvider      string   `json:"log_provider"`
	Sequence         int64    `json:"sequence"` // the index in the log
	CorrelationUID   string   `json:"correlation_uid,omitempty"`
	IsTruncated      bool     `json:"is_truncated,omitempty"`
}

type product struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
}

type actor struct {
	User           *user           `json:"user,omitempty"`
	Session        *session        `json:"session,omitempty"`
	AppName        string          `json:"app_name,omitempty"`
	AppUID         string          `json:"app_uid,omitempty"`
	Authorizations []authorization `json:"authorizations,omitempty"`
}

type user struct {
	UID    string `json:"uid"`
	Name   string `json:"name"`
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
}

type session struct {
	UID    string `json:"uid,omitempty"`
	Issuer string `json:"issuer,omitempty"`
}

type authorization struct {
	Decision string `json:"decision"`
	Policy   policy `json:"policy"`
}

type policy struct {
	Name    string `json:"name"`
	Applied bool   `json:"is_applied"`
}

type api struct {
	Operation string   `json:"operation"`
	Service   *named   `json:"service,omitempty"`
	Request   request  `json:"request"`
	Response  response `json:"response"`
}

type named struct {
	Name    string `json:"name,omitempty"`
	UID     string `json:"uid,omitempty"`
	Version string `json:"version,omitempty"`
}

type unique struct {
	UID string `json:"uid"`
}

type request struct {
	UID  string          `json:"uid"`
	Data json.RawMessage `json:"data,omitempty"`
}

type response struct {
	Code         int             `json:"code,omitempty"`
	Error        string          `json:"error,omitempty"`
	ErrorMessage string          `json:"error_message,omitempty"`
	Message      string          `json:"message,omitempty"`
	Data         json.RawMessage `json:"data,omitempty"`
}

type endpoint struct {
	Name    string `json:"name,omitempty"`
	IP      string `json:"ip,omitempty"`
	SvcName string `json:"svc_name,omitempty"`
}

type httpResponse struct {
	Code int `json:"code"`
}

type resource struct {
	UID     string            `json:"uid"`
	Type    string            `json:"type"`
	Version string            `json:"version,omitempty"`
	RoleID  int               `json:"role_id"`
	Role    string            `json:"role"`
	Data    map[string]string `json:"data,omitempty"`
}

type messageContext struct {
	UID         string `json:"uid,omitempty"`
	Application *named `json:"application,omitempty"`
	Service     named  `json:"service"`
	RoleID      int    `json:"ai_role_id"`
	Role        string `json:"ai_role"`
}

// unmapped is what OCSF has no place for, under the names of the log.
type unmapped struct {
	Phase        audit.Phase  `json:"phase"`
	OutcomeIndex int64        `json:"outcome_index,omitempty"`
	Chain        []string     `json:"chain,omitempty"`
	Admin        string       `json:"admin,omitempty"`
	Task         string       `json:"task,omitempty"`
	ClientID     string       `json:"client_id,omitempty"`
	ToolDigest   string       `json:"tool_digest,omitempty"`
	RepeatOf     string       `json:"repeat_of,omitempty"`
	UpstreamID   string       `json:"upstream_id,omitempty"`
	Retries      int          `json:"retries,omitempty"`
	ResultBytes  int          `json:"result_bytes,omitempty"`
	ResultDigest string       `json:"result_digest,omitempty"`
	Millis       audit.Steps  `json:"ms,omitzero"`
	Spans        []audit.Span `json:"spans,omitempty"`
	Erased       bool         `json:"erased,omitempty"`
}

func (w *ocsf) event(e many.Entry) event {
	operation := cmp.Or(e.Tool, e.Event, "unknown")
	log := cmp.Or(e.Log, w.o.Name, "toolvault")
	position := log + "#" + strconv.FormatInt(e.Index, 10)
	activity, activityName := w.activity(&e)
	severityID, severity := severityOf(&e)
	statusID, status := statusOf(&e)
	v := event{
		ActivityID: activity, ActivityName: activityName, CategoryUID: categoryUID, CategoryName: "Application Activity",
		ClassUID: classUID, ClassName: className, TypeUID: classUID*100 + int64(activity), TypeName: className + ": " + activityName,
		Time: e.Time.UnixMilli(), SeverityID: severityID, Severity: severity, StatusID: statusID, Status: status,
		StatusCode: e.Status, StatusDetail: e.Message,
		Message: fmt.Sprintf("%s: %s by %s", operation, e.Status, cmp.Or(e.Agent, e.Admin, e.User, "nobody known")),
		Metadata: metadata{
			Version: SchemaVersion, Product: product{"toolvault", "toolvault", w.o.Version}, UID: position, OriginalEventUID: cmp.Or(e.CallID, position),
			OriginalTime: e.Time.UTC().Format(time.RFC3339Nano), EventCode: cmp.Or(e.Event, string(e.Phase)), LogName: log, LogProvider: "toolvault",
			Sequence: e.Index, CorrelationUID: e.CorrelationID, IsTruncated: truncated(e.Result),
		},
		Actor: actorOf(&e),
		API: api{
			Operation: operation, Request: request{cmp.Or(e.CallID, position), e.Arguments},
			Response: response{Code: e.UpstreamStatus, Data: e.Result},
		},
		SrcEndpoint: source(&e),
		Unmapped: &unmapped{
			e.Phase, e.OutcomeIndex, e.Chain, e.Admin, e.Task, e.ClientID, e.ToolDigest, e.RepeatOf, e.UpstreamID, e.Retries,
			e.ResultBytes, e.ResultDigest, e.Millis, e.Spans, e.Erased,
		},
	}
	if e.Service != "" {
		v.API.Service = &named{Name: e.Service}
		v.DstEndpoint = &endpoint{Name: e.Service}
	}
	if e.Status == "ok" {
		v.API.Response.Message = e.Message
	} else {
		v.API.Response.Error, v.API.Response.ErrorMessage = e.Status, e.Message
	}
	if e.UpstreamStatus != 0 {
		v.HTTPResponse = &httpResponse{e.UpstreamStatus}
	}
	if e.CredentialID != "" {
		v.Resources = []resource{credential(&e)}
	}
	if e.CorrelationID != "" {
		v.Trace = &unique{e.CorrelationID}
		v.Metadata.Profiles = append(v.Metadata.Profiles, profileName)
	}
	if e.ClientName != "" || e.ToolCallID != "" {
		v.MessageContext = &messageContext{UID: e.ToolCallID, Service: named{Name: "toolvault"}, RoleID: 3, Role: "Tool"}
		if e.ClientName != "" {
			v.MessageContext.Application = &named{Name: e.ClientName, Version: e.ClientVersion}
		}
		v.Metadata.Profiles = append(v.Metadata.Profiles, aiProfile)
	}
	return v
}

// actorOf says who acted: the agent is the application, the user the one it acts
// for; an agent that acts for nobody is a service account.
func actorOf(e *many.Entry) actor {
	a := actor{AppName: cmp.Or(e.Agent, "unknown"), AppUID: e.Agent}
	switch {
	case e.User != "":
		a.User = &user{e.User, e.User, 1, "User"}
	case e.Admin != "":
		a.User = &user{e.Admin, e.Admin, 2, "Admin"}
	case e.Agent != "":
		a.User = &user{e.Agent, e.Agent, 4, "Service"}
	}
	if e.TokenID != "" || e.Issuer != "" {
		a.Session = &session{e.TokenID, e.Issuer}
	}
	if e.Rule != "" {
		decision := "Allowed"
		if e.Status == "not_permitted" {
			decision = "Denied"
		}
		a.Authorizations = []authorization{{decision, policy{e.Rule, true}}}
	}
	return a
}

// source is where it came from, as far as that is on record: the records of
// sign-ins and of tokens begin their message with "from ADDRESS".
func source(e *many.Entry) endpoint {
	s := endpoint{Name: cmp.Or(e.ClientName, e.Agent, e.Admin, "unknown"), SvcName: e.Transport}
	words := strings.Fields(e.Message)
	for i, word := range words[:min(len(words), 5)] {
		if word != "from" || e.Phase != audit.PhaseEvent || i+1 == len(words) {
			continue
		}
		if ip, err := netip.ParseAddr(strings.TrimRight(words[i+1], ":;,")); err == nil {
			s.IP = ip.WithZone("").String()
			break
		}
	}
	return s
}

func credential(e *many.Entry) resource {
	r := resource{UID: e.CredentialID, Type: "credential", Version: number(e.CredentialVersion), RoleID: 4, Role: "Related"}
	for name, value := range map[string]string{"type": e.CredentialType, "scope": e.Scope, "account": e.Account, "account_label": e.AccountLabel} {
		if value != "" {
			if r.Data == nil {
				r.Data = map[string]string{}
			}
			r.Data[name] = value
		}
	}
	return r
}

func truncated(result json.RawMessage) bool {
	return strings.HasPrefix(string(result), `{"truncated":true,`)
}
