package app

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"toolvault/vault"
)

// Metrics counts what happens. Labels are names from our own lists (tools,
// services, kinds of failure), so their number is bounded.
type Metrics struct {
	registry  *prometheus.Registry
	calls     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	waits     *prometheus.CounterVec
	refused   prometheus.Counter
	refreshes *prometheus.CounterVec
	states    *prometheus.CounterVec
}

func newMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolvault_calls_total", Help: "Tool calls, by tool and outcome.",
		}, []string{"tool", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "toolvault_call_seconds", Help: "How long tool calls take, the upstream included.",
			Buckets: []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"tool"}),
		waits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolvault_limit_wait_seconds_total", Help: "Time that requests have waited for a service's known rate limits, by service.",
		}, []string{"service"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "toolvault_refused_tokens_total", Help: "Requests refused for their bearer token.",
		}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolvault_credential_refreshes_total", Help: "Refreshes of credentials, by service and outcome.",
		}, []string{"service", "outcome"}),
		states: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolvault_credential_states_total", Help: "Changes of credentials to a state, by service and state (needs_consent, broken, ok).",
		}, []string{"service", "state"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "toolvault_build_info", Help: "Always 1; the version is a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.calls, m.seconds, m.waits, m.refused, m.refreshes, m.states, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) call(tool, outcome string, d time.Duration) {
	m.calls.WithLabelValues(tool, outcome).Inc()
	m.seconds.WithLabelValues(tool).Observe(d.Seconds())
}

func (m *Metrics) limited(service string, d time.Duration) {
	m.waits.WithLabelValues(service).Add(d.Seconds())
}

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
}

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
