package salesforce

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools/pattern"
)

// Query is SOQL that was understood.
type Query struct {
	Select        []Item
	From          string
	Where         *Condition // nil: all
	GroupBy       []string
	OrderBy       []Order
	Limit, Offset int // -1: none
}

// Item is something that is selected: a field, a function of one, or a query of the
// records below.
type Item struct {
	Path, Func, Alias string
	Sub               *Query
}

// Order is by what the rows are ordered.
type Order struct {
	Path      string
	Down      bool
	NullsLast bool
}

// Condition is a comparison, or several of them under And, Or or Not.
type Condition struct {
	Op     string // "AND", "OR", "NOT", or how Path is compared: "=", "LIKE", "IN" …
	Parts  []Condition
	Path   string
	Values []Literal
}

// Literal is a value in a query.
type Literal struct {
	Kind byte   // 's' a text, 'n' a number, 'd' a date or time, 'w' true, false, null or a date such as TODAY
	Text string // of a text what it means
	Raw  string // of a text as it was written, for a pattern
}

var (
	pathForm  = pattern.New(`^[A-Za-z]\w*(\.[A-Za-z]\w*)*$`)
	daysForm  = pattern.New(`^(?i)(TODAY|YESTERDAY|TOMORROW|THIS_MONTH|LAST_MONTH|THIS_YEAR|THIS_WEEK|LAST_WEEK|LAST_N_DAYS:\d{1,4})$`)
	functions = []string{"COUNT", "SUM", "AVG", "MIN", "MAX", "COUNT_DISTINCT"}
	reserved  = []string{"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET", "AND", "OR", "NOT", "IN", "LIKE", "SELECT", "FOR", "HAVING", "BY", "ASC", "DESC", "NULLS", "WITH", "INCLUDES", "EXCLUDES", "ALL", "USING", "UPDATE"}
)

// ParseSOQL reads a query. What it does not know is an error, as it is to Salesforce.
func ParseSOQL(soql string) (*Query, error) {
	tokens, err := lex(soql)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	q, err := p.query()
	if err == nil && p.next().kind != 0 {
		p.at--
		err = p.unexpected()
	}
	if err != nil {
		return nil, err
	}
	return q, nil
}

type parser struct {
	tokens []token
	at     int
	depth  int
}

func (p *parser) next() token {
	t := p.tokens[p.at]
	p.at = min(p.at+1, len(p.tokens)-1)
	return t
}

func (p *parser) unexpected() error {
	t := p.tokens[p.at]
	if t.kind == 0 {
		return fmt.Errorf("unexpected token: '<EOF>'")
	}
	return fmt.Errorf("unexpected token: '%s'", t.text)
}

// take goes on if the next words are these.
func (p *parser) take(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.tokens) {
			return false
		}
		t := p.tokens[p.at+i]
		if t.kind != 'w' && t.kind != 'p' || !strings.EqualFold(t.text, w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) name() (string, error) {
	t := p.tokens[p.at]
	if t.kind != 'w' || !pathForm.MatchString(t.text) || slices.Contains(reserved, strings.ToUpper(t.text)) {
		return "", p.unexpected()
	}
	p.at++
	return t.text, nil
}

func (p *parser) number() (int, error) {
	t := p.tokens[p.at]
	n, err := strconv.Atoi(t.text)
	if t.kind != 'n' || err != nil || n < 0 {
		return 0, p.unexpected()
	}
	p.at++
	return n, nil
}

func (p *parser) query() (*Query, error) {
	if p.depth++; p.depth > 2 {
		return nil, fmt.Errorf("nesting of queries is too deep")
	}
	defer func() { p.depth-- }()
	q := &Query{Limit: -1, Offset: -1}
	if !p.take("SELECT") {
		return nil, p.unexpected()
	}
	for {
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		q.Select = append(q.Select, item)
		if !p.take(",") {
			break
		}
	}
	if !p.take("FROM") {
		return nil, p.unexpected()
	}
	var err error
	if p.take("Group") || p.take("Order") { // objects that are called as a keyword is
		q.From = p.tokens[p.at-1].text
	} else if q.From, err = p.name(); err != nil {
		return nil, err
	}
	if p.take("WHERE") {
		c, err := p.condition(0)
		if err != nil {
			return nil, err
		}
		q.Where = &c
	}
	if p.take("GROUP", "BY") {
		for {
			name, err := p.name()
			if err != nil {
				return nil, err
			}
			q.GroupBy = append(q.GroupBy, name)
			if !p.take(",") {
				break
			}
		}
	}
	if p.take("ORDER", "BY") {
		for {
			o, err := p.order()
			if err != nil {
				return nil, err
			}
			q.OrderBy = append(q.OrderBy, o)
			if !p.take(",") {
				break
			}
		}
	}
	if p.take("LIMIT") {
		if q.Limit, err = p.number(); err != nil {
			return nil, err
		}
	}
	if p.take("OFFSET") {
		if q.Offset, err = p.number(); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (p *parser) item() (Item, error) {
	if p.take("(") {
		sub, err := p.query()
		if err == nil && !p.take(")") {
			err = p.unexpected()
		}
		return Item{Sub: sub}, err
	}
	name, err := p.name()
	if err != nil {
		return Item{}, err
	}
	item := Item{Path: name}
	if p.take("(") {
		item.Func = strings.ToUpper(name)
		if item.Path = ""; !slices.Contains(functions, item.Func) {
			return Item{}, fmt.Errorf("unknown function: %s", name)
		}
		if !p.take(")") {
			if item.Path, err = p.name(); err != nil {
				return Item{}, err
			}
			if !p.take(")") {
				return Item{}, p.unexpected()
			}
		} else if item.Func != "COUNT" {
			return Item{}, p.unexpected()
		}
	}
	if alias, err := p.name(); err == nil {
		item.Alias = alias
	}
	return item, nil
}

func (p *parser) order() (Order, error) {
	var o Order
	item, err := p.item()
	if err != nil || item.Sub != nil || item.Alias != "" {
		if err == nil {
			err = p.unexpected()
		}
		return o, err
	}
	if o.Path = item.Path; item.Func != "" {
		o.Path = item.Func + "(" + item.Path + ")"
	}
	if p.take("DESC") {
		o.Down = true
	} else {
		p.take("ASC")
	}
	if p.take("NULLS", "LAST") {
		o.NullsLast = true
	} else {
		p.take("NULLS", "FIRST")
	}
	return o, nil
}

// condition reads one, in which AND and OR are not mixed without parentheses, as
// Salesforce wants it.
func (p *parser) condition(depth int) (Condition, error) {
	if depth > 20 {
		return Condition{}, fmt.Errorf("nesting of conditions is too deep")
	}
	first, err := p.term(depth)
	if err != nil {
		return first, err
	}
	all, op := []Condition{first}, ""
	for {
		word := ""
		if p.take("AND") {
			word = "AND"
		} else if p.take("OR") {
			word = "OR"
		}
		if word == "" {
			break
		}
		if op != "" && op != word {
			return first, fmt.Errorf("unexpected token: '%s'", word)
		}
		op = word
		c, err := p.term(depth)
		if err != nil {
			return c, err
		}
		all = append(all, c)
	}
	if op == "" {
		return first, nil
	}
	return Condition{Op: op, Parts: all}, nil
}

func (p *parser) term(depth int) (Condition, error) {
	if p.take("(") {
		c, err := p.condition(depth + 1)
		if err == nil && !p.take(")") {
			err = p.unexpected()
		}
		return c, err
	}
	if p.take("NOT") {
		c, err := p.term(depth + 1)
		return Condition{Op: "NOT", Parts: []Condition{c}}, err
	}
	path, err := p.name()
	if err != nil {
		return Condition{}, err
	}
	c := Condition{Path: path}
	switch {
	case p.take("NOT", "IN"):
		c.Op = "NOT IN"
	case p.take("IN"), p.take("LIKE"), p.take("INCLUDES"), p.take("EXCLUDES"), p.take("="), p.take("!="), p.take("<>"), p.take("<="), p.take(">="), p.take("<"), p.take(">"):
		c.Op = strings.ToUpper(p.tokens[p.at-1].text)
	default:
		return c, p.unexpected()
	}
	if !slices.Contains([]string{"IN", "NOT IN", "INCLUDES", "EXCLUDES"}, c.Op) {
		v, err := p.literal()
		c.Values = []Literal{v}
		return c, err
	}
	if !p.take("(") {
		return c, p.unexpected()
	}
	for {
		v, err := p.literal()
		if err != nil {
			return c, err
		}
		c.Values = append(c.Values, v)
		if p.take(")") {
			return c, nil
		}
		if !p.take(",") {
			return c, p.unexpected()
		}
	}
}

func (p *parser) literal() (Literal, error) {
	t := p.tokens[p.at]
	word := t.kind == 'w' && (slices.Contains([]string{"TRUE", "FALSE", "NULL"}, strings.ToUpper(t.text)) || daysForm.MatchString(t.text))
	if t.kind != 's' && t.kind != 'n' && t.kind != 'd' && !word {
		return Literal{}, p.unexpected()
	}
	p.at++
	return Literal{t.kind, t.text, t.raw}, nil
}
