package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// anchors adds what is known of anchors. It is read from the folder of the log
// when it is asked for, so that it is right in whichever process of the machine
// feeds the place.
func (m *Metrics) anchors(list []Anchored) {
	label := []string{"anchor", "kind"}
	m.registry.MustRegister(&anchorMetrics{
		list: list,
		age: prometheus.NewDesc("toolvault_audit_anchor_age_seconds",
			"How long ago the oldest record came that no checkpoint covers which the anchor has taken; 0 where all are covered.", label, nil),
		behind: prometheus.NewDesc("toolvault_audit_anchor_behind_records",
			"Records that no checkpoint covers which the anchor has taken.", label, nil),
		taken: prometheus.NewDesc("toolvault_audit_anchor_taken_timestamp_seconds",
			"When the anchor has taken a checkpoint last; 0 if never.", label, nil),
		failing: prometheus.NewDesc("toolvault_audit_anchor_failing_seconds",
			"For how long the anchor has been failing; 0 where it works.", label, nil),
	})
}

type anchorMetrics struct {
	list                        []Anchored
	age, behind, taken, failing *prometheus.Desc
}

func (m *anchorMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.age, m.behind, m.taken, m.failing} {
		ch <- d
	}
}

func (m *anchorMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, a := range m.list {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, a.Name(), a.Kind)
		}
		s, err := a.Status()
		if err != nil {
			continue
		}
		gauge(m.age, s.Oldest.Seconds())
		gauge(m.behind, float64(s.Behind))
		taken, failing := 0.0, 0.0
		if !s.At.IsZero() {
			taken = float64(s.At.Unix())
		}
		if !s.Failing.IsZero() {
			failing = max(0, time.Since(s.Failing).Seconds())
		}
		gauge(m.taken, taken)
		gauge(m.failing, failing)
	}
}
