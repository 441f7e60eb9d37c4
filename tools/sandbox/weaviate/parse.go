package weaviate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// operation is a GraphQL query: its variables and what it selects. Of the language
// (spec.graphql.org, October 2021) there is what clients of Weaviate send: one query,
// fields with arguments, inline fragments, values and variables.
type operation struct {
	variables map[string]string // declared types by name
	fields    []*field
}

type field struct {
	alias, name string
	args        map[string]value
	on          string // the type of an inline fragment; then there is no name
	fields      []*field
	column      int
}

// value is a value of an argument.
type value struct {
	kind   kind
	text   string // of a variable, number, text or name
	list   []value
	object map[string]value
}

type kind int

const (
	variable kind = iota
	integer
	float
	text
	word // true, false, null or a value of an enumeration
	list
	object_
)

type parser struct {
	src string
	at  int
	tok token
	err error
}

type token struct {
	kind string // "name", "int", "float", "string", or the sign itself; "EOF"
	text string
	at   int
}

// syntaxError is in the words of the server.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

// parse reads a query; the error is the server's.
func parse(src string) (*operation, error) {
	p := &parser{src: src}
	p.next()
	op := &operation{variables: map[string]string{}}
	if p.tok.kind == "name" {
		if p.tok.text != "query" {
			p.fail("Unexpected Name %q", p.tok.text)
		}
		p.next()
		if p.tok.kind == "name" {
			p.next()
		}
		if p.take("(") {
			for p.err == nil && !p.take(")") {
				p.want("$")
				name := p.name()
				p.want(":")
				op.variables[name] = p.typeName()
			}
		}
	}
	op.fields = p.selection(0)
	if p.err == nil && p.tok.kind != "EOF" {
		p.fail("Unexpected %s", p.tok.kind)
	}
	return op, p.err
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = syntaxError(fmt.Sprintf("Syntax Error GraphQL request (1:%d) %s", p.tok.at+1, fmt.Sprintf(format, args...)))
	}
	p.tok = token{kind: "EOF", at: len(p.src)}
	p.at = len(p.src)
}

func (p *parser) take(kind string) bool {
	if p.tok.kind != kind {
		return false
	}
	p.next()
	return true
}

func (p *parser) want(kind string) {
	if !p.take(kind) {
		p.fail("Expected %s, found %s", kind, p.tok.kind)
	}
}

func (p *parser) name() string {
	s := p.tok.text
	if p.tok.kind != "name" {
		p.fail("Expected Name, found %s", p.tok.kind)
		return ""
	}
	p.next()
	return s
}

func (p *parser) typeName() string {
	var s string
	if p.take("[") {
		s = "[" + p.typeName() + "]"
		p.want("]")
	} else {
		s = p.name()
	}
	if p.take("!") {
		s += "!"
	}
	return s
}

const maxDepth = 40

func (p *parser) selection(depth int) []*field {
	p.want("{")
	var all []*field
	for p.err == nil && !p.take("}") {
		f := &field{column: p.tok.at + 1}
		if p.take("...") {
			if p.name() != "on" {
				p.fail("Expected on")
			}
			f.on = p.name()
		} else {
			f.name = p.name()
			if p.take(":") {
				f.alias, f.name = f.name, p.name()
			}
			if p.take("(") {
				f.args = map[string]value{}
				for p.err == nil && !p.take(")") {
					name := p.name()
					p.want(":")
					f.args[name] = p.value(depth)
				}
			}
		}
		if p.tok.kind == "{" {
			if depth > maxDepth {
				p.fail("too deep")
				break
			}
			f.fields = p.selection(depth + 1)
		}
		all = append(all, f)
	}
	if p.err == nil && len(all) == 0 {
		p.fail("Expected Name, found }")
	}
	return all
}

func (p *parser) value(depth int) value {
	if depth > maxDepth {
		p.fail("too deep")
	}
	tok := p.tok
	switch tok.kind {
	case "$":
		p.next()
		return value{kind: variable, text: p.name()}
	case "int", "float", "string", "name":
		p.next()
		return value{kind: map[string]kind{"int": integer, "float": float, "string": text, "name": word}[tok.kind], text: tok.text}
	case "[":
		p.next()
		v := value{kind: list}
		for p.err == nil && !p.take("]") {
			v.list = append(v.list, p.value(depth+1))
		}
		return v
	case "{":
		p.next()
		v := value{kind: object_, object: map[string]value{}}
		for p.err == nil && !p.take("}") {
			name := p.name()
			p.want(":")
			v.object[name] = p.value(depth + 1)
		}
		return v
	}
	p.fail("Unexpected %s", tok.kind)
	return value{}
}

// next reads a token. Commas are white space.
func (p *parser) next() {
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n,", p.src[p.at]) >= 0 {
		p.at++
	}
	start := p.at
	if start >= len(p.src) {
		p.tok = token{kind: "EOF", at: start}
		return
	}
	c := p.src[start]
	run := func(fits func(byte) bool) string {
		for p.at < len(p.src) && fits(p.src[p.at]) {
			p.at++
		}
		return p.src[start:p.at]
	}
	switch {
	case strings.HasPrefix(p.src[start:], "..."):
		p.at += 3
		p.tok = token{kind: "...", at: start}
	case strings.IndexByte("{}()[]:!$=|@", c) >= 0:
		p.at++
		p.tok = token{kind: string(c), at: start}
	case c == '"':
		p.tok = token{kind: "string", text: p.quoted(), at: start}
	case c == '-' || c >= '0' && c <= '9':
		s := run(func(c byte) bool { return c >= '0' && c <= '9' || strings.IndexByte("+-.eE", c) >= 0 })
		kind := "int"
		if strings.ContainsAny(s, ".eE") {
			kind = "float"
		}
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			p.tok = token{at: start}
			p.fail("Invalid number %s", s)
			return
		}
		p.tok = token{kind: kind, text: s, at: start}
	case c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z':
		s := run(func(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' })
		p.tok = token{kind: "name", text: s, at: start}
	default:
		r, _ := utf8.DecodeRuneInString(p.src[start:])
		p.tok = token{at: start}
		p.fail("Unexpected character %q", r)
	}
}

// quoted reads a text: its escapes are those of JSON.
func (p *parser) quoted() string {
	for end := p.at + 1; end < len(p.src); end++ {
		switch p.src[end] {
		case '\\':
			end++
		case '\n':
			end = len(p.src)
		case '"':
			var s string
			if json.Unmarshal([]byte(p.src[p.at:end+1]), &s) != nil {
				p.fail("Invalid character escape sequence")
			}
			p.at = end + 1
			return s
		}
	}
	p.fail("Unterminated string")
	return ""
}
