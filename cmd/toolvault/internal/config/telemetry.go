package config

import (
	"regexp"
	"strconv"
	"strings"
)

// Telemetry is the "telemetry" section: where traces of calls go.
type Telemetry struct {
	OTLP    string            // "https://collector.example.com:4318", without a path of a signal; "": what the environment says
	Headers map[string]string // sent along, by name: references to what they hold
	Sample  float64           // the share of calls that is recorded, above 0 and up to 1; 0: what the environment says
}

// Metrics says where the numbers for Prometheus are served: "server.metrics".
type Metrics struct {
	Listen string // HOST:PORT of its own; "": with the rest, or nowhere
	Token  string // "env:NAME", "file:PATH" or "exec:PROGRAM": whoever reads them needs it; "": nobody does
}

var (
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$") // a token of RFC 9110 section 5.6.2

	// What HTTP itself, or the client, sets.
	ownHeaders = regexp.MustCompile(`(?i)^(host|content-.*|transfer-encoding|connection|user-agent|te|trailer|upgrade)$`)
)

const maxTelemetryHeaders = 16

func (r *reader) telemetry(n *node) {
	m := r.mapping(n, "telemetry", "otlp", "headers", "sample")
	if s, ok := r.text(m["otlp"], "telemetry.otlp"); ok {
		switch u, err := parseURL(s); {
		case err != nil:
			r.fail(m["otlp"].at, "telemetry.otlp", "%v", err)
		case u.Scheme == "http" && !isNear(u.Hostname()):
			r.fail(m["otlp"].at, "telemetry.otlp", "traces and headers would travel in the clear: use https (http is taken for loopback and private hosts only)")
		default:
			r.Telemetry.OTLP = strings.TrimRight(strings.TrimSuffix(u.String(), "/v1/traces"), "/")
		}
	}
	for _, p := range r.pairs(m["headers"], "telemetry.headers", "a mapping from the name of a header to a reference to what it holds") {
		field := join("telemetry.headers", key(p.key))
		switch {
		case !headerName.MatchString(p.key) || ownHeaders.MatchString(p.key):
			r.fail(p.at, field, "this must be the name of a header that a collector asks for, such as authorization")
			continue
		case len(r.Telemetry.Headers) == maxTelemetryHeaders:
			r.fail(p.at, field, "more than 16 headers are not sent")
			continue
		}
		if s, ok := r.text(p.value, field); ok {
			if r.Telemetry.Headers == nil {
				r.Telemetry.Headers = map[string]string{}
			}
			r.Telemetry.Headers[p.key] = r.reference(s, p.value.at, field, kindEnv, kindFile, kindExec)
		}
	}
	if m["headers"] != nil && m["otlp"] == nil {
		r.fail(m["headers"].at, "telemetry", "headers needs an otlp beside it: where they are sent")
	}
	if s := m["sample"]; s != nil {
		share, err := strconv.ParseFloat(s.text, 64)
		if err != nil || !(share > 0 && share <= 1) {
			r.fail(s.at, "telemetry.sample", "this must be the share of calls that is recorded, above 0 and up to 1, such as 0.1")
		}
		r.Telemetry.Sample = share
	}
}

func (r *reader) metrics(n *node) {
	m := r.mapping(n, "server.metrics", "listen", "token")
	if s, ok := r.text(m["listen"], "server.metrics.listen"); ok {
		if err := checkListen(s); err != nil {
			r.fail(m["listen"].at, "server.metrics.listen", "%v", err)
		} else if host := s[:strings.LastIndexByte(s, ':')]; m["token"] == nil && !isLoopback(strings.Trim(host, "[]")) {
			r.fail(m["listen"].at, "server.metrics.listen", "others can reach this address: set server.metrics.token beside it, or listen on 127.0.0.1")
		}
		r.Server.Metrics.Listen = s
	}
	if s, ok := r.text(m["token"], "server.metrics.token"); ok {
		r.Server.Metrics.Token = r.reference(s, m["token"].at, "server.metrics.token", kindEnv, kindFile, kindExec)
	}
}

// IsNear reports whether a host is on this machine or on a private network, as far
// as its name tells.
func IsNear(host string) bool { return isNear(host) }
