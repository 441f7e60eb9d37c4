package salesforce

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"toolvault/tools/pattern"
)

// selection is a query that is built: everything in it is a name that was checked, or a
// literal of this file.
type selection struct {
	fields []string
	from   string
	where  []string
	any    bool // one of where is enough
	group  string
	order  string
	limit  int // 0: none
}

func (s selection) String() string {
	var b strings.Builder
	b.WriteString("SELECT " + strings.Join(s.fields, ", ") + " FROM " + s.from)
	if len(s.where) > 0 {
		word := " AND "
		if s.any {
			word = " OR "
		}
		b.WriteString(" WHERE " + strings.Join(s.where, word))
	}
	if s.group != "" {
		b.WriteString(" GROUP BY " + s.group)
	}
	if s.order != "" {
		b.WriteString(" ORDER BY " + s.order)
	}
	if s.limit > 0 {
		b.WriteString(" LIMIT " + strconv.Itoa(s.limit))
	}
	return b.String()
}

// literal is a text in quotes. Within, a backslash begins an escape and a quote ends
// the text; line feeds and the like have escapes of their own, and what else has no
// form is refused: ok is false. (developer.salesforce.com/docs, "Quoted String Escape
// Sequences".)
func literal(text string) (soql string, ok bool) {
	var b strings.Builder
	b.WriteByte('\'')
	if !escape(&b, text, false) {
		return "", false
	}
	b.WriteByte('\'')
	return b.String(), true
}

// like is the pattern of a text that contains another, or begins with it: % and _ in it
// stand for themselves.
func like(text string, begins bool) (soql string, ok bool) {
	var b strings.Builder
	b.WriteByte('\'')
	if !begins {
		b.WriteByte('%')
	}
	if !escape(&b, text, true) {
		return "", false
	}
	b.WriteString("%'")
	return b.String(), true
}

func escape(b *strings.Builder, text string, pattern bool) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		switch {
		case r == '\\' || r == '\'' || pattern && (r == '%' || r == '_'):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029':
			return false
		default:
			b.WriteRune(r)
		}
	}
	return true
}

var (
	numberForm  = pattern.New(`^-?\d{1,18}(\.\d{1,18})?$`)
	dayForm     = pattern.New(`^\d{4}-\d{2}-\d{2}$`)
	clockForm   = pattern.New(`^\d{2}:\d{2}(:\d{2}(\.\d{3})?)?Z?$`)
	idPrefix    = pattern.New(`^[A-Za-z0-9]{3}$`)
	dateLiteral = pattern.New(`^(TODAY|YESTERDAY|TOMORROW|(LAST|THIS|NEXT)_(WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)|(LAST|NEXT)_90_DAYS|(LAST|NEXT)_N_(DAYS|WEEKS|MONTHS|QUARTERS|YEARS):\d{1,4})$`)
)
