package find

import "math"

// A field is a part of what a schema file says of its tool.
type field int

const (
	inName field = iota
	inTitle
	inWords
	inDescription
	inArguments // their names
	inDetails   // descriptions of arguments, and values that they may have
	inService
	fields
)

// weight is what a word in a field is worth, and how much less if the field is long
// (BM25's b).
func (f field) weight() (worth, evenness float64) {
	switch f {
	case inName:
		return 3, 0.3
	case inTitle:
		return 1.5, 0.3
	case inWords:
		return 2.5, 0.3
	case inDescription:
		return 1, 0.5
	case inArguments:
		return 0.6, 0.5
	}
	return 0.3, 0.6
}

// saysWhatItIs reports whether a field says what a tool is. The others mention other
// things too, such as the tool to call next.
func (f field) saysWhatItIs() bool { return f <= inWords }

const (
	// saturation is BM25's k1: how soon the same word again adds nothing more.
	saturation = 1.2
	// mentioned is what a word counts in fields that do not say what a tool is.
	mentioned = 0.4
	// ofService is the score of every tool of a service if a request names the
	// service: that one of them repeats the name makes it no better.
	ofService = 1.5
)

// weigh makes the postings. A word's rarity is counted apart in fields that say
// what a tool is: "channel" is in the description of forty tools and in the names
// of eight.
func (b *builder) weigh() {
	var total [fields]int
	core, all := make([]int, len(b.x.terms)), make([]int, len(b.x.terms))
	for _, d := range b.docs {
		for f, n := range d.length {
			total[f] += n
		}
		for term, counts := range d.counts {
			all[term]++
			if counts[inName]+counts[inTitle]+counts[inWords] > 0 {
				core[term]++
			}
		}
	}
	rare := func(have int) float64 { return rarity(have, len(b.docs)) }
	b.x.postings = make([][]posting, len(b.x.terms))
	for i, d := range b.docs {
		terms, name := d.terms(), 0.0
		for _, term := range terms {
			if d.counts[term][inName] > 0 {
				name += rare(all[term])
			}
		}
		for _, term := range terms {
			p := posting{tool: int32(i), score: ofService}
			counts := d.counts[term]
			if counts[inService] == 0 {
				is, mentions := frequency(counts, d.length, total, len(b.docs))
				p.score = is/(saturation+is)*rare(core[term]) + mentioned*mentions/(saturation+mentions)*rare(all[term])
			}
			if counts[inName] > 0 {
				p.share = rare(all[term]) / name
			}
			b.x.postings[term] = append(b.x.postings[term], p)
		}
	}
}

// frequency is BM25F's: occurrences over the fields, by their weight, and against
// the mean length of the field.
func frequency(counts *[fields]int, length, total [fields]int, docs int) (is, mentions float64) {
	for f, n := range counts {
		if n == 0 {
			continue
		}
		worth, evenness := field(f).weight()
		mean := float64(total[f]) / float64(docs)
		tf := worth * float64(n) / (1 - evenness + evenness*float64(length[f])/mean)
		if field(f).saysWhatItIs() {
			is += tf
		} else {
			mentions += tf
		}
	}
	return is, mentions
}

// rarity is BM25's inverse document frequency: what a word is worth that so many
// of n tools have.
func rarity(have, n int) float64 {
	return math.Log(1 + (float64(n-have)+0.5)/(float64(have)+0.5))
}

// called are the services that a term names. It is not sure if tools of another
// service have the term in what says what they are: a list of contacts is a
// segment too.
type called struct {
	services []bool
	sure     bool
}

// nameServices finds the terms that name services.
func (b *builder) nameServices() {
	b.x.called = map[int32]called{}
	for i, d := range b.docs {
		for term, counts := range d.counts {
			if counts[inService] > 0 {
				if _, ok := b.x.called[term]; !ok {
					b.x.called[term] = called{make([]bool, len(b.x.sizes)), true}
				}
				b.x.called[term].services[b.x.tools[i].service] = true
			}
		}
	}
	for i, d := range b.docs {
		for term, counts := range d.counts {
			if n, ok := b.x.called[term]; ok && !n.services[b.x.tools[i].service] && counts[inName]+counts[inTitle]+counts[inWords] > 0 {
				b.x.called[term] = called{n.services, false}
			}
		}
	}
}
