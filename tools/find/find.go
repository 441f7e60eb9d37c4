// Package find finds tools by what people say: "who owns this deal" leads to the
// tool that lists owners, though no word of the request is in its name.
//
// It ranks by BM25F (Robertson, Zaragoza: "The Probabilistic Relevance Framework:
// BM25 and Beyond", 2009, section 3.6) over what a tool's schema file says: its
// name, title, description, arguments, the words that people have for it, and its
// service. The words of a request are cut to their stems, mended where one letter
// is wrong, and widened by lexicon.txt: what people say, and what the tools say
// for it. Nothing leaves the process, and the same request always gets the same
// answer.
package find

import (
	"cmp"
	"slices"
)

// Hit is a tool that fits a request. Scores compare within one search only.
type Hit struct {
	Name  string
	Score float64
}

// maxQuery bounds how much of a request is looked at, in characters. Who asks for
// a tool in more words than that has said it by then.
const maxQuery = 500

// Search returns at most n tools that fit the request, the best first, among
// those that may is true for; nil may is true for all. Tools that fit equally
// well come by name. A request that fits nothing gets nothing.
func (x *Index) Search(query string, n int, may func(name string) bool) []Hit {
	if n <= 0 {
		return nil
	}
	q := x.read(cut(query, maxQuery))
	hits := x.score(q)
	slices.SortFunc(hits, func(a, b Hit) int {
		if c := cmp.Compare(b.Score, a.Score); c != 0 {
			return c
		}
		return cmp.Compare(a.Name, b.Name)
	})
	out := hits[:0]
	for _, h := range hits {
		if len(out) == n || len(out) > 0 && h.Score < tail*out[0].Score {
			break
		}
		if may == nil || may(h.Name) {
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return slices.Clip(out)
}

// tail is the part of the best score below which a tool fits by accident.
const tail = 0.15

// cut returns the first n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
