package app

import (
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

var described = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: "(.*)", constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

// metricsOf are the names that a registry can export, each with its labels, and
// the texts of help.
func metricsOf(t *testing.T, r *prometheus.Registry) (labels map[string][]string, help map[string]string) {
	t.Helper()
	labels, help = map[string][]string{}, map[string]string{}
	descs := make(chan *prometheus.Desc)
	go func() { r.Describe(descs); close(descs) }()
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			t.Errorf("cannot be read: %s", d)
			continue
		}
		help[m[1]] = m[2]
		labels[m[1]] = append(labels[m[1]], strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return labels, help
}

// running is an app with every part that has metrics of its own at work.
func running(t *testing.T) *App {
	t.Helper()
	a, err := Open(t.Context(), Options{Sandbox: true, Data: filepath.Join(t.TempDir(), "d"), Listen: "127.0.0.1:0", Version: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Metrics.anchors(nil) // as where a config names some
	a.Metrics.scraped.app.Store(a)
	return a
}

func TestMetricsAreNamedAsPrometheusHasIt(t *testing.T) {
	a := running(t)
	_, help := metricsOf(t, a.Metrics.registry)
	for name, text := range help {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if !strings.HasPrefix(name, "toolvault_") || len(text) < 12 {
			t.Errorf("%s: %q", name, text)
		}
	}
	families, err := a.Metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	families = slices.DeleteFunc(families, func(f *prometheusFamily) bool { return !strings.HasPrefix(f.GetName(), "toolvault_") })
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if len(families) < 10 {
		t.Errorf("only %d metrics", len(families))
	}
}

// Everything that the dashboard asks for is there, by name and by label.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	a := running(t)
	board := readDashboard(t)
	named := map[string]bool{}
	for _, q := range board.queries() {
		for _, name := range q.metrics() {
			named[name] = true
		}
	}
	if len(named) < 35 {
		t.Errorf("only %d metrics are asked for: is the pattern still right?", len(named))
	}
	var labels map[string][]string
	var unknown []string
	deadline := time.Now().Add(20 * time.Second) // some are registered when their part begins
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		labels, _ = metricsOf(t, a.Metrics.registry)
		unknown = nil
		for name := range named {
			if _, ok := labels[name]; !ok {
				unknown = append(unknown, name)
			}
		}
		if len(unknown) == 0 || time.Now().After(deadline) {
			break
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		t.Errorf("the dashboard asks for %s, which is not exported", name)
	}
	labels["toolvault_build_info"] = append(labels["toolvault_build_info"], "version", "go") // they are constant
	for _, q := range board.queries() {
		known := []string{"job", "instance", "le"}
		for _, name := range q.metrics() {
			known = append(known, labels[name]...)
		}
		for _, label := range q.labels() {
			if !slices.Contains(known, label) {
				t.Errorf("%s: the query has the label %s, and its metrics have %v", q.panel, label, known)
			}
		}
	}
	// And what is exported is on it, but for what is only worth a look now and then.
	rare := []string{"toolvault_audit_anchor_behind_records", "toolvault_audit_anchor_taken_timestamp_seconds"}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if strings.HasPrefix(name, "toolvault_") && !named[name] && !slices.Contains(rare, name) {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
}
