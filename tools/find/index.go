package find

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"toolvault/schemas"
)

// Index is what is known of a set of tools. It is immutable, and safe for
// concurrent use.
type Index struct {
	tools    []entry
	names    words            // of tools
	sizes    []int            // how many tools a service has
	called   map[int32]called // the services that a term names
	terms    map[string]int32 // a stem, and its place in postings
	postings [][]posting
	lexicon  *lexicon
	means    map[string][]variant // lexicon.means, by terms
	spelling spelling
}

type entry struct {
	name     string
	service  int32
	readOnly bool
}

// posting is what a term is to a tool.
type posting struct {
	tool  int32
	score float64 // what it adds to the score
	share float64 // what part of the tool's name it is: 0 to 1
}

// New indexes tools. It takes some milliseconds for a hundred of them.
func New(all []schemas.Tool) *Index {
	b := builder{
		x:        &Index{names: words{}, terms: map[string]int32{}, lexicon: readLexicon()},
		services: map[string]int32{},
	}
	// In one order, so that sums do not depend on the one in which they are given.
	all = slices.SortedFunc(slices.Values(all), func(a, b schemas.Tool) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range all {
		b.add(t)
	}
	b.weigh()
	b.nameServices()
	b.learn()
	return b.x
}

// builder makes an index.
type builder struct {
	x        *Index
	docs     []document // of the tools in x
	services map[string]int32
}

// document counts the terms of a tool, by field.
type document struct {
	counts map[int32]*[fields]int
	length [fields]int
}

// terms are those that it has, in order.
func (d document) terms() []int32 { return slices.Sorted(maps.Keys(d.counts)) }

func (b *builder) add(t schemas.Tool) {
	service, ok := b.services[t.Service]
	if !ok {
		service = int32(len(b.services))
		b.services[t.Service] = service
		b.x.sizes = append(b.x.sizes, 0)
	}
	b.x.sizes[service]++
	b.x.names[t.Name] = true
	b.x.tools = append(b.x.tools, entry{t.Name, service, t.Annotations.ReadOnly})
	d := document{counts: map[int32]*[fields]int{}}
	put := func(f field, text string) {
		eachWord(text, func(word string) {
			if b.x.lexicon.stop[word] {
				return
			}
			term := b.term(word)
			if f.saysWhatItIs() {
				b.x.spelling.learn(word)
			}
			if d.counts[term] == nil {
				d.counts[term] = new([fields]int)
			}
			d.counts[term][f]++
			d.length[f]++
		})
	}
	put(inName, strings.TrimPrefix(t.Name, t.Service+"_"))
	put(inTitle, t.Title)
	put(inWords, t.Words)
	put(inDescription, t.Description)
	put(inService, t.Service)
	put(inService, b.x.lexicon.services[t.Service])
	var input any
	if json.Unmarshal(t.Input, &input) == nil {
		arguments(input, put)
	}
	b.docs = append(b.docs, d)
}

// arguments puts what a JSON Schema says: names of properties, descriptions, and
// the values that are named in an enum or a pattern.
func arguments(schema any, put func(field, string)) {
	switch s := schema.(type) {
	case []any:
		for _, v := range s {
			arguments(v, put)
		}
	case map[string]any:
		for key, v := range s {
			switch key {
			case "properties":
				properties, _ := v.(map[string]any)
				for name, p := range properties {
					put(inArguments, name)
					arguments(p, put)
				}
			case "description", "pattern":
				text, _ := v.(string)
				put(inDetails, text)
			case "enum":
				values, _ := v.([]any)
				for _, e := range values {
					text, _ := e.(string)
					put(inDetails, text)
				}
			case "items", "anyOf", "oneOf", "allOf", "$defs", "additionalProperties", "prefixItems":
				arguments(v, put)
			}
		}
	}
}

func (b *builder) term(word string) int32 {
	s := b.x.lexicon.stem(word)
	id, ok := b.x.terms[s]
	if !ok {
		id = int32(len(b.x.terms))
		b.x.terms[strings.Clone(s)] = id
	}
	return id
}

// learn makes the lexicon speak of the terms that there are.
func (b *builder) learn() {
	x := b.x
	x.means = make(map[string][]variant, len(x.lexicon.means))
	for said, meant := range x.lexicon.means {
		variants := []variant{}
		for _, m := range meant {
			term, ok := x.terms[m.stem]
			service := anywhere
			if m.service != "" && ok {
				service, ok = b.services[m.service]
			}
			if ok {
				variants = append(variants, variant{term, service, m.weight})
			}
		}
		x.means[said] = variants
	}
	for _, said := range x.lexicon.known {
		x.spelling.learn(said)
	}
	x.spelling.ready()
}
