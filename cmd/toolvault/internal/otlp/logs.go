package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"toolvault/audit/mirror"
)

// LogsRequest is an ExportLogsServiceRequest.
type LogsRequest struct {
	ResourceLogs []ResourceLogs `json:"resourceLogs"`
}

// ResourceLogs are the log records of one resource.
type ResourceLogs struct {
	Resource  Resource    `json:"resource"`
	ScopeLogs []ScopeLogs `json:"scopeLogs"`
}

// ScopeLogs are the log records of one scope.
type ScopeLogs struct {
	Scope      Scope       `json:"scope"`
	LogRecords []LogRecord `json:"logRecords"`
}

// LogRecord is one log record.
type LogRecord struct {
	Time         Nanos      `json:"timeUnixNano"`
	Observed     Nanos      `json:"observedTimeUnixNano"`
	Severity     Severity   `json:"severityNumber"`
	SeverityText string     `json:"severityText"`
	EventName    string     `json:"eventName,omitempty"`
	Body         Value      `json:"body"`
	Attributes   []KeyValue `json:"attributes"`
	TraceID      ID         `json:"traceId,omitempty"`
}

// Severity is a SeverityNumber.
type Severity int

// The severities that are used.
const (
	Info  Severity = 9
	Warn  Severity = 13
	Error Severity = 17
)

// Logs sends an audit log to a collector: it is a sink of a mirror. A repeat has the
// same log.record.uid.
type Logs struct {
	client *Client
	to     Resource
	scope  Scope
	now    func() time.Time
}

// NewLogs makes a sink. The version is the program's.
func NewLogs(client *Client, resource Resource, version string, now func() time.Time) *Logs {
	return &Logs{client, resource, Scope{"toolvault/audit", version}, now}
}

// Send posts a lot as one request.
func (l *Logs) Send(ctx context.Context, lot mirror.Lot) error {
	if len(lot.Records) == 0 {
		return nil
	}
	records := make([]LogRecord, len(lot.Records))
	observed := Nanos(l.now())
	for i := range lot.Records {
		r, err := lot.Records[i].Decode()
		if err != nil {
			return &mirror.Refused{Err: err} // by us
		}
		records[i] = logRecord(lot.Log, lot.Records[i].ID, &r)
		records[i].Observed = observed
	}
	return class(len(records), l.client.Post(ctx, PathLogs, LogsRequest{[]ResourceLogs{{l.to, []ScopeLogs{{l.scope, records}}}}}))
}

// Close does nothing: the connections are the transport's.
func (l *Logs) Close() error { return nil }

// class gives an error the class that a mirror acts by. The specification forbids
// to retry what has failed with a status that it does not list, but those of a
// broken server, such as 500, say nothing of the data: an audit log waits for
// somebody to mend it.
func class(sent int, err error) error {
	var failed *Failure
	var partial *Partial
	switch {
	case errors.As(err, &partial) && partial.Rejected >= int64(sent):
		return &mirror.Refused{Err: err}
	case errors.As(err, &partial):
		return &mirror.Partly{Rejected: partial.Rejected, Err: err}
	case errors.As(err, &failed) && !failed.Temporary() && (failed.Status >= http.StatusInternalServerError || failed.Status/100 == 2):
		return &mirror.Closed{Err: err}
	case errors.As(err, &failed):
		return mirror.ByStatus(failed.Status, failed.After, err)
	case err != nil:
		return fmt.Errorf("OTLP: %w", err)
	}
	return nil
}
