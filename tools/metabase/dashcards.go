package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) dashcardTools() []tools.Tool {
	return []tools.Tool{tools.New("metabase_edit_dashboard_cards", s.editDashboardCards)}
}

type editCardsIn struct {
	ID       ref      `json:"id"`
	Ops      []cardOp `json:"ops"`
	Expected string   `json:"expected_updated_at"`
	DryRun   bool     `json:"dry_run"`
}

// cardOp is one change of a dashboard's cards.
type cardOp struct {
	Op       string `json:"op"`
	Card     ref    `json:"card"`
	Question ref    `json:"question"`
	Text     string `json:"text"`
	Tab      ref    `json:"tab"`
	Row      *int   `json:"row"`
	Col      *int   `json:"col"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Filter   string `json:"filter"`
	Target   string `json:"target"`
}

// EditedCards is the answer of metabase_edit_dashboard_cards.
type EditedCards struct {
	ID        int64    `json:"id"`
	Name      string   `json:"name"`
	Applied   bool     `json:"applied"`
	Changes   []string `json:"changes"`
	Cards     []Card   `json:"cards"` // as they are now, or would be
	More      int      `json:"more_cards,omitempty"`
	UpdatedAt string   `json:"updated_at,omitempty"`
	Link      string   `json:"link"`
}

// Text is the changes and the cards.
func (e EditedCards) Text() string {
	head := "Changed dashboard"
	if !e.Applied {
		head = "Nothing was changed yet. This would come of dashboard"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d  %s  %s\n", head, e.ID, upstream.Quote(e.Name), e.Link)
	for _, change := range e.Changes {
		b.WriteString("- " + upstream.Quote(change) + "\n")
	}
	b.WriteString(cardLines(e.Cards))
	if e.More > 0 {
		fmt.Fprintf(&b, "and %d more cards; metabase_get_dashboard lists them\n", e.More)
	}
	return b.String()
}

// editDashboardCards reads the dashboard, changes the list of its cards, and
// writes the whole list back: Metabase deletes what is missing from it. Whatever
// it does not know of a card or tab goes back as it came.
func (s *service) editDashboardCards(ctx context.Context, c *upstream.Client, in editCardsIn) (EditedCards, error) {
	id, err := s.dashboard(ctx, c, in.ID)
	if err != nil {
		return EditedCards{}, err
	}
	b, err := readBoard(ctx, c, id)
	if err != nil {
		return EditedCards{}, err
	}
	b.s = s
	if in.Expected != "" && stamp(in.Expected) != b.model.changed() {
		f := fault.New(fault.Conflict, "Somebody has changed the dashboard since: it is of %s, not %s. Look at it anew with metabase_get_dashboard.", b.model.changed(), upstream.Clean(in.Expected, 40))
		f.NotSent = true
		return EditedCards{}, f
	}
	for i, op := range in.Ops {
		if err := b.apply(ctx, op); err != nil {
			f := fault.From(err)
			if f.Kind == fault.InvalidArguments || f.Kind == fault.NotFound {
				f.Message = fmt.Sprintf("ops[%d] (%s): %s Nothing was changed.", i, op.Op, f.Message)
			}
			f.NotSent = true
			return EditedCards{}, f
		}
	}
	out := EditedCards{ID: id, Name: upstream.Clean(b.model.Name, 254), Changes: b.changes, Link: link(c, "dashboard", id)}
	if in.DryRun {
		after, err := b.after()
		if err != nil {
			return EditedCards{}, err
		}
		out.show(after)
		out.UpdatedAt = b.model.changed()
		return out, nil
	}
	var answer dashboardModel
	if err := c.Do(ctx, upstream.Request{Method: http.MethodPut, Path: dashboardPath(id), JSON: b.body()}, &answer); err != nil {
		return EditedCards{}, err
	}
	if missing := b.missing(answer); missing != "" {
		return EditedCards{}, fault.New(fault.UpstreamError, "Metabase took the change of dashboard %d and %s. Look at it with metabase_get_dashboard; metabase_history and metabase_revert bring an earlier version back.", id, missing)
	}
	out.Applied, out.UpdatedAt = true, answer.changed()
	out.show(answer)
	return out, nil
}

func (e *EditedCards) show(m dashboardModel) {
	all := m.cards(true, nil)
	e.Cards, _ = pageOf(nil, tools.Position{}, all, maxCards)
	e.More = len(all) - len(e.Cards)
}

// board is a dashboard while its cards are changed.
type board struct {
	s       *service
	c       *upstream.Client
	model   dashboardModel
	cards   []map[string]any
	tabs    []map[string]any
	bottom  map[int64]int // of each tab, before the changes
	next    int64         // the id of the next new thing, negative
	changes []string
}

func readBoard(ctx context.Context, c *upstream.Client, id int64) (*board, error) {
	var raw json.RawMessage
	if err := c.Get(ctx, dashboardPath(id), nil, &raw); err != nil {
		return nil, err
	}
	b := &board{c: c, next: -1, bottom: map[int64]int{}, changes: []string{}}
	var lists struct {
		Cards *[]json.RawMessage `json:"dashcards"`
		Tabs  []json.RawMessage  `json:"tabs"`
	}
	if json.Unmarshal(raw, &b.model) != nil || json.Unmarshal(raw, &lists) != nil || lists.Cards == nil {
		return nil, fault.New(fault.UpstreamError, "Metabase answered with a dashboard that cannot be read, so it is not changed.")
	}
	var err error
	if b.cards, err = objects(*lists.Cards); err != nil {
		return nil, err
	}
	if b.tabs, err = objects(lists.Tabs); err != nil {
		return nil, err
	}
	for _, card := range b.cards {
		tab := number(card["dashboard_tab_id"])
		b.bottom[tab] = max(b.bottom[tab], boxOf(card).end())
	}
	return b, nil
}

// body is what is sent: all cards and tabs, without what Metabase only shows of
// the questions on them.
func (b *board) body() map[string]any {
	sent := make([]map[string]any, 0, len(b.cards))
	for _, card := range b.cards {
		one := map[string]any{}
		for k, v := range card {
			if k != "card" {
				one[k] = v
			}
		}
		sent = append(sent, one)
	}
	body := map[string]any{"dashcards": sent}
	if len(b.tabs) > 0 {
		body["tabs"] = b.tabs
	}
	return body
}

// after is the dashboard as it would be.
func (b *board) after() (dashboardModel, error) {
	raw, err := json.Marshal(map[string]any{"dashcards": b.cards, "tabs": b.tabs})
	if err != nil {
		return dashboardModel{}, err
	}
	m := dashboardModel{Parameters: b.model.Parameters}
	err = json.Unmarshal(raw, &m)
	return m, err
}

// missing says what of the changed list did not come back; "" is nothing.
func (b *board) missing(now dashboardModel) string {
	there := map[int64]bool{}
	for _, dc := range now.DashCards {
		there[dc.ID] = true
	}
	for _, card := range b.cards {
		if id := number(card["id"]); id > 0 && !there[id] {
			return fmt.Sprintf("card %d is gone", id)
		}
	}
	if len(now.DashCards) != len(b.cards) {
		return fmt.Sprintf("shows %d cards instead of %d", len(now.DashCards), len(b.cards))
	}
	if len(now.Tabs) < len(b.tabs) {
		return fmt.Sprintf("shows %d tabs instead of %d", len(now.Tabs), len(b.tabs))
	}
	return ""
}

// number is a value that should be a whole number; 0 where it is none.
func number(v any) int64 {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case int:
		return int64(v)
	case int64:
		return v
	case *int64:
		return value(v)
	}
	return 0
}
