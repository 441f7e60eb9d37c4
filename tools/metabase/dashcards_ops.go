package metabase

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const gridWidth = 24 // columns

// box is where a card is on its tab, in cells.
type box struct {
	tab                     int64
	row, col, width, height int
}

func (b box) end() int { return b.row + b.height }

func (b box) overlaps(o box) bool {
	return b.tab == o.tab && b.row < o.end() && o.row < b.end() && b.col < o.col+o.width && o.col < b.col+b.width
}

func boxOf(card map[string]any) box {
	n := func(key string) int { return int(number(card[key])) }
	return box{number(card["dashboard_tab_id"]), n("row"), n("col"), n("size_x"), n("size_y")}
}

func (b *board) apply(ctx context.Context, op cardOp) error {
	switch op.Op {
	case "add":
		return b.add(ctx, op)
	case "add_text":
		return b.addText(op)
	case "add_tab":
		return b.addTab(op)
	case "move", "resize":
		return b.move(op)
	case "remove":
		return b.remove(op)
	case "map_filter", "unmap_filter":
		return b.mapFilter(ctx, op)
	}
	return fault.Wrong("There is no such op.")
}

func (b *board) done(format string, args ...any) {
	b.changes = append(b.changes, fmt.Sprintf(format, args...))
}

// fresh is the id of a new card or tab: negative, and of no other.
func (b *board) fresh() int64 {
	for _, list := range [][]map[string]any{b.cards, b.tabs} {
		for _, one := range list {
			b.next = min(b.next, number(one["id"])-1)
		}
	}
	id := b.next
	b.next--
	return id
}

// add puts a question on the dashboard.
func (b *board) add(ctx context.Context, op cardOp) error {
	id, err := b.s.question(ctx, b.c, op.Question)
	if err != nil {
		return err
	}
	card, err := getCard(ctx, b.c, id)
	if err != nil {
		return err
	}
	if card.Archived {
		return fault.Wrong("Question %d is in the trash.", id)
	}
	width, height := 12, 6
	if slices.Contains([]string{"scalar", "smartscalar", "gauge", "progress"}, card.Display) {
		width, height = 6, 3
	}
	at, err := b.room(op, width, height)
	if err != nil {
		return err
	}
	one := place(b.fresh(), &id, at.row, at.col, at.width, at.height, b.tabID(at.tab))
	one["card"] = map[string]any{"name": card.Name, "display": card.Display}
	b.cards = append(b.cards, one)
	b.done("added question %d, %s", id, upstream.Clean(card.Name, 80))
	return nil
}

// addText puts a text on the dashboard; one line that begins with # is a heading.
func (b *board) addText(op cardOp) error {
	if strings.TrimSpace(op.Text) == "" {
		return fault.Wrong("add_text needs a text.")
	}
	text, display, height := op.Text, "text", min(2+strings.Count(op.Text, "\n"), 12)
	if cut, ok := strings.CutPrefix(text, "# "); ok && !strings.Contains(text, "\n") {
		text, display, height = cut, "heading", 1
	}
	at, err := b.room(op, gridWidth, height)
	if err != nil {
		return err
	}
	one := place(b.fresh(), nil, at.row, at.col, at.width, at.height, b.tabID(at.tab))
	one["card_id"] = nil
	one["visualization_settings"] = map[string]any{
		"text": text, "virtual_card": map[string]any{
			"name": nil, "display": display, "visualization_settings": map[string]any{}, "dataset_query": map[string]any{}, "archived": false,
		},
	}
	b.cards = append(b.cards, one)
	b.done("added the %s %s", display, upstream.Clean(text, 60))
	return nil
}

// addTab adds a tab. The first one of a dashboard brings another with it, for the
// cards that are there: each has to be on a tab.
func (b *board) addTab(op cardOp) error {
	label := strings.TrimSpace(op.Text)
	if label == "" {
		return fault.Wrong("add_tab needs its name in text.")
	}
	if len(b.tabs) == 0 && len(b.cards) > 0 {
		first := b.fresh()
		b.tabs = append(b.tabs, map[string]any{"id": first, "name": "Tab 1"})
		for _, card := range b.cards {
			card["dashboard_tab_id"] = first
		}
		b.bottom[first] = b.bottom[0]
		b.done("put the cards that were there on the new tab Tab 1")
	}
	b.tabs = append(b.tabs, map[string]any{"id": b.fresh(), "name": label})
	b.done("added the tab %s", upstream.Clean(label, 60))
	return nil
}

// tabOf is the tab that an op means: 0 where the dashboard has none, the first
// where it says none.
func (b *board) tabOf(r ref) (int64, error) {
	if r == "" {
		if len(b.tabs) == 0 {
			return 0, nil
		}
		return number(b.tabs[0]["id"]), nil
	}
	m, err := b.after()
	if err != nil {
		return 0, err
	}
	return m.tab(r)
}

func (b *board) tabID(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// room is where a new card goes: where the op says, or below all that was there.
func (b *board) room(op cardOp, width, height int) (box, error) {
	tab, err := b.tabOf(op.Tab)
	if err != nil {
		return box{}, err
	}
	at := box{tab: tab, width: width, height: height}
	if op.Width > 0 {
		at.width = op.Width
	}
	if op.Height > 0 {
		at.height = op.Height
	}
	if op.Row == nil && op.Col == nil {
		return b.free(at), nil
	}
	if op.Col != nil {
		at.col = *op.Col
	}
	if op.Row != nil {
		at.row = *op.Row
	} else {
		at.row = b.free(box{tab: tab, width: gridWidth, height: 1}).row
	}
	return at, b.fits(at, 0)
}

// free is the first free place below what was there before the changes.
func (b *board) free(at box) box {
	for at.row = b.bottom[at.tab]; ; at.row++ {
		for at.col = 0; at.col+at.width <= gridWidth; at.col++ {
			if b.under(at, 0) == nil {
				return at
			}
		}
	}
}

// under is a card that a place would cover, other than the one with the id.
func (b *board) under(at box, except int64) map[string]any {
	for _, card := range b.cards {
		if id := number(card["id"]); (id != except || except == 0) && boxOf(card).overlaps(at) {
			return card
		}
	}
	return nil
}

func (b *board) fits(at box, except int64) error {
	if at.col+at.width > gridWidth {
		return fault.Wrong("col %d and width %d go beyond the %d columns of the grid.", at.col, at.width, gridWidth)
	}
	if card := b.under(at, except); card != nil {
		o := boxOf(card)
		return fault.Wrong("It would cover card %d, which is at row %d, col %d, %d x %d. The first free row below all is %d.",
			number(card["id"]), o.row, o.col, o.width, o.height, b.lowest(at.tab))
	}
	return nil
}

func (b *board) lowest(tab int64) int {
	end := 0
	for _, card := range b.cards {
		if o := boxOf(card); o.tab == tab {
			end = max(end, o.end())
		}
	}
	return end
}

// pick is the card that an op means, new ones included.
func (b *board) pick(op cardOp) (map[string]any, dashcardModel, error) {
	if op.Card == "" {
		return nil, dashcardModel{}, fault.Wrong("%s needs card, its dashcard id or title.", op.Op)
	}
	m, err := b.after()
	if err != nil {
		return nil, dashcardModel{}, err
	}
	dc, err := m.dashcard(op.Card)
	if err != nil {
		return nil, dc, err
	}
	for _, card := range b.cards {
		if number(card["id"]) == dc.ID {
			return card, dc, nil
		}
	}
	return nil, dc, fault.Wrong("There is no such card.")
}

func (b *board) move(op cardOp) error {
	card, dc, err := b.pick(op)
	if err != nil {
		return err
	}
	at := boxOf(card)
	if op.Tab != "" {
		if at.tab, err = b.tabOf(op.Tab); err != nil {
			return err
		}
		if op.Row == nil {
			at.row = b.lowest(at.tab)
		}
	}
	if op.Row != nil {
		at.row = *op.Row
	}
	if op.Col != nil {
		at.col = *op.Col
	}
	if op.Width > 0 {
		at.width = op.Width
	}
	if op.Height > 0 {
		at.height = op.Height
	}
	if at == boxOf(card) {
		return fault.Wrong("Card %d is there already. Give row, col, width, height or tab.", dc.ID)
	}
	if err := b.fits(at, dc.ID); err != nil {
		return err
	}
	card["row"], card["col"], card["size_x"], card["size_y"] = at.row, at.col, at.width, at.height
	if at.tab != 0 {
		card["dashboard_tab_id"] = at.tab
	}
	b.done("moved card %d, %s, to row %d, col %d, %d x %d", dc.ID, upstream.Clean(dc.label(), 60), at.row, at.col, at.width, at.height)
	return nil
}

func (b *board) remove(op cardOp) error {
	_, dc, err := b.pick(op)
	if err != nil {
		return err
	}
	b.cards = slices.DeleteFunc(b.cards, func(card map[string]any) bool { return number(card["id"]) == dc.ID })
	b.done("removed card %d, %s", dc.ID, upstream.Clean(dc.label(), 60))
	return nil
}

// mapFilter connects a filter of the dashboard with a field of the card's question
// or a parameter of its SQL, in place of what it was connected with.
func (b *board) mapFilter(ctx context.Context, op cardOp) error {
	card, dc, err := b.pick(op)
	if err != nil {
		return err
	}
	if op.Filter == "" {
		return fault.Wrong("%s needs filter, the slug of one of the dashboard's.", op.Op)
	}
	p, err := pickParameter("dashboard", op.Filter, b.model.Parameters)
	if err != nil {
		return err
	}
	if dc.CardID == nil {
		return fault.Wrong("Card %d is a text; a filter acts on questions.", dc.ID)
	}
	old, _ := card["parameter_mappings"].([]any)
	kept := slices.DeleteFunc(slices.Clone(old), func(v any) bool {
		m, _ := v.(map[string]any)
		return m["parameter_id"] == p.ID
	})
	if op.Op == "unmap_filter" {
		if len(kept) == len(old) {
			return fault.Wrong("Filter %s does not act on card %d.", upstream.Clean(p.Slug, 60), dc.ID)
		}
		card["parameter_mappings"] = kept
		b.done("disconnected filter %s from card %d", upstream.Clean(p.Slug, 60), dc.ID)
		return nil
	}
	target, err := b.target(ctx, *dc.CardID, op.Target)
	if err != nil {
		return err
	}
	card["parameter_mappings"] = append(kept, map[string]any{"parameter_id": p.ID, "card_id": *dc.CardID, "target": target})
	b.done("connected filter %s with %s of card %d", upstream.Clean(p.Slug, 60), upstream.Clean(op.Target, 60), dc.ID)
	return nil
}

// target is what a filter acts on: ["variable", …] or ["dimension", …] of a tag of
// the SQL, or a field of the table.
func (b *board) target(ctx context.Context, id int64, word string) (any, error) {
	if word == "" {
		return nil, fault.Wrong("map_filter needs target: a field of the question's table, or a parameter of its SQL.")
	}
	q, err := getCard(ctx, b.c, id)
	if err != nil {
		return nil, err
	}
	if _, _, ok := q.Query.native(); ok {
		p, err := pickParameter("question", word, q.parameters())
		if err != nil {
			return nil, err
		}
		return decoded(p.Target)
	}
	var inner struct {
		Source json.RawMessage `json:"source-table"`
	}
	list := q.Query.mbql()
	if json.Unmarshal(list, &inner) != nil { // MBQL 5: the first stage has it
		var stages []json.RawMessage
		if json.Unmarshal(list, &stages) == nil && len(stages) > 0 {
			_ = json.Unmarshal(stages[0], &inner)
		}
	}
	var from ref
	if len(inner.Source) == 0 || json.Unmarshal(inner.Source, &from) != nil {
		return nil, fault.Wrong("It is not known which table question %d reads; connect the filter in Metabase.", id)
	}
	src, err := b.s.source(ctx, b.c, from, "")
	if err != nil {
		return nil, err
	}
	m := &maker{s: b.s, c: b.c, ctx: ctx, src: src}
	_, col, err := m.column(word)
	if err != nil {
		return nil, err
	}
	return []any{"dimension", col}, nil
}
