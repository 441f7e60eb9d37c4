package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"toolvault/audit"
	"toolvault/audit/mirror"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/otlp"
	"toolvault/cmd/toolvault/internal/webhook"
	"toolvault/vault"
	"toolvault/vault/store"
)

const collectorTimeout = 30 * time.Second // of one request to a collector

// mirrors are the places that the audit log is sent to. A config that is put in
// force begins them anew, each from where it was.
type mirrors struct {
	changed chan struct{} // holds one at most
	config  atomic.Pointer[config.Config]
	running atomic.Pointer[[]*mirror.Mirror]
}

// set puts the mirrors of a config in force. What they need is looked up when they
// begin: a secret that is missing stops the mirror, and nothing else.
func (m *mirrors) set(cfg *config.Config) {
	m.config.Store(cfg)
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// runMirrors mirrors the log until ctx ends.
func (a *App) runMirrors(ctx context.Context) error {
	numbers := newMirrorNumbers(&a.mirrors)
	if err := a.Metrics.registry.Register(numbers); err != nil {
		return err
	}
	defer a.Metrics.registry.Unregister(numbers)
	for ctx.Err() == nil {
		select {
		case <-a.mirrors.changed: // what was set before the next line has it
		default:
		}
		var list []*mirror.Mirror
		if cfg := a.mirrors.config.Load(); cfg != nil {
			for _, m := range cfg.Audit.Mirrors {
				list = append(list, a.newMirror(cfg, m, numbers))
			}
		}
		a.mirrors.running.Store(&list)
		ctx, stop := context.WithCancel(ctx)
		var all sync.WaitGroup
		for _, m := range list {
			all.Go(func() { _ = m.Run(ctx) }) // which ends with ctx, without an error
		}
		select {
		case <-ctx.Done():
		case <-a.mirrors.changed:
		}
		stop()
		all.Wait()
	}
	return nil
}

func (a *App) newMirror(cfg *config.Config, m config.Mirror, numbers *mirrorNumbers) *mirror.Mirror {
	failed := numbers.errors.WithLabelValues(m.Name)
	log, _, _ := strings.Cut(a.auditKey, "+")
	return mirror.New(mirror.Options{
		Dir: AuditDir(a.Dir), Log: log, Name: m.Name, Logger: a.Logger,
		Filter:  mirror.Filter{Agents: m.Agents, Services: m.Services, Outcomes: m.Outcomes},
		Open:    func() (mirror.Sink, error) { return a.openMirror(cfg, m, log) },
		Failed:  failed.Inc,
		Refused: func(ctx context.Context, what mirror.Refusal) error { return a.mirrorRefused(ctx, what, numbers) },
	})
}

// openMirror opens the place of a mirror, with the secrets as they are now.
func (a *App) openMirror(cfg *config.Config, m config.Mirror, log string) (mirror.Sink, error) {
	at := "audit.mirror " + m.Name
	switch m.Kind {
	case config.MirrorFile:
		return mirror.NewFile(mirror.FileOptions{Path: m.Target, Rotate: m.Rotate, Keep: m.Keep}), nil
	case config.MirrorRedis:
		url, err := cfg.LookupOrLiteral(m.Target)
		if err != nil {
			return nil, fmt.Errorf("%s: redis: %w", at, err)
		}
		client, where, err := store.RedisClient(url.Reveal())
		if err != nil {
			return nil, fmt.Errorf("%s: redis: %w", at, err)
		}
		return mirror.NewRedis(mirror.RedisOptions{Client: client, Where: where, Stream: m.Stream, MaxLen: m.MaxLen, Dir: AuditDir(a.Dir), Name: m.Name}), nil
	}
	url, err := cfg.LookupEndpoint(m.Target)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", at, m.Kind, err)
	}
	if m.Kind == config.MirrorWebhook {
		hook := webhook.Hook{URL: url}
		if m.Secret != "" {
			if hook.Secret, err = cfg.Lookup(m.Secret); err != nil {
				return nil, fmt.Errorf("%s: secret: %w", at, err)
			}
		}
		return mirror.NewWebhook(func(ctx context.Context, id string, body []byte) error {
			return hookClass(hook.Send(ctx, webhook.JSON, id, body))
		}), nil
	}
	headers := map[string]vault.Secret{}
	for name, ref := range m.Headers {
		if headers[name], err = cfg.Lookup(ref); err != nil {
			return nil, fmt.Errorf("%s: headers.%s: %w", at, name, err)
		}
	}
	endpoint := strings.TrimSuffix(strings.TrimRight(url.Reveal(), "/"), otlp.PathLogs)
	client := &otlp.Client{Endpoint: endpoint, Headers: headers, HTTP: &http.Client{Timeout: collectorTimeout}}
	resource := otlp.Resource{Attributes: []otlp.KeyValue{
		otlp.String("service.name", "toolvault"), otlp.String("service.version", a.Version), otlp.String("service.instance.id", log),
	}}
	return otlp.NewLogs(client, resource, a.Version, time.Now), nil
}

func hookClass(err error) error {
	var status *webhook.StatusError
	if errors.As(err, &status) {
		return mirror.ByStatus(status.Code, status.After, err)
	}
	return err
}

// mirrorRefused puts on record what a mirror has refused for good.
func (a *App) mirrorRefused(ctx context.Context, what mirror.Refusal, numbers *mirrorNumbers) error {
	_, err := a.Log.Append(ctx, audit.Record{
		Phase: audit.PhaseEvent, Event: mirror.EventRefused, Outcome: "failed", Spans: []audit.Span{{First: what.First, End: what.End}},
		Message: a.Redactor.Text(fmt.Sprintf("mirror %s does not get %d of the records from %d to %d: %v", what.Mirror, what.Count, what.First, what.End-1, what.Reason)),
	})
	if err == nil {
		numbers.refused.WithLabelValues(what.Mirror).Add(float64(what.Count))
	}
	return err
}

// mirrorNumbers are the metrics of the mirrors; their labels are the names in the
// config.
type mirrorNumbers struct {
	mirrors         *mirrors
	lag             *prometheus.Desc
	errors, refused *prometheus.CounterVec
}

func newMirrorNumbers(m *mirrors) *mirrorNumbers {
	labels := []string{"mirror"}
	return &mirrorNumbers{
		mirrors: m,
		lag:     prometheus.NewDesc("toolvault_audit_mirror_lag_records", "Audit records that a mirror has not acknowledged yet, by mirror.", labels, nil),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolvault_audit_mirror_errors_total", Help: "Attempts to send audit records to a mirror that failed, by mirror.",
		}, labels),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolvault_audit_mirror_refused_records_total", Help: "Audit records that a mirror has refused for good, by mirror.",
		}, labels),
	}
}

// Describe is of prometheus.Collector.
func (n *mirrorNumbers) Describe(to chan<- *prometheus.Desc) {
	to <- n.lag
	n.errors.Describe(to)
	n.refused.Describe(to)
}

// Collect is of prometheus.Collector.
func (n *mirrorNumbers) Collect(to chan<- prometheus.Metric) {
	n.errors.Collect(to)
	n.refused.Collect(to)
	list := n.mirrors.running.Load()
	if list == nil {
		return
	}
	for _, m := range *list {
		if lag, err := m.Lag(); err == nil {
			to <- prometheus.MustNewConstMetric(n.lag, prometheus.GaugeValue, float64(lag), m.Name)
		}
	}
}
