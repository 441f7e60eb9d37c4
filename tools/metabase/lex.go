package metabase

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// kind is what a token is.
type kind int

const (
	word      kind = iota // a keyword, a name, a number
	quoted                // the inside of "…", `…`: a name, in some databases a text
	text                  // '…', without its inside
	sign                  // any other character
	parameter             // the name inside {{…}}
)

type token struct {
	kind kind
	text string
}

var (
	parameterName = pattern.New(`^\{\{\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*\}\}`)
	dollarQuote   = pattern.New(`^\$[A-Za-z0-9_\x{80}-\x{10FFFF}]*\$`)
)

// lex divides SQL into tokens, without comments, and refuses everything that two
// databases would divide differently:
//
//   - a backslash before a quote: MySQL and BigQuery escape it, others do not
//   - three quotes in a row: BigQuery opens a long text there
//   - dollar quotes (PostgreSQL, Snowflake), q'…' (Oracle), U&"…" (PostgreSQL)
//   - # and // (comments in MySQL, BigQuery, Snowflake; operators elsewhere), and
//     -- without a blank behind it (no comment in MySQL)
//   - a comment in a comment (PostgreSQL nests, MySQL does not), /*! and /*+,
//     which MySQL and Oracle obey
//   - square brackets that would hide a quote (names in SQL Server)
//   - a carriage return alone, and characters that nobody sees
func lex(sql string) ([]token, error) {
	if strings.Contains(sql, "[[") || strings.Contains(sql, "]]") {
		return nil, refuse("[[ and ]] are not allowed; put a blank between the brackets")
	}
	l := &lexer{rest: sql}
	for l.rest != "" {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	if strings.Count(sql, "{{") != l.params || strings.Count(sql, "}}") != l.params {
		return nil, refuse("{{ }} may only hold the name of a parameter, outside of quotes and comments")
	}
	return l.tokens, nil
}

type lexer struct {
	rest   string
	tokens []token
	params int
}

func (l *lexer) add(k kind, text string) { l.tokens = append(l.tokens, token{k, text}) }

// next reads one token, or skips a blank or a comment.
func (l *lexer) next() error {
	s := l.rest
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == ' ' || r == '\t' || r == '\n':
		l.rest = s[n:]
	case r == '\r':
		if !strings.HasPrefix(s, "\r\n") {
			return refuse("a carriage return has to be followed by a line feed")
		}
		l.rest = s[2:]
	case r == '\'' || r == '"' || r == '`':
		return l.quote(byte(r))
	case strings.HasPrefix(s, "--"):
		return l.lineComment()
	case strings.HasPrefix(s, "/*"):
		return l.blockComment()
	case r == '#' || strings.HasPrefix(s, "//"):
		return refuse("# and // are comments to some databases and not to others; write comments as -- with a blank behind")
	case strings.HasPrefix(s, "{{"):
		m := parameterName.FindStringSubmatch(s)
		if m == nil {
			return refuse("{{ }} may only hold the name of a parameter: letters, digits and _")
		}
		l.add(parameter, m[1])
		l.params++
		l.rest = s[len(m[0]):]
	case r == '[':
		if err := bracket(s); err != nil {
			return err
		}
		l.add(sign, "[")
		l.rest = s[n:]
	case inWord(r):
		return l.word()
	case unicode.IsControl(r) || upstream.Invisible(r) || unicode.IsSpace(r):
		return refuse("the character %U is not allowed outside of texts", r)
	default:
		l.add(sign, s[:n])
		l.rest = s[n:]
	}
	return nil
}

func inWord(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) && !upstream.Invisible(r)
}

func (l *lexer) word() error {
	end := strings.IndexFunc(l.rest, func(r rune) bool { return !inWord(r) })
	if end < 0 {
		end = len(l.rest)
	}
	w, after := l.rest[:end], l.rest[end:]
	for i := range w {
		if w[i] == '$' && dollarQuote.MatchString(l.rest[i:]) {
			return refuse("texts in dollar quotes are not allowed; use single quotes")
		}
	}
	switch f := fold(w); {
	case (f == "Q" || f == "NQ") && strings.HasPrefix(after, "'"):
		return refuse("texts written as q'…' are not allowed; use single quotes")
	case f == "U" && (strings.HasPrefix(after, "&'") || strings.HasPrefix(after, `&"`)):
		return refuse("names and texts with escapes (U&…) are not allowed")
	}
	l.add(word, w)
	l.rest = after
	return nil
}

// quote reads '…', "…" or `…`; a quote inside is written twice.
func (l *lexer) quote(q byte) error {
	s := l.rest
	if strings.HasPrefix(s, strings.Repeat(string(q), 3)) {
		return refuse("three quotes in a row mean different things to different databases")
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte("'\"`", s[i+1]) >= 0:
			return refuse(`a backslash before a quote means different things to different databases; write a quote inside a text as two`)
		case s[i] != q:
		case strings.HasPrefix(s[i:], strings.Repeat(string(q), 3)):
			return refuse("three quotes in a row mean different things to different databases")
		case i+1 < len(s) && s[i+1] == q:
			i++
		default:
			k, inside := quoted, s[1:i]
			switch {
			case q == '\'':
				k, inside = text, ""
			case q == '`' && (strings.ContainsAny(inside, `'";`) || strings.Contains(inside, "--") || strings.Contains(inside, "/*")):
				return refuse("a name in backticks may not hold quotes, semicolons or comments, since not all databases quote names that way")
			}
			l.add(k, inside)
			l.rest = s[i+1:]
			return nil
		}
	}
	return refuse("a quote is opened and not closed")
}

func (l *lexer) lineComment() error {
	if len(l.rest) > 2 && strings.IndexByte(" \t\n\r", l.rest[2]) < 0 {
		return refuse("put a blank after --, or between two minus signs: databases read -- differently")
	}
	comment, rest, _ := strings.Cut(l.rest, "\n")
	if strings.Contains(strings.TrimSuffix(comment, "\r"), "\r") {
		return refuse("a carriage return has to be followed by a line feed")
	}
	if strings.ContainsFunc(comment, func(r rune) bool {
		return r != '\t' && r != '\r' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}) {
		return refuse("there are control characters in a comment")
	}
	l.rest = rest
	return nil
}

func (l *lexer) blockComment() error {
	body := l.rest[2:]
	end := strings.Index(body, "*/")
	switch {
	case end < 0:
		return refuse("a comment is opened and not closed")
	case strings.HasPrefix(body, "!"), strings.HasPrefix(body, "+"), strings.HasPrefix(body, "M!"), strings.HasPrefix(body, "m!"):
		return refuse("comments that a database obeys (/*! and /*+) are not allowed")
	case strings.Contains(body[:end+1], "/*"), strings.HasPrefix(body, "/"):
		return refuse("a comment inside a comment is not allowed")
	}
	l.rest = body[end+2:]
	return nil
}

// bracket refuses a [ that as the beginning of a name, as in SQL Server, would
// end elsewhere than as that of an array: where it has a quote without its
// partner, quotes within quotes, or a comment, before the next ].
func bracket(s string) error {
	inside, _, closed := strings.Cut(s[1:], "]")
	if !closed {
		return refuse("a square bracket is opened and not closed")
	}
	kinds := 0
	for _, q := range []string{"'", `"`, "`"} {
		n := strings.Count(inside, q)
		if n%2 == 1 {
			return refuse("square brackets may not hold a single quote mark")
		}
		if n > 0 {
			kinds++
		}
	}
	if kinds > 1 {
		return refuse("square brackets may not hold two kinds of quotes")
	}
	if strings.Contains(inside, "--") || strings.Contains(inside, "/*") {
		return refuse("square brackets may not hold a comment")
	}
	return nil
}
