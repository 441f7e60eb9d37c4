package salesforce

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// matches reports whether a record meets a condition.
func (o *org) matches(c *Condition, ob *object, r *record) (bool, *fault) {
	if c == nil {
		return true, nil
	}
	switch c.Op {
	case "AND", "OR":
		all := c.Op == "AND"
		for i := range c.Parts { // all are looked at, since all are checked
			ok, f := o.matches(&c.Parts[i], ob, r)
			if f != nil {
				return false, f
			}
			if c.Op == "AND" {
				all = all && ok
			} else {
				all = all || ok
			}
		}
		return all, nil
	case "NOT":
		ok, f := o.matches(&c.Parts[0], ob, r)
		return !ok, f
	}
	v, fl, f := o.value1(ob, r, strings.Split(c.Path, "."))
	if f != nil {
		return false, f
	}
	if fl.kind == "textarea" {
		return false, refuse(400, "INVALID_FIELD", "field '%s' can not be filtered in a query call", fl.name)
	}
	for _, l := range c.Values {
		if f := fits(fl, c.Op, l); f != nil {
			return false, f
		}
	}
	switch c.Op {
	case "IN", "NOT IN":
		in := slices.ContainsFunc(c.Values, func(l Literal) bool { return o.is(fl, v, "=", l) })
		return in == (c.Op == "IN"), nil
	case "INCLUDES", "EXCLUDES":
		s, _ := v.(string)
		held := strings.Split(s, ";")
		has := slices.ContainsFunc(c.Values, func(l Literal) bool {
			return !slices.ContainsFunc(strings.Split(l.Text, ";"), func(one string) bool { return !slices.Contains(held, one) })
		})
		return has == (c.Op == "INCLUDES"), nil
	case "LIKE":
		s, ok := v.(string)
		return ok && like(c.Values[0].Raw).MatchString(s), nil
	}
	return o.is(fl, v, c.Op, c.Values[0]), nil
}

// fits says what is wrong with comparing a field with a literal.
func fits(f *field, op string, l Literal) *fault {
	if l.Kind == 'w' && strings.EqualFold(l.Text, "null") {
		if op == "LIKE" {
			return refuse(400, "INVALID_OPERATOR_ON_FIELD", "invalid operator on null")
		}
		return nil
	}
	wrong := func(want string) *fault {
		return refuse(400, "INVALID_FIELD", "value of filter criterion for field '%s' must be of type %s and should %sbe enclosed in quotes", f.name, want, map[bool]string{true: "", false: "not "}[want == "string"])
	}
	dated := l.Kind == 'w' && daysForm.MatchString(l.Text)
	textual := false
	switch f.kind {
	case "boolean":
		if l.Kind != 'w' || dated || op != "=" && op != "!=" && op != "<>" {
			return wrong("boolean")
		}
	case "int", "double", "currency", "percent":
		if l.Kind != 'n' {
			return wrong(f.kind)
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, l.Text); !dated && (l.Kind != 'd' || err != nil) {
			return wrong("date")
		}
	case "datetime":
		if _, err := time.Parse(time.RFC3339, l.Text); !dated && (l.Kind != 'd' || err != nil) {
			return wrong("dateTime")
		}
	default:
		if textual = true; l.Kind != 's' {
			return wrong("string")
		}
	}
	multi := op == "INCLUDES" || op == "EXCLUDES"
	if multi != (f.kind == "multipicklist") && (multi || op == "LIKE" || op == "IN" || op == "NOT IN") || op == "LIKE" && (!textual || f.kind == "id" || f.kind == "reference") {
		return refuse(400, "INVALID_OPERATOR_ON_FIELD", "invalid operator on %s field '%s'", f.kind, f.name)
	}
	if (f.kind == "id" || f.kind == "reference") && op != "LIKE" && len(l.Text) != 15 && len(l.Text) != 18 {
		return refuse(400, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: %s", l.Text)
	}
	return nil
}

// is compares a value with a literal that fits.
func (o *org) is(f *field, v any, op string, l Literal) bool {
	if l.Kind == 'w' && strings.EqualFold(l.Text, "null") {
		return (v == nil || v == "") == (op == "=")
	}
	if v == nil {
		return op == "!=" || op == "<>"
	}
	n := 0
	switch f.kind {
	case "boolean":
		n = compare(v, strings.EqualFold(l.Text, "true"))
	case "int", "double", "currency", "percent":
		x, _ := strconv.ParseFloat(l.Text, 64)
		n = compare(v, x)
	case "date", "datetime":
		n = o.against(f, v.(string), l)
	case "id", "reference":
		if s, _ := v.(string); len(l.Text) == 15 {
			n = compare(s[:15], l.Text)
		} else {
			n = compare(s, l.Text)
		}
	default:
		n = compare(v, l.Text)
	}
	switch op {
	case "=":
		return n == 0
	case "!=", "<>":
		return n != 0
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	}
	return n >= 0
}

// against compares a time with a literal, which may be a span of days: then it is
// equal within, smaller before and larger behind.
func (o *org) against(f *field, v string, l Literal) int {
	at, err := time.Parse(time.DateOnly, v)
	if f.kind == "datetime" {
		at, err = time.Parse(stampForm, v)
	}
	if err != nil {
		return -1
	}
	from, until := o.span(l)
	switch {
	case at.Before(from):
		return -1
	case !until.IsZero() && !at.Before(until), until.IsZero() && at.After(from):
		return 1
	}
	return 0
}

// span is what a literal stands for; until is zero for one moment.
func (o *org) span(l Literal) (from, until time.Time) {
	if l.Kind == 'd' {
		t, err := time.Parse(time.RFC3339, l.Text)
		if err != nil {
			t, _ = time.Parse(time.DateOnly, l.Text)
		}
		return t, time.Time{}
	}
	now := o.now().UTC()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	week := today.AddDate(0, 0, -int(today.Weekday()))
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	year := time.Date(now.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	switch word := strings.ToUpper(l.Text); word {
	case "TODAY":
		return today, today.AddDate(0, 0, 1)
	case "YESTERDAY":
		return today.AddDate(0, 0, -1), today
	case "TOMORROW":
		return today.AddDate(0, 0, 1), today.AddDate(0, 0, 2)
	case "THIS_WEEK":
		return week, week.AddDate(0, 0, 7)
	case "LAST_WEEK":
		return week.AddDate(0, 0, -7), week
	case "THIS_MONTH":
		return month, month.AddDate(0, 1, 0)
	case "LAST_MONTH":
		return month.AddDate(0, -1, 0), month
	case "THIS_YEAR":
		return year, year.AddDate(1, 0, 0)
	default:
		n, _ := strconv.Atoi(strings.TrimPrefix(word, "LAST_N_DAYS:"))
		return today.AddDate(0, 0, -n), today.AddDate(0, 0, 1)
	}
}

// like is the pattern of LIKE, as it was written: % and _ stand for others unless
// they are escaped.
func like(raw string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?is)^")
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteString(".")
		case '\\':
			one := raw[i:min(i+2, len(raw))]
			if strings.HasPrefix(raw[i+1:], "u") {
				one = raw[i:min(i+6, len(raw))]
			}
			t, _, err := lexText(one + "'")
			if err == nil {
				b.WriteString(regexp.QuoteMeta(t.text))
			}
			i += len(one) - 1
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString("$")
	return regexp.MustCompile(strings.ToValidUTF8(b.String(), ""))
}
