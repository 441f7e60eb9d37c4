package find

import "strings"

// token is a word of a request, or a shape.
type token struct {
	word   string // "" of a shape
	stem   string
	weight float64
	name   bool // it is written as a name: "Petra"
	colon  bool // a colon stands behind it
	used   bool // it is the end of a phrase
}

// What words count that are what the tool is to be called with, rather than what
// it does: in quotation marks, of a link (".../dashboard/12"), of an SQL statement,
// and of an order what stands after a colon or "that" ("tell the team that the fix
// is live").
const (
	linkWeight    = 0.5
	quotedWeight  = 0.3
	sqlWeight     = 0.2
	contentWeight = 0.4
)

// tokenise splits a request into words and shapes, without words that only fill.
func (l *lexicon) tokenise(query string) []token {
	var tokens []token
	quoted, earlier, before := false, "", ""
	for w := range strings.FieldsSeq(query) {
		quoted = quoted || w[0] == '"' || strings.HasPrefix(w, "“") || strings.HasPrefix(w, "«")
		weight := 1.0
		if quoted {
			weight = quotedWeight
		}
		lower := strings.ToLower(w)
		shape := shapeOf(lower)
		if shape != "" {
			tokens = append(tokens, token{stem: shape, weight: weight})
		}
		if shape == shapeLink || shape == shapePermalink {
			weight *= linkWeight
		}
		if shape == "" || shape == shapeLink || shape == shapePermalink {
			eachWord(lower, func(word string) {
				if s := shapeOfTwo(earlier, before, word); s != "" {
					tokens = append(tokens, token{stem: s, weight: weight})
				}
				earlier, before = before, word
				if !isNumber(word) && !l.filler[word] {
					tokens = append(tokens, token{word: word, stem: l.stem(word), weight: weight, name: w[0] >= 'A' && w[0] <= 'Z'})
				}
			})
		}
		if n := len(tokens); n > 0 && w[len(w)-1] == ':' {
			tokens[n-1].colon = true
		}
		if strings.Contains(w[1:], `"`) || strings.Contains(w, "”") || strings.Contains(w, "»") {
			quoted = false
		}
	}
	if isSQL(query) {
		for i := range tokens {
			tokens[i].weight *= sqlWeight
		}
		shape := shapeSQL
		if strings.Contains(strings.ToLower(query), "soql") {
			shape = shapeSOQL // Salesforce's, and no database's
		}
		tokens = append(tokens, token{stem: shape, weight: 3})
	}
	return tokens
}

// lightenContent makes what an order is about count less than the order.
func lightenContent(tokens []token) {
	begun := false
	for i := range tokens {
		if begun {
			tokens[i].weight *= contentWeight
		}
		begun = begun || tokens[i].colon || tokens[i].word == "that" && i > 0
	}
}

// spoken adds what a channel or a handle means beside itself: something is to be
// read there by who asks, and said there by others.
func spoken(tokens []token, i intent) []token {
	for _, t := range tokens {
		if t.stem == shapeChannel || t.stem == shapeHandle {
			added := token{stem: shapeTold, weight: t.weight}
			if i == asks {
				added.stem = shapeAsked
			}
			return append(tokens, added)
		}
	}
	return tokens
}

// weight is what a word counts by its kind.
func (l *lexicon) weight(t token) float64 {
	switch {
	case l.verb(t.stem) != unclear:
		return verbWeight
	case l.weak[t.word]:
		return weakWeight
	}
	return 1
}

// tells reports whether a word says something itself, so that a "who" behind it
// belongs to it ("contacts who have no owner") and asks nothing.
func (l *lexicon) tells(t token) bool {
	return t.word != "" && !l.stop[t.word] && !l.lead[t.word] && !l.weak[t.word] && l.verb(t.stem) == unclear
}

// phrase finds what is said in several words at the beginning of the tokens: its
// key in means, and how many tokens it takes. Of a phrase with a gap ("let … know")
// it takes the first, and marks the last as used.
func (l *lexicon) phrase(tokens []token) (key string, n int) {
	var buffer [64]byte
	for n := min(l.longest[tokens[0].stem], len(tokens)); n >= 2; n-- {
		if key := joined(buffer[:0], tokens[:n]); l.means[string(key)] != nil {
			return string(key), n
		}
	}
	for _, g := range l.gaps[tokens[0].stem] {
		for j := 1; j < min(len(tokens), maxGap); j++ {
			if tokens[j].stem == g.last {
				tokens[j].used = true
				return g.key, 1
			}
		}
	}
	return "", 0
}

// maxGap is how far apart, in words, the ends of a phrase with a gap may be.
const maxGap = 7

func joined(key []byte, tokens []token) []byte {
	for i, t := range tokens {
		if i > 0 {
			key = append(key, ' ')
		}
		key = append(key, t.stem...)
	}
	return key
}
