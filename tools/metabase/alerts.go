package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) alertTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_list_alerts", s.listAlerts)}
}

// Alert is something that is sent: an alert of a question, or a subscription to a
// dashboard.
type Alert struct {
	ID        int64    `json:"id"`
	Kind      string   `json:"kind"` // "alert", "subscription"
	Question  *Named   `json:"question,omitempty"`
	Dashboard *Named   `json:"dashboard,omitempty"`
	Condition string   `json:"condition,omitempty"`
	Once      bool     `json:"once,omitempty"`
	Schedule  string   `json:"schedule"`
	To        []string `json:"to"`
	Active    bool     `json:"active"`
	Creator   string   `json:"creator,omitempty"`
	Link      string   `json:"link,omitempty"`
}

// Text is one line.
func (a Alert) Text() string {
	of, name := a.Question, "question"
	if a.Dashboard != nil {
		of, name = a.Dashboard, "dashboard"
	}
	t := fmt.Sprintf("%s %d", a.Kind, a.ID)
	if of != nil {
		t += fmt.Sprintf("  of %s %d %s", name, of.ID, upstream.Quote(of.Name))
	}
	if a.Condition != "" {
		t += "  when " + a.Condition
	}
	if a.Once {
		t += ", once"
	}
	t += fmt.Sprintf("  %s  to %s", a.Schedule, upstream.Quote(strings.Join(a.To, ", ")))
	if !a.Active {
		t += "  (not active)"
	}
	return t + "\n"
}

// Alerts is the answer of metabase_list_alerts.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
	Total  int     `json:"total"`
	Next   string  `json:"next_cursor,omitempty"`
}

// Text is one line an alert.
func (l Alerts) Text() string {
	if len(l.Alerts) == 0 {
		return "No alerts or subscriptions."
	}
	var b strings.Builder
	for _, a := range l.Alerts {
		b.WriteString(a.Text())
	}
	return b.String() + more(len(l.Alerts), l.Total, l.Next)
}

// notification is an alert as GET /api/notification has it.
type notification struct {
	ID      int64  `json:"id"`
	Active  bool   `json:"active"`
	Kind    string `json:"payload_type"`
	Payload struct {
		CardID    int64  `json:"card_id"`
		Condition string `json:"send_condition"`
		Once      bool   `json:"send_once"`
		Card      struct {
			Name string `json:"name"`
		} `json:"card"`
	} `json:"payload"`
	Creator struct {
		Name string `json:"common_name"`
	} `json:"creator"`
	Subscriptions []struct {
		Cron string `json:"cron_schedule"`
	} `json:"subscriptions"`
	Handlers []struct {
		Channel    string `json:"channel_type"`
		Recipients []struct {
			Kind   string `json:"type"`
			UserID int64  `json:"user_id"`
			User   struct {
				Name  string `json:"common_name"`
				Email string `json:"email"`
			} `json:"user"`
			Group struct {
				Name string `json:"name"`
			} `json:"permissions_group"`
			Details struct {
				Value json.RawMessage `json:"value"`
			} `json:"details"`
		} `json:"recipients"`
	} `json:"handlers"`
}

func (n notification) shown(c *upstream.Client) Alert {
	a := Alert{
		ID: n.ID, Kind: "alert", Condition: ownWord(n.Payload.Condition, 40), Once: n.Payload.Once, To: []string{}, Active: n.Active,
		Creator: upstream.Clean(n.Creator.Name, 100), Question: &Named{n.Payload.CardID, upstream.Clean(n.Payload.Card.Name, 254)},
		Link: link(c, "card", n.Payload.CardID),
	}
	var all []string
	for _, sub := range n.Subscriptions {
		all = append(all, wordsOf(sub.Cron))
	}
	a.Schedule = strings.Join(all, "; ")
	for _, h := range n.Handlers {
		for _, r := range h.Recipients {
			who := r.User.Name
			switch {
			case who == "" && r.User.Email != "":
				who = r.User.Email
			case who == "" && r.Group.Name != "":
				who = "group " + r.Group.Name
			case who == "" && len(r.Details.Value) > 0:
				who = fmt.Sprint(upstream.CleanJSON(r.Details.Value, 100))
			case who == "":
				who = "user " + strconv.FormatInt(r.UserID, 10)
			}
			if len(a.To) < 50 {
				a.To = append(a.To, upstream.Clean(who, 100))
			}
		}
	}
	return a
}

// pulse is a subscription to a dashboard as GET /api/pulse has it.
type pulse struct {
	ID          int64          `json:"id"`
	Name        string         `json:"name"`
	DashboardID *int64         `json:"dashboard_id"`
	Archived    bool           `json:"archived"`
	SkipEmpty   bool           `json:"skip_if_empty"`
	Channels    []pulseChannel `json:"channels"`
	Cards       []struct {
		CSV bool `json:"include_csv"`
	} `json:"cards"`
	Creator struct {
		Name string `json:"common_name"`
	} `json:"creator"`
}

type pulseChannel struct {
	Type       string `json:"channel_type"`
	Enabled    bool   `json:"enabled"`
	Schedule   string `json:"schedule_type"`
	Hour       *int   `json:"schedule_hour"`
	Day        string `json:"schedule_day"`
	Recipients []struct {
		ID    int64  `json:"id"`
		Name  string `json:"common_name"`
		Email string `json:"email"`
	} `json:"recipients"`
	Details struct {
		Channel string `json:"channel"`
	} `json:"details"`
}

func (p pulse) shown(c *upstream.Client) Alert {
	a := Alert{ID: p.ID, Kind: "subscription", To: []string{}, Active: !p.Archived, Creator: upstream.Clean(p.Creator.Name, 100)}
	if p.DashboardID != nil {
		a.Dashboard = &Named{*p.DashboardID, upstream.Clean(p.Name, 254)}
		a.Link = link(c, "dashboard", *p.DashboardID)
	}
	var all []string
	for _, ch := range p.Channels {
		s := schedule{kind: ownWord(ch.Schedule, 20), day: ownWord(ch.Day, 20)}
		if ch.Hour != nil {
			s.hour = *ch.Hour
		}
		if text := upstream.Clean(s.String(), 80); len(all) == 0 || all[len(all)-1] != text {
			all = append(all, text)
		}
		for _, r := range ch.Recipients {
			who := r.Name
			switch {
			case who == "" && r.Email != "":
				who = r.Email
			case who == "":
				who = "user " + strconv.FormatInt(r.ID, 10)
			}
			if len(a.To) < 50 {
				a.To = append(a.To, upstream.Clean(who, 100))
			}
		}
		if ch.Details.Channel != "" {
			a.To = append(a.To, upstream.Clean(ch.Details.Channel, 100))
		}
	}
	a.Schedule = strings.Join(all, "; ")
	return a
}

type listAlertsIn struct {
	Question  ref    `json:"question"`
	Dashboard ref    `json:"dashboard"`
	Limit     int    `json:"limit"`
	Cursor    string `json:"cursor"`
}

// listAlerts pages here, since the API answers all at once.
func (s *service) listAlerts(ctx context.Context, c *upstream.Client, in listAlertsIn) (Alerts, error) {
	if in.Question != "" && in.Dashboard != "" {
		return Alerts{}, fault.Wrong("Give question or dashboard, or none of them.")
	}
	query := []any{"alerts", in.Question, in.Dashboard}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Alerts{}, err
	}
	all := []Alert{}
	if in.Dashboard == "" {
		q := url.Values{"include_inactive": {"true"}}
		if in.Question != "" {
			id, err := s.question(ctx, c, in.Question)
			if err != nil {
				return Alerts{}, err
			}
			q.Set("card_id", strconv.FormatInt(id, 10))
		}
		var found []notification
		if err := c.Get(ctx, "/api/notification", q, &found); err != nil {
			return Alerts{}, err
		}
		for _, n := range found {
			if n.Kind == "notification/card" {
				all = append(all, n.shown(c))
			}
		}
	}
	if in.Question == "" {
		q := url.Values{}
		if in.Dashboard != "" {
			id, err := s.dashboard(ctx, c, in.Dashboard)
			if err != nil {
				return Alerts{}, err
			}
			q.Set("dashboard_id", strconv.FormatInt(id, 10))
		}
		var found []pulse
		if err := c.Get(ctx, "/api/pulse", q, &found); err != nil {
			return Alerts{}, err
		}
		for _, p := range found {
			all = append(all, p.shown(c))
		}
	}
	out := Alerts{Total: len(all)}
	out.Alerts, out.Next = pageOf(query, at, all, in.Limit)
	return out, nil
}
