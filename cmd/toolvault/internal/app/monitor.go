package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"toolvault/audit"
	"toolvault/audit/monitor"
	"toolvault/auth"
	"toolvault/vault"
)

const (
	watchAgain  = 5 * time.Second // after the monitor has failed
	lookForEnds = time.Minute     // of credentials
	endsAgain   = 24 * time.Hour
)

// watch judges the audit log as it is written, and tells people of alerts. What
// fails is tried again: no call must end because nobody is told of something.
func (a *App) watch(ctx context.Context) error {
	m := monitor.New(monitor.Options{
		Dir: AuditDir(a.Dir), Log: a.Log, Now: time.Now, Logger: a.Logger,
		Settings: func() *monitor.Settings { return &a.config().Alerts.Monitor },
		Act:      a.act, Told: a.countAlerts(),
	})
	g, ctx := errgroup.WithContext(ctx)
	for what, run := range map[string]func(context.Context) error{
		"the monitor of the audit log": m.Run,
		"sending alerts":               a.sendAlerts,
		"posting alerts to Slack":      a.postAlerts,
		"the ends of credentials":      func(ctx context.Context) error { return a.watchEnds(ctx, m) },
	} {
		g.Go(func() error {
			for {
				err := run(ctx)
				if ctx.Err() != nil {
					return nil
				}
				a.Logger.Error(what+" failed and begins again", "error", err)
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(watchAgain):
				}
			}
		})
	}
	return g.Wait()
}

// countAlerts makes the metrics of alerts. Rules and severities are our own words.
func (a *App) countAlerts() func(monitor.Finding, int) {
	raised := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "toolvault_alerts_total", Help: "Alerts raised by this process, by rule and severity.",
	}, []string{"rule", "severity"})
	lasting := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "toolvault_alerts_open", Help: "Incidents that last, as of the last one that changed.",
	})
	a.Metrics.registry.MustRegister(raised, lasting)
	return func(f monitor.Finding, open int) {
		if f.Event == monitor.EventRaised {
			raised.WithLabelValues(f.Alert.Rule, f.Alert.Severity).Inc()
		}
		lasting.Set(float64(open))
	}
}

// act does what the rule of an alert asks for.
func (a *App) act(ctx context.Context, alert monitor.Alert) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	agent := alert.Subject.Agent
	reason := a.Redactor.Text(fmt.Sprintf("%s, %s: %s", alert.ID, alert.Rule, alert.Saw))
	switch alert.Action {
	case monitor.ActionSuspend:
		if err := a.Agents.Suspend(ctx, agent, reason); err != nil {
			return "", err
		}
		return "the agent is suspended", a.ruled(ctx, "agent.suspended", agent, reason)
	case monitor.ActionFreshToken:
		var unknown *auth.UnknownAgentError
		switch err := a.Tokens.RevokeAgent(ctx, agent); {
		case errors.As(err, &unknown):
			return "nothing: no agent of that id is known here any more", nil
		case err != nil:
			return "", err
		}
		return "all tokens of the agent are void; it can get new ones", a.ruled(ctx, "token.revoked", agent, reason)
	}
	return "", fmt.Errorf("there is no action %q", alert.Action)
}

// ruled writes an audit record of what no person did, but a rule.
func (a *App) ruled(ctx context.Context, event, agent, reason string) error {
	_, err := a.Log.Append(ctx, audit.Record{
		Phase: audit.PhaseEvent, Event: event, Agent: agent, Admin: "toolvault monitor", Outcome: "ok", Message: a.Redactor.Text(reason),
	})
	return err
}

// watchEnds records which credentials end soon, once a day each, for the monitor
// to judge like all else that it hears of.
func (a *App) watchEnds(ctx context.Context, m *monitor.Monitor) error {
	told := map[string]time.Time{}
	var looked time.Time
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if time.Since(looked) >= lookForEnds && m.Works() {
			looked = time.Now()
			for _, d := range a.Vault.Declarations() {
				if last, ok := m.Lasts(monitor.RuleExpiring, d.ID); ok && last.After(told[d.ID]) {
					told[d.ID] = last
				}
				if time.Since(told[d.ID]) < endsAgain {
					continue
				}
				s, err := a.Vault.Standing(ctx, d)
				if err != nil || s.State != vault.StateExpiring {
					continue
				}
				_, err = a.Log.Append(ctx, audit.Record{
					Phase: audit.PhaseEvent, Event: "credential.expiring", Service: d.Service, Agent: d.Owner.Agent, User: d.Owner.User,
					CredentialID: d.ID, CredentialType: d.Type, Outcome: string(s.State),
					Message: fmt.Sprintf("it ends at %s", s.Expires.UTC().Format(time.RFC3339)),
				})
				if err != nil {
					return err
				}
				told[d.ID] = time.Now()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// AlertSettings are the rules of a config file; "" for none.
func AlertSettings(path string) (monitor.Settings, error) {
	cfg, err := loadConfig(path)
	if err != nil {
		return monitor.Settings{}, err
	}
	return cfg.Alerts.Monitor, nil
}
