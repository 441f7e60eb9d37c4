package app

import (
	"os"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// scraped are the numbers that are looked up when somebody asks for them.
type scraped struct {
	app atomic.Pointer[App]

	logRecords, logBytes, breakers, lookups, traces, spans *prometheus.Desc
}

func newScraped() *scraped {
	desc := prometheus.NewDesc
	return &scraped{
		logRecords: desc("toolvault_audit_log_records", "Records in the audit log of this data folder.", nil, nil),
		logBytes:   desc("toolvault_audit_log_bytes", "Size of the audit log's files on disk.", nil, nil),
		breakers:   desc("toolvault_upstream_breakers_open", "Credentials with which nothing is sent to the service just now, since most of the latest requests failed.", []string{"service"}, nil),
		lookups:    desc("toolvault_vault_lookups_total", "Where the records of credentials came from: hit (memory) or miss (the store).", []string{"result"}, nil),
		traces:     desc("toolvault_traces_total", "Traces of calls: sent to the collector, dropped since it was too slow, or failed since it did not take them.", []string{"outcome"}, nil),
		spans:      desc("toolvault_trace_spans_queued", "Spans that wait to be sent.", nil, nil),
	}
}

// Describe is of prometheus.Collector.
func (s *scraped) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.logRecords, s.logBytes, s.breakers, s.lookups, s.traces, s.spans} {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (s *scraped) Collect(to chan<- prometheus.Metric) {
	a := s.app.Load()
	if a == nil {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(s.logRecords, float64(a.Log.Size()))
	gauge(s.logBytes, float64(folderSize(AuditDir(a.Dir))))
	for service, n := range a.pool.Breakers() {
		gauge(s.breakers, float64(n), service)
	}
	hits, misses := a.Vault.Lookups()
	count(s.lookups, hits, "hit")
	count(s.lookups, misses, "miss")
	traces := a.tracer.Stats()
	count(s.traces, traces.Sent, "sent")
	count(s.traces, traces.Dropped, "dropped")
	count(s.traces, traces.Failed, "failed")
	gauge(s.spans, float64(traces.Queued))
}

// folderSize adds up the files of a folder, in bytes. What goes away meanwhile is
// not counted.
func folderSize(dir string) (total int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}
