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

func (s *service) subscriptionTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_save_subscription", s.saveSubscription)}
}

type saveSubscriptionIn struct {
	ID        int64    `json:"id"`
	Dashboard ref      `json:"dashboard"`
	Schedule  string   `json:"schedule"`
	To        []string `json:"to"`
	SkipEmpty *bool    `json:"skip_if_empty"`
	CSV       *bool    `json:"csv"`
	Active    *bool    `json:"active"`
}

// saveSubscription creates a subscription to a dashboard, with all its questions,
// or changes what is named of one. Subscriptions are pulses to the API.
func (s *service) saveSubscription(ctx context.Context, c *upstream.Client, in saveSubscriptionIn) (Alert, error) {
	if in.ID > 0 {
		return s.changeSubscription(ctx, c, in)
	}
	if in.Dashboard == "" || in.Schedule == "" || len(in.To) == 0 {
		return Alert{}, fault.Wrong("A new subscription needs dashboard, schedule and to.")
	}
	at, ok := readSchedule(in.Schedule)
	if !ok || at.minute != 0 {
		return Alert{}, wrongSchedule(in.Schedule)
	}
	id, err := s.dashboard(ctx, c, in.Dashboard)
	if err != nil {
		return Alert{}, err
	}
	to, err := s.recipients(ctx, c, in.To)
	if err != nil {
		return Alert{}, err
	}
	var m dashboardModel
	if err := c.Get(ctx, dashboardPath(id), nil, &m); err != nil {
		return Alert{}, err
	}
	cards := []any{}
	for _, dc := range m.DashCards {
		if dc.CardID != nil {
			cards = append(cards, map[string]any{"id": *dc.CardID, "dashboard_card_id": dc.ID, "include_csv": in.CSV != nil && *in.CSV, "include_xls": false})
		}
	}
	if len(cards) == 0 {
		return Alert{}, fault.Wrong("Dashboard %d has no question on it, so there is nothing to send.", id)
	}
	body := map[string]any{"name": m.Name, "dashboard_id": id, "cards": cards, "channels": to.pulseChannels(at), "skip_if_empty": in.SkipEmpty != nil && *in.SkipEmpty}
	twin, err := sameSubscription(ctx, c, id, body)
	if err != nil {
		return Alert{}, err
	}
	if twin != nil {
		return twin.shown(c), nil
	}
	var p pulse
	if err := c.Do(ctx, upstream.Request{Path: "/api/pulse", JSON: body}, &p); err != nil {
		return Alert{}, err
	}
	return p.shown(c), nil
}

// sameSubscription is a subscription that sends the same to the same people at the
// same time already. nil is none.
func sameSubscription(ctx context.Context, c *upstream.Client, dashboard int64, body map[string]any) (*pulse, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var want pulse
	if err := json.Unmarshal(raw, &want); err != nil {
		return nil, err
	}
	var all []pulse
	if err := c.Get(ctx, "/api/pulse", url.Values{"dashboard_id": {strconv.FormatInt(dashboard, 10)}}, &all); err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.says() == want.says() {
			return &p, nil
		}
	}
	return nil, nil
}

// says is what a subscription does, in a form to compare.
func (p pulse) says() string {
	var to []string
	for _, ch := range p.Channels {
		s := schedule{kind: ch.Schedule, day: ch.Day}
		if ch.Hour != nil {
			s.hour = *ch.Hour
		}
		to = append(to, fmt.Sprint(ch.Type, s, ch.Details.Channel))
		for _, r := range ch.Recipients {
			to = append(to, fmt.Sprint(ch.Type, s, r.ID))
		}
	}
	slices.Sort(to)
	csv := len(p.Cards) > 0 && p.Cards[0].CSV
	return fmt.Sprint(value(p.DashboardID), p.Archived, p.SkipEmpty, csv, slices.Compact(to))
}

func wrongSchedule(words string) error {
	return fault.Wrong("schedule: %q is none that a subscription can have. Write %s, on the hour.", upstream.Clean(words, 60), scheduleForms)
}

// changeSubscription sends only what changes. Channels are a list that replaces the
// one that is there, so the rest of it goes back as it came.
func (s *service) changeSubscription(ctx context.Context, c *upstream.Client, in saveSubscriptionIn) (Alert, error) {
	if in.Dashboard != "" {
		return Alert{}, fault.Wrong("A subscription stays with its dashboard. Leave dashboard out, or id to create another.")
	}
	path := "/api/pulse/" + strconv.FormatInt(in.ID, 10)
	var old struct {
		Channels []json.RawMessage `json:"channels"`
		Cards    []json.RawMessage `json:"cards"`
	}
	if err := c.Get(ctx, path, nil, &old); err != nil {
		return Alert{}, err
	}
	body := map[string]any{}
	if in.Active != nil {
		body["archived"] = !*in.Active
	}
	if in.SkipEmpty != nil {
		body["skip_if_empty"] = *in.SkipEmpty
	}
	if in.CSV != nil {
		cards, err := objects(old.Cards)
		if err != nil {
			return Alert{}, err
		}
		for _, card := range cards {
			card["include_csv"] = *in.CSV
		}
		body["cards"] = cards
	}
	if in.Schedule != "" || len(in.To) > 0 {
		channels, err := s.rechannel(ctx, c, in, old.Channels)
		if err != nil {
			return Alert{}, err
		}
		body["channels"] = channels
	}
	if len(body) == 0 {
		return Alert{}, fault.Wrong("There is nothing to change: give schedule, to, skip_if_empty, csv or active.")
	}
	var p pulse
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: path, JSON: body}, &p); err != nil {
		return Alert{}, err
	}
	if in.Active != nil && p.Archived == *in.Active {
		return Alert{}, fault.New(fault.UpstreamError, "Metabase took the change of subscription %d and shows other values than were sent. Look at it with metabase_list_alerts.", in.ID)
	}
	return p.shown(c), nil
}

// rechannel is the list of channels with another time or other recipients.
func (s *service) rechannel(ctx context.Context, c *upstream.Client, in saveSubscriptionIn, old []json.RawMessage) ([]map[string]any, error) {
	channels, err := objects(old)
	if err != nil {
		return nil, err
	}
	at, ok := readSchedule(in.Schedule)
	if in.Schedule != "" && (!ok || at.minute != 0) {
		return nil, wrongSchedule(in.Schedule)
	}
	if len(in.To) > 0 {
		to, err := s.recipients(ctx, c, in.To)
		if err != nil {
			return nil, err
		}
		if in.Schedule == "" { // the one that it had
			if len(channels) == 0 {
				return nil, fault.Wrong("The subscription has no schedule yet; give schedule too.")
			}
			next := to.pulseChannels(schedule{})
			for _, ch := range next {
				for _, key := range []string{"schedule_type", "schedule_hour", "schedule_day", "schedule_frame"} {
					ch[key] = channels[0][key]
				}
			}
			return next, nil
		}
		return to.pulseChannels(at), nil
	}
	for _, ch := range channels {
		at.onto(ch)
	}
	return channels, nil
}

// onto sets a channel's time as a pulse has it.
func (s schedule) onto(ch map[string]any) {
	ch["schedule_type"], ch["schedule_hour"], ch["schedule_day"], ch["schedule_frame"] = s.kind, nil, nil, nil
	if s.kind != "hourly" {
		ch["schedule_hour"] = s.hour
	}
	switch s.kind {
	case "weekly":
		ch["schedule_day"] = s.day
	case "monthly":
		ch["schedule_frame"] = "first"
	}
}

// pulseChannels are the recipients as a pulse has them.
func (r recipients) pulseChannels(at schedule) []map[string]any {
	var all []map[string]any
	if len(r.users) > 0 {
		list := []any{}
		for _, id := range r.users {
			list = append(list, map[string]any{"id": id})
		}
		all = append(all, map[string]any{"channel_type": "email", "enabled": true, "recipients": list, "details": map[string]any{}})
	}
	for _, ch := range r.channels {
		all = append(all, map[string]any{"channel_type": "slack", "enabled": true, "recipients": []any{}, "details": map[string]any{"channel": ch}})
	}
	for _, ch := range all {
		at.onto(ch)
	}
	return all
}
