package app

import (
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"toolvault/auth/server"
	"toolvault/tools"
	"toolvault/tools/trace"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

// Metrics counts what happens. Labels are names from our own lists (tools,
// services, kinds of failure), never what a client, an agent or a service chooses,
// so that the number of series is bounded. Parts of the program that have numbers
// of their own register them with registry.
type Metrics struct {
	registry *prometheus.Registry

	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge

	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
	retries        *prometheus.CounterVec
	waits          *prometheus.CounterVec
	waitSeconds    *prometheus.CounterVec

	refused *prometheus.CounterVec
	tokens  *prometheus.CounterVec

	refreshes      *prometheus.CounterVec
	refreshSeconds *prometheus.HistogramVec
	states         *prometheus.CounterVec

	appendSeconds  prometheus.Observer
	appendFailures prometheus.Counter
	appending      prometheus.Gauge
	records        prometheus.Counter
	batches        prometheus.Counter

	storeSeconds *prometheus.HistogramVec
	storeErrors  *prometheus.CounterVec

	connections *prometheus.GaugeVec
	streams     prometheus.Gauge

	scraped *scraped
}

func newMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), scraped: newScraped()}
	// Buckets, in seconds: of what waits for a service, and of what is done here.
	slow := []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	fast := []float64{.00001, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 2.5, 10}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		m.registry.MustRegister(g)
		return g
	}
	histograms := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}

	m.calls = counters("toolvault_calls_total", "Tool calls that were answered, by tool and outcome.", "tool", "outcome")
	m.seconds = histograms("toolvault_call_seconds", "How long tool calls take, the upstream included.", slow, "tool")
	m.inFlight = gauge("toolvault_calls_in_flight", "Tool calls that are under way.")

	m.requests = counters("toolvault_upstream_requests_total", "Requests to services, by service and class of the HTTP status; none: no answer.", "service", "status")
	m.requestSeconds = histograms("toolvault_upstream_request_seconds", "How long requests to services take, until the answer has been read.", slow, "service")
	m.retries = counters("toolvault_upstream_retries_total", "Requests to services that were made again after a failure, by service.", "service")
	m.waits = counters("toolvault_limit_waits_total", "Requests that have waited for a service's known rate limits, by service.", "service")
	m.waitSeconds = counters("toolvault_limit_wait_seconds_total", "Time that requests have waited for a service's known rate limits, by service.", "service")

	m.refused = counters("toolvault_refused_tokens_total", "Requests refused for their bearer token or for where they came from, by reason.", "reason")
	m.tokens = counters("toolvault_tokens_total", "What the authorization server has done with tokens: issued, refreshed, refused, replayed, revoked.", "event")

	m.refreshes = counters("toolvault_credential_refreshes_total", "Refreshes of credentials, by service and outcome.", "service", "outcome")
	m.refreshSeconds = histograms("toolvault_credential_refresh_seconds", "How long refreshes of credentials take, by service.", slow, "service")
	m.states = counters("toolvault_credential_states_total", "Changes of credentials to a state, by service and state (needs_consent, broken, ok).", "service", "state")

	m.appendSeconds = histograms("toolvault_audit_append_seconds", "How long it takes until a record of a call is durable.", fast).WithLabelValues()
	m.appendFailures = counter("toolvault_audit_append_failures_total", "Records of calls that could not be written; no such call was answered.")
	m.appending = gauge("toolvault_audit_appends_in_flight", "Records of calls that wait to be durable.")
	m.records = counter("toolvault_audit_records_total", "Records of calls that were written by this process.")
	m.batches = counter("toolvault_audit_batches_total", "Writes to the audit log that ended with a record of a call; records divided by this is the size of a batch.")

	m.storeSeconds = histograms("toolvault_store_seconds", "How long operations on the store take; lease includes the wait for others.", fast, "operation")
	m.storeErrors = counters("toolvault_store_errors_total", "Operations that the store has failed to do, by operation.", "operation")

	m.connections = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "toolvault_http_connections", Help: "Connections of clients, by state (active, idle).",
	}, []string{"state"})
	m.registry.MustRegister(m.connections)
	m.streams = gauge("toolvault_streams_open", "Answers to clients that are streams of events, and not ended.")

	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "toolvault_build_info", Help: "Always 1; the versions of the program and of Go are labels.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(info, m.scraped, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// call is told of each call that was answered.
func (m *Metrics) call(o tools.Observed) {
	m.calls.WithLabelValues(o.Tool, o.Outcome).Inc()
	observe(m.seconds.WithLabelValues(o.Tool), o.Elapsed, o.Trace)
}

// observe notes a time, with the trace in which to see where it went.
func observe(h prometheus.Observer, d time.Duration, t *trace.Trace) {
	if e, ok := h.(prometheus.ExemplarObserver); ok && t.Recorded() {
		e.ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": t.TraceID()})
		return
	}
	h.Observe(d.Seconds())
}

// exchange is told of each request to a service.
func (m *Metrics) exchange(e upstream.Exchange) {
	class := "none"
	if n := e.Status / 100; n >= 1 && n <= 5 {
		class = string(rune('0'+n)) + "xx"
	}
	m.requests.WithLabelValues(e.Service, class).Inc()
	m.requestSeconds.WithLabelValues(e.Service).Observe(e.Elapsed.Seconds())
	if e.Again {
		m.retries.WithLabelValues(e.Service).Inc()
	}
}

// limited is told of each wait for a known limit.
func (m *Metrics) limited(service string, d time.Duration) {
	m.waits.WithLabelValues(service).Inc()
	m.waitSeconds.WithLabelValues(service).Add(d.Seconds())
}

// credential is told of refreshes and changes of state.
func (m *Metrics) credential(e vault.Event) {
	if e.Kind == vault.EventState {
		m.states.WithLabelValues(e.Service, string(e.State)).Inc()
		return
	}
	outcome := "ok"
	if e.Err != nil {
		outcome = "failed"
	}
	m.refreshes.WithLabelValues(e.Service, outcome).Inc()
	m.refreshSeconds.WithLabelValues(e.Service).Observe(e.Elapsed.Seconds())
}

// turnedAway is told of requests whose sender nobody knows. What stands in brackets
// behind the reason is for the log.
func (m *Metrics) turnedAway(reason string) {
	reason, _, _ = strings.Cut(reason, " (")
	m.refused.WithLabelValues(reason).Inc()
}

// token is told of what the authorization server does.
func (m *Metrics) token(e server.Event) {
	switch e.Kind {
	case server.Issued, server.Refreshed, server.Refused, server.Replayed, server.Revoked:
		m.tokens.WithLabelValues(e.Kind).Inc()
	}
}

// stored is told of each operation on the store.
func (m *Metrics) stored(operation string, d time.Duration, failed bool) {
	m.storeSeconds.WithLabelValues(operation).Observe(d.Seconds())
	if failed {
		m.storeErrors.WithLabelValues(operation).Inc()
	}
}
