package find

import (
	"slices"
	"strings"
)

// intent is whether somebody wants to know or to have something done.
type intent int

const (
	unclear intent = iota
	asks
	orders
)

// An intent prefers tools that only read, or those that write: these are what the
// score of one of the right kind is worth, and of one of the wrong.
const (
	right = 1.15
	wrong = 0.6
)

func (i intent) favour(readOnly bool) float64 {
	switch {
	case i == unclear:
		return 1
	case (i == asks) == readOnly:
		return right
	}
	return wrong
}

// intent looks for the first verb that begins a question or an order. Of what is
// said in several words ("get rid of") their meaning tells. A request that begins
// with things and no verb ("deals above 10k") asks for them.
func (l *lexicon) intent(tokens []token, query string) intent {
	begun := false
	for i, t := range tokens {
		if l.lead[t.word] || l.services[t.word] != "" {
			continue
		}
		if key, n := l.phrase(tokens[i:]); n > 0 {
			return l.verb(l.means[key][0].stem)
		}
		if l.toName[t.word] && i+1 < len(tokens) && (tokens[i+1].name || tokens[i+1].stem == shapeHandle || pronoun(tokens[i+1].word)) {
			return orders // "message Petra", "alert me"
		}
		several := !l.stop[t.word] && singular(t.word) != t.word
		if v := l.verb(t.stem); v != unclear && !several {
			return v
		}
		if !l.stop[t.word] && !l.weak[t.word] {
			begun = several
			break
		}
	}
	wonders := func(t token) bool { return t.word == "whether" || t.word == "wonder" }
	if begun || strings.Contains(query, "?") || slices.ContainsFunc(tokens, wonders) {
		return asks
	}
	return unclear
}

func (l *lexicon) verb(stem string) intent {
	switch {
	case l.asks[stem]:
		return asks
	case l.orders[stem]:
		return orders
	}
	return unclear
}

func pronoun(w string) bool {
	switch w {
	case "me", "us", "him", "her", "them", "everybody", "everyone":
		return true
	}
	return false
}
