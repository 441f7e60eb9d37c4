package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolvault/audit/monitor"
	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/webhook"
	"toolvault/tools"
)

const (
	slackTool = "slack_post_message"
	// An alert that could not be posted for a day is of no use in a channel; the
	// log and the webhook have it.
	postWithin  = 24 * time.Hour
	postTimeout = time.Minute
)

// sendAlerts posts alerts to the webhook that the config in force names, signed,
// each until it is taken. While none is named they pass by.
func (a *App) sendAlerts(ctx context.Context) error {
	return monitor.Deliver(ctx, AuditDir(a.Dir), "alerts-webhook", func(ctx context.Context, n monitor.Notice) error {
		body, err := json.Marshal(n)
		if err != nil {
			return err
		}
		id := fmt.Sprintf("msg_%s_%d", n.Alert.ID, n.Index)
		return webhook.Retry{Failed: func(try int, err error) {
			a.Logger.Warn("an alert could not be sent, and is sent again", "alert", n.Alert.ID, "tries", try+1, "error", err)
		}}.Do(ctx, func(ctx context.Context) error {
			cfg := a.config() // again at each try: it may have changed
			to := cfg.Alerts.Webhook
			if to.URL == "" || !enough(n, to.Least) {
				return nil
			}
			hook, err := hookOf(cfg, to.URL, to.Secret)
			if err != nil {
				return err
			}
			return hook.Send(ctx, webhook.JSON, id, body)
		})
	})
}

// enough reports whether a notice is bad enough for somebody.
func enough(n monitor.Notice, least string) bool {
	order := []string{"", monitor.Low, monitor.Medium, monitor.High}
	i := slices.Index(order, n.Alert.Severity)
	return i < 0 || n.Alert.Severity == "" || i >= slices.Index(order, least)
}

// postAlerts posts alerts to a Slack channel as one of our own agents: through the
// gateway, with its own credential, audited like any other call.
func (a *App) postAlerts(ctx context.Context) error {
	return monitor.Deliver(ctx, AuditDir(a.Dir), "alerts-slack", func(ctx context.Context, n monitor.Notice) error {
		return webhook.Retry{Wait: webhook.Backoff(2*time.Second, 10*time.Minute)}.Do(ctx, func(ctx context.Context) error {
			to := a.config().Alerts.Slack
			if to == nil || !posts(n, to) {
				return nil
			}
			err := a.postAlert(ctx, to, n)
			if err != nil && time.Since(n.Time) > postWithin {
				a.Logger.Error("an alert was not posted to Slack", "alert", n.Alert.ID, "error", err)
				return nil
			}
			if err != nil {
				a.Logger.Warn("an alert could not be posted to Slack, and is posted again", "alert", n.Alert.ID, "error", err)
			}
			return err
		})
	})
}

// posts reports whether a notice goes to Slack. One about the agent that posts does
// not: the calls that post it would be what the next one is about.
func posts(n monitor.Notice, to *config.AlertSlack) bool {
	return n.Alert.Subject.Agent != to.Agent && n.Type != monitor.EventAcknowledged && enough(n, to.Least)
}

func (a *App) postAlert(ctx context.Context, to *config.AlertSlack, n monitor.Notice) error {
	if _, err := a.Agent(to.Agent); err != nil {
		return err
	}
	grants, err := a.Grants(to.Agent, "")
	if err != nil {
		return err
	}
	args, err := json.Marshal(map[string]string{"channel": to.Channel, "text": slackText(n)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	result := a.Gateway.Call(ctx, auth.Identity{Agent: to.Agent, Grants: grants}, tools.Call{
		Tool: slackTool, Arguments: args, Client: tools.ClientInfo{Name: "toolvault alerts", Version: a.Version},
		CorrelationID: n.Alert.ID, IdempotencyKey: fmt.Sprintf("%s/%d", n.Alert.ID, n.Index),
	})
	if result.Failure != nil {
		return result.Failure
	}
	return nil
}

// slackText is a notice in Slack's Markdown. What is from the log stands in code:
// agents and strangers choose some of its words.
func slackText(n monitor.Notice) string {
	code := func(s string) string {
		s = strings.Join(strings.Fields(strings.ReplaceAll(s, "`", "'")), " ")
		return "`" + strings.ToValidUTF8(s[:min(len(s), 1000)], "") + "`"
	}
	var b strings.Builder
	verb := strings.TrimPrefix(n.Type, "alert.")
	if n.Alert.Severity != "" {
		b.WriteString("**" + n.Alert.Severity + "** ")
	}
	fmt.Fprintf(&b, "alert %s: **%s**", verb, n.Alert.Rule)
	if s := n.Alert.Subject.String(); s != "" {
		b.WriteString(", " + code(s))
	}
	for _, line := range []struct{ word, text string }{{"", n.Text}, {"normal: ", n.Alert.Normal}} {
		if line.text != "" {
			b.WriteString("\n" + line.word + code(line.text))
		}
	}
	fmt.Fprintf(&b, "\n`toolvault alerts show %s`", n.Alert.ID)
	return b.String()
}
