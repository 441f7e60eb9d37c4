package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) saveAlertTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_save_alert", s.saveAlert)}
}

type saveAlertIn struct {
	ID        int64    `json:"id"`
	Question  ref      `json:"question"`
	Condition string   `json:"condition"`
	Schedule  string   `json:"schedule"`
	To        []string `json:"to"`
	Once      *bool    `json:"once"`
	Active    *bool    `json:"active"`
}

// saveAlert creates an alert, or reads one, changes what is named and writes it
// back with all the rest as it came.
func (s *service) saveAlert(ctx context.Context, c *upstream.Client, in saveAlertIn) (Alert, error) {
	request := upstream.Request{Path: "/api/notification"}
	body := map[string]any{"payload_type": "notification/card", "payload_id": nil}
	payload := map[string]any{"send_condition": "has_result", "send_once": false}
	if in.ID > 0 {
		request = upstream.Request{Method: http.MethodPut, Path: "/api/notification/" + strconv.FormatInt(in.ID, 10)}
		var raw json.RawMessage
		if err := c.Get(ctx, request.Path, nil, &raw); err != nil {
			return Alert{}, err
		}
		var ok bool
		if body, payload, ok = opened(raw); !ok {
			return Alert{}, fault.New(fault.UpstreamError, "Notification %d is no alert of a question, so it is not changed.", in.ID)
		}
		if in.Question != "" {
			return Alert{}, fault.Wrong("An alert stays with its question. Leave question out, or id to create another.")
		}
	} else if in.Question == "" || in.Schedule == "" || len(in.To) == 0 {
		return Alert{}, fault.Wrong("A new alert needs question, schedule and to.")
	}
	if in.Question != "" {
		id, err := s.question(ctx, c, in.Question)
		if err != nil {
			return Alert{}, err
		}
		payload["card_id"] = id
	}
	if in.Condition != "" {
		payload["send_condition"] = in.Condition
	}
	if in.Once != nil {
		payload["send_once"] = *in.Once
	}
	body["payload"] = payload
	if in.Active != nil {
		body["active"] = *in.Active
	}
	if in.Schedule != "" {
		cron, err := cronOf(in.Schedule)
		if err != nil {
			return Alert{}, err
		}
		body["subscriptions"] = []any{map[string]any{"type": "notification-subscription/cron", "cron_schedule": cron}}
	}
	if len(in.To) > 0 {
		to, err := s.recipients(ctx, c, in.To)
		if err != nil {
			return Alert{}, err
		}
		body["handlers"] = to.handlers()
	}
	var n notification
	if in.ID == 0 {
		twin, err := sameAlert(ctx, c, body)
		if err != nil {
			return Alert{}, err
		}
		if twin != nil {
			return twin.shown(c), nil
		}
	}
	request.JSON = body
	if err := c.Do(ctx, request, &n); err != nil {
		return Alert{}, err
	}
	return n.shown(c), nil
}

// sameAlert is an alert that says the same already: a second one would only tell
// everybody twice. nil is none.
func sameAlert(ctx context.Context, c *upstream.Client, body map[string]any) (*notification, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	want := notification{Active: true}
	if err := json.Unmarshal(raw, &want); err != nil {
		return nil, err
	}
	var all []notification
	q := url.Values{"card_id": {strconv.FormatInt(want.Payload.CardID, 10)}, "include_inactive": {"true"}}
	if err := c.Get(ctx, "/api/notification", q, &all); err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.says() == want.says() {
			return &n, nil
		}
	}
	return nil, nil
}

// says is what an alert does, in a form to compare.
func (n notification) says() string {
	var to []string
	for _, h := range n.Handlers {
		for _, r := range h.Recipients {
			to = append(to, fmt.Sprint(h.Channel, " ", r.Kind, " ", r.UserID, " ", string(r.Details.Value)))
		}
	}
	slices.Sort(to)
	var crons []string
	for _, sub := range n.Subscriptions {
		crons = append(crons, sub.Cron)
	}
	return fmt.Sprint(n.Active, n.Kind, n.Payload.CardID, n.Payload.Condition, n.Payload.Once, crons, slices.Compact(to))
}

// opened is an alert with all its keys, and its payload.
func opened(raw json.RawMessage) (body, payload map[string]any, ok bool) {
	v, err := decoded(raw)
	body, _ = v.(map[string]any)
	payload, _ = body["payload"].(map[string]any)
	return body, payload, err == nil && payload != nil && body["payload_type"] == "notification/card"
}

// handlers are the recipients as an alert has them, by channel.
func (r recipients) handlers() []any {
	var all []any
	if len(r.users) > 0 {
		var list []any
		for _, id := range r.users {
			list = append(list, map[string]any{"type": "notification-recipient/user", "user_id": id})
		}
		all = append(all, map[string]any{"channel_type": "channel/email", "recipients": list})
	}
	if len(r.channels) > 0 {
		var list []any
		for _, ch := range r.channels {
			list = append(list, map[string]any{"type": "notification-recipient/raw-value", "details": map[string]any{"value": ch}})
		}
		all = append(all, map[string]any{"channel_type": "channel/slack", "recipients": list})
	}
	return all
}
