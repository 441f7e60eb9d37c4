package salesforce

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// token is a word of SOQL.
type token struct {
	kind byte   // 'w' a name or keyword, 's' a text, 'n' a number, 'd' a date or time, 'p' a sign, 0 the end
	text string // of a text what it means, its escapes resolved
	raw  string // of a text as it was written, without its quotes
}

// lex cuts SOQL into words. A text's escapes are \n \r \t \b \f \" \' \\ \uXXXX, and in
// a pattern \% and \_; any other is an error
// (developer.salesforce.com/docs, "Quoted String Escape Sequences").
func lex(soql string) ([]token, error) {
	if !utf8.ValidString(soql) {
		return nil, errors.New("invalid UTF-8")
	}
	var all []token
	for i := 0; i < len(soql); {
		c := soql[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'':
			t, n, err := lexText(soql[i+1:])
			if err != nil {
				return nil, err
			}
			all, i = append(all, t), i+1+n
		case letter(c):
			n := i
			for n < len(soql) && (letter(soql[n]) || digit(soql[n]) || soql[n] == '_' || soql[n] == '.' || soql[n] == ':' && strings.HasPrefix(strings.ToUpper(soql[i:n]), "LAST_N_")) {
				n++
			}
			all, i = append(all, token{kind: 'w', text: soql[i:n]}), n
		case digit(c) || (c == '-' || c == '+') && i+1 < len(soql) && digit(soql[i+1]):
			n := i + 1
			for n < len(soql) && (digit(soql[n]) || strings.IndexByte(".:-+TZ", soql[n]) >= 0) {
				n++
			}
			kind := byte('n')
			if strings.ContainsAny(soql[i+1:n], "-:") {
				kind = 'd'
			}
			all, i = append(all, token{kind: kind, text: soql[i:n]}), n
		case strings.IndexByte("(),=", c) >= 0:
			all, i = append(all, token{kind: 'p', text: soql[i : i+1]}), i+1
		case c == '<' || c == '>' || c == '!':
			n := 1
			if i+1 < len(soql) && (soql[i+1] == '=' || c == '<' && soql[i+1] == '>') {
				n = 2
			}
			if c == '!' && n == 1 {
				return nil, errors.New("unexpected token: '!'")
			}
			all, i = append(all, token{kind: 'p', text: soql[i : i+n]}), i+n
		default:
			return nil, fmt.Errorf("unexpected token: '%c'", c)
		}
	}
	return append(all, token{}), nil
}

// lexText reads a text up to its quote, and how many bytes that is.
func lexText(s string) (token, int, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\'':
			return token{kind: 's', text: b.String(), raw: s[:i]}, i + 1, nil
		case '\n', '\r':
			return token{}, 0, errors.New("line breaks not allowed in string literals")
		case '\\':
			if i++; i >= len(s) {
				return token{}, 0, errors.New("unterminated string literal")
			}
			if s[i] == 'u' {
				if i+4 >= len(s) {
					return token{}, 0, errors.New("illegal string literal")
				}
				n, err := strconv.ParseUint(s[i+1:i+5], 16, 16)
				if err != nil {
					return token{}, 0, errors.New("illegal string literal")
				}
				b.WriteRune(rune(n))
				i += 4
				continue
			}
			plain, ok := map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", '"': `"`, '\'': "'", '\\': `\`, '%': "%", '_': "_", 'N': "\n", 'R': "\r", 'T': "\t", 'B': "\b", 'F': "\f"}[s[i]]
			if !ok {
				return token{}, 0, fmt.Errorf("illegal string literal: '\\%c'", s[i])
			}
			b.WriteString(plain)
		default:
			b.WriteByte(c)
		}
	}
	return token{}, 0, errors.New("unterminated string literal")
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
