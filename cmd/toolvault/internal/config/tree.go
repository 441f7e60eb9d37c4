package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxSize  = 1 << 20 // bytes of a file
	maxDepth = 24      // mappings and lists within each other; the format needs eight
	maxKeys  = 2000    // of one mapping: the library's time grows with their square
)

type kind int

const (
	nothing kind = iota // an empty value, or null
	text
	literal // a number, true or false: what YAML makes of some texts without quotes
	mapping
	list
)

// node is a value of the file. It is what is left of YAML here: everything else
// that YAML can say has been refused.
type node struct {
	kind  kind
	text  string
	style token.Type // of a text: plain, quoted or a block
	at    Position
	pairs []pair
	items []*node
}

type pair struct {
	key   string
	at    Position
	value *node
}

// parseTree reads YAML or JSON. It returns nil after an error.
func parseTree(b []byte, errs *collector) (root *node, src *source) {
	if len(b) > maxSize {
		errs.add(Position{}, "", "the file is larger than 1 MiB, which no config needs")
		return nil, nil
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		errs.add(Position{}, "", "the file is not text in UTF-8")
		return nil, nil
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(b))
	src = newSource(text)
	// The library has panicked on odd input before; that must not end a server
	// that is watching its file.
	defer func() {
		if recover() != nil {
			errs.add(Position{}, "", "the file cannot be read as YAML")
			root = nil
		}
	}()
	tokens := lexer.Tokenize(text)
	if !checkTokens(tokens, src, errs) {
		return nil, nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var e yaml.Error
		if !errors.As(err, &e) {
			errs.add(Position{}, "", "the file cannot be read as YAML")
			return nil, nil
		}
		errs.add(src.place(e.GetToken()), "", "this is not YAML: %s", libraryMessage(e.GetMessage()))
		return nil, nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		errs.add(Position{}, "", "the file is empty: to run without a config, leave --config out")
		return nil, nil
	}
	c := converter{src: src, errs: errs}
	if root = c.convert(file.Docs[0].Body, 0); c.failed {
		return nil, nil
	}
	return root, src
}

// libraryMessage cuts what the library quotes from the file.
func libraryMessage(message string) string {
	before, _, _ := strings.Cut(message, `"`)
	return strings.TrimRight(before, " :(")
}

// block is a mapping or list by indentation, or both where a list stands at the
// column of the key that it belongs to.
type block struct{ column, keys int }

// checkTokens refuses, before anything recurses, what a config does not need:
// nesting without end, several documents, and the parts of YAML that make one
// place of a file speak for another.
func checkTokens(tokens token.Tokens, src *source, errs *collector) bool {
	flow, content := 0, false
	var open []block // of the file so far, the outer first
	for _, t := range tokens {
		complaint := ""
		switch t.Type {
		case token.InvalidType:
			complaint = "this is not YAML: " + libraryMessage(t.Error)
		case token.AnchorType, token.AliasType:
			complaint = "anchors and aliases (& and *) are not taken here: write the value out, or put it in quotes"
		case token.MergeKeyType:
			complaint = "merge keys (<<) are not taken here: write the values out"
		case token.TagType:
			complaint = "tags (!) are not taken here: leave it out, or put the value in quotes"
		case token.DirectiveType:
			complaint = "directives (%) are not taken here"
		case token.MappingKeyType:
			complaint = "keys marked by ? are not taken here: write KEY: VALUE"
		case token.DocumentHeaderType:
			if content {
				complaint = "the file holds several documents (---): a config is one"
			}
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		}
		opens := t.Type == token.SequenceEntryType || t.NextType() == token.MappingValueType
		if opens && flow <= 0 {
			for len(open) > 0 && open[len(open)-1].column > t.Position.Column {
				open = open[:len(open)-1]
			}
			if n := len(open); n > 0 && open[n-1].column == t.Position.Column {
				open[n-1].keys++
			} else {
				open = append(open, block{column: t.Position.Column})
			}
			if t.Type != token.SequenceEntryType && open[len(open)-1].keys >= maxKeys {
				complaint = "there are more than 2000 keys in one mapping"
			}
		}
		if complaint == "" && max(flow, 0)+len(open) > maxDepth {
			complaint = "lists and mappings are nested too deeply"
		}
		if complaint != "" {
			errs.add(src.place(t), "", "%s", complaint)
			return false
		}
		content = content || t.Type != token.CommentType && t.Type != token.DocumentHeaderType
	}
	return true
}

type converter struct {
	src    *source
	errs   *collector
	failed bool
}

func (c *converter) convert(n ast.Node, depth int) *node {
	if n == nil {
		return &node{}
	}
	tok := n.GetToken()
	out := &node{at: c.src.place(tok)}
	if depth > 2*maxDepth {
		return c.refuse(out, "lists and mappings are nested too deeply")
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		out.kind, out.text, out.style = text, n.Value, n.Token.Type
	case *ast.LiteralNode:
		out.kind, out.text, out.style = text, n.Value.Value, n.Start.Type
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = literal, tok.Value
	case *ast.MappingNode:
		out.kind = mapping
		for _, v := range n.Values {
			out.pairs = append(out.pairs, c.pair(v, depth))
		}
		if !n.IsFlowStyle && len(out.pairs) > 0 {
			out.at = out.pairs[0].at
		}
	case *ast.MappingValueNode:
		out.kind, out.pairs = mapping, []pair{c.pair(n, depth)}
		out.at = out.pairs[0].at
	case *ast.SequenceNode:
		out.kind = list
		for _, v := range n.Values {
			out.items = append(out.items, c.convert(v, depth+1))
		}
	default:
		return c.refuse(out, "this part of YAML is not taken here: use plain keys, lists and texts")
	}
	return out
}

func (c *converter) pair(v *ast.MappingValueNode, depth int) pair {
	k, ok := v.Key.(ast.Node)
	name := c.convert(k, depth+1)
	if !ok || name.kind != text && name.kind != literal {
		c.refuse(name, "a key must be a text")
	}
	value := c.convert(v.Value, depth+1)
	if value.kind == nothing {
		value.at = name.at
	}
	return pair{key: name.text, at: name.at, value: value}
}

func (c *converter) refuse(n *node, message string) *node {
	if !c.failed {
		c.errs.add(n.at, "", "%s", message)
	}
	c.failed = true
	return n
}
