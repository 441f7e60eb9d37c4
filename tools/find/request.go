package find

import "strings"

// request is what is understood of what somebody said.
type request struct {
	wants  []want
	intent intent
	tools  []string // tools that are named as they are called
}

// want is a word of a request: terms that it may mean.
type want struct {
	variants []variant
	weight   float64
}

// variant is a term that a word may mean, in any service or in one: a contact is an
// object in HubSpot, and none in a vector database.
type variant struct {
	term    int32
	service int32
	weight  float64
}

// anywhere is in place of a service if a variant is meant in all.
const anywhere int32 = -1

// in reports whether a variant is meant in a service.
func (v variant) in(service int32) bool { return v.service == anywhere || v.service == service }

// What a word counts: a verb fits many tools ("list" dozens, "products" few), some
// words say little, and some had to be mended.
const (
	verbWeight   = 0.9
	weakWeight   = 0.4
	mendedWeight = 0.8
)

// read understands a request.
func (x *Index) read(query string) request {
	l := x.lexicon
	tokens := l.tokenise(query)
	q := request{intent: l.intent(tokens, query)}
	for w := range strings.FieldsSeq(query) {
		if name := strings.Trim(w, "\"'`.,;:!?()"); x.names[name] {
			q.tools = append(q.tools, name)
		}
	}
	if q.intent == orders {
		lightenContent(tokens)
	}
	tokens = spoken(tokens, q.intent)
	seen := map[string]bool{}
	add := func(said string, v []variant, weight float64) {
		if !seen[said] && len(v) > 0 {
			q.wants = append(q.wants, want{v, weight})
		}
		seen[said] = true
	}
	for i := 0; i < len(tokens); {
		t := tokens[i]
		// What is said in several words comes before what each of them means.
		if said, n := l.phrase(tokens[i:]); n > 0 {
			add(said, x.means[said], t.weight)
			i += n
			continue
		}
		if !t.used && !(t.word == "who" && i > 0 && l.tells(tokens[i-1])) {
			add(t.stem, x.wordVariants(t, q.intent), t.weight*l.weight(t))
		}
		i++
	}
	onceEach(q.wants)
	return q
}

// wordVariants is what one word may mean: itself, and what the lexicon says.
func (x *Index) wordVariants(t token, i intent) []variant {
	said, factor := t.stem, 1.0
	term, known := x.terms[said]
	meant := x.meaning(said, i)
	switch {
	case x.lexicon.stop[t.word]:
		known = false // it may have a meaning, but counts for nothing itself
	case !known && len(meant) == 0:
		word := x.mend(t)
		if word == "" {
			return nil
		}
		said, factor = x.lexicon.stem(word), mendedWeight
		term, known = x.terms[said]
		meant = x.meaning(said, i)
	}
	out := make([]variant, 0, 1+len(meant))
	if known {
		out = append(out, variant{term, anywhere, factor})
	}
	for _, v := range meant {
		out = append(out, variant{v.term, v.service, factor * v.weight})
	}
	return out
}

// meaning is what the lexicon says of a stem, in a request of this intent.
func (x *Index) meaning(said string, i intent) []variant {
	if i == asks {
		if v, ok := x.means[inQuestions+said]; ok {
			return v
		}
	}
	return x.means[said]
}

// mend returns the known word that was meant by one that is not, or "".
func (x *Index) mend(t token) string {
	if x.lexicon.plain[t.stem] {
		return ""
	}
	if word := x.spelling.mend(t.word); word != "" {
		return word
	}
	if one := singular(t.word); one != t.word {
		return x.spelling.mend(one)
	}
	return ""
}

// onceEach leaves every term to the word that means it most: who wants to "see all"
// wants one list, not two.
func onceEach(wants []want) {
	type owner struct {
		want   int
		weight float64
	}
	type where struct{ term, service int32 }
	owners := map[where]owner{}
	for i, w := range wants {
		for _, v := range w.variants {
			at := where{v.term, v.service}
			if weight := w.weight * v.weight; weight > owners[at].weight {
				owners[at] = owner{i, weight}
			}
		}
	}
	for i := range wants {
		kept := make([]variant, 0, len(wants[i].variants))
		for _, v := range wants[i].variants {
			at := where{v.term, v.service}
			if o := owners[at]; o.want == i && o.weight == wants[i].weight*v.weight {
				kept = append(kept, v)
				delete(owners, at)
			}
		}
		wants[i].variants = kept
	}
}
