package find

import (
	_ "embed"
	"strings"
)

//go:embed lexicon.txt
var lexiconText string

// lexicon is lexicon.txt: how people talk about tools.
type lexicon struct {
	stop, weak, filler, lead words // words that say nothing, or little
	toName                   words // things that are verbs before a name
	plain, asks, orders      words // stems

	forms    map[string]string  // sent, and send
	services map[string]string  // what people call a service
	means    map[string][]meant // stems of what is said, with a space between; or a shape
	longest  map[string]int     // most words in a key of means, by its first stem
	gaps     map[string][]gap   // by the first stem of a phrase with a gap
	known    []string           // words on the left side of means
}

type words map[string]bool

// gap is a phrase with a gap: "let … know".
type gap struct{ last, key string }

// meant is a meaning, in any service or in one.
type meant struct {
	service string // "" is any
	stem    string
	weight  float64
}

// What a meaning is worth beside the word itself.
const (
	sure  = 0.75 // said > meant
	loose = 0.4  // said ~ meant
)

// readLexicon reads lexicon.txt, which is part of the binary and held by a test.
func readLexicon() *lexicon {
	l := &lexicon{
		stop: words{}, weak: words{}, filler: words{}, lead: words{}, toName: words{}, plain: words{}, asks: words{}, orders: words{},
		forms: map[string]string{}, services: map[string]string{}, means: map[string][]meant{}, longest: map[string]int{}, gaps: map[string][]gap{},
	}
	section := ""
	for line := range strings.Lines(lexiconText) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "#" || strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "["):
			section = line
		default:
			l.line(section, line)
		}
	}
	return l
}

func (l *lexicon) line(section, line string) {
	switch section {
	case "[forms]":
		form, word, _ := strings.Cut(line, " ")
		l.forms[form] = word
	case "[services]":
		service, names, _ := strings.Cut(line, ":")
		l.services[service] = names
	case "[means]":
		l.meaning(line, "")
	case "[asked]":
		l.meaning(line, inQuestions)
	}
	for w := range strings.FieldsSeq(line) {
		switch section {
		case "[stop]":
			l.stop[w] = true
		case "[weak]":
			l.weak[w] = true
		case "[filler]":
			l.filler[w] = true
		case "[lead]":
			l.lead[w] = true
		case "[to name]":
			l.toName[w] = true
		case "[plain]":
			l.plain[stem(w)] = true
		case "[ask]":
			l.asks[stem(w)] = true
		case "[order]":
			l.orders[stem(w)] = true
		}
	}
}

// inQuestions stands before a key of means that holds in a question only.
const inQuestions = "?"

// meaning reads "what, people say > what tools say ~ what they may say". A word of
// tools may be what those of one service say: "hubspot:object".
func (l *lexicon) meaning(line, mark string) {
	i := len(line)
	for _, arrow := range [...]string{" > ", " ~ "} {
		if j := strings.Index(line, arrow); j >= 0 {
			i = min(i, j)
		}
	}
	var to []meant
	weight := sure
	for _, w := range strings.Fields(line[i:]) {
		switch w {
		case ">":
			weight = sure
		case "~":
			weight = loose
		default:
			service, word, ok := strings.Cut(w, ":")
			if !ok {
				service, word = "", w
			}
			to = append(to, meant{service, l.stem(word), weight})
		}
	}
	for said := range strings.SplitSeq(line[:i], ",") {
		said = strings.TrimSpace(said)
		if strings.HasPrefix(said, "<") {
			l.means[said] = append(l.means[said], to...)
			continue
		}
		var stems []string
		eachWord(said, func(w string) {
			if l.filler[w] {
				return // no request has it either
			}
			stems = append(stems, l.stem(w))
			l.known = append(l.known, w)
		})
		key := mark + strings.Join(stems, " ")
		if strings.Contains(said, " … ") {
			key = strings.Join(stems, " … ")
			l.gaps[stems[0]] = append(l.gaps[stems[0]], gap{stems[1], key})
		}
		l.means[key] = append(l.means[key], to...)
		l.longest[stems[0]] = max(l.longest[stems[0]], len(stems))
	}
}

// stem is the stem of a word, or of the word that it is a form of.
func (l *lexicon) stem(w string) string {
	if base, ok := l.forms[w]; ok {
		w = base
	}
	return stem(w)
}
