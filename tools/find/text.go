package find

import (
	"strings"
	"unicode"
)

// eachWord calls do for every word of a text, in lower case: runs of letters and
// digits. What follows an apostrophe is no word ("who's", "don't").
func eachWord(text string, do func(string)) {
	text = strings.ToLower(text)
	begin, skip := -1, false
	end := func(i int) {
		if begin >= 0 && !skip {
			do(text[begin:i])
		}
		begin = -1
	}
	for i, r := range text {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if begin < 0 {
				begin = i
			}
		case r == '\'' || r == '’':
			inWord := begin >= 0 && !skip
			end(i)
			skip = inWord
		default:
			end(i)
			skip = false
		}
	}
	end(len(text))
}

// stem cuts a word to what its forms have in common: posts, posted, posting and
// poster are post; company and companies are compan. It is light: it may leave
// two forms apart, and what it leaves need not be a word. Only slices are made.
func stem(w string) string {
	w = singular(w)
	switch w {
	case "embed", "customer", "number", "member": // what looks like an ending is none
		return w
	}
	for _, ending := range [...]string{"ing", "ed"} {
		if rest, ok := strings.CutSuffix(w, ending); ok && len(rest) >= 3 && strings.ContainsAny(rest, "aeiouy") && !strings.HasSuffix(rest, "e") {
			w = rest
			break
		}
	}
	if rest, ok := strings.CutSuffix(w, "ion"); ok && len(rest) >= 4 && (rest[len(rest)-1] == 't' || rest[len(rest)-1] == 's') {
		w = rest
	}
	if rest, ok := strings.CutSuffix(w, "er"); ok && len(rest) >= 3 && !strings.HasSuffix(rest, "e") {
		w = rest
	}
	if len(w) >= 4 && (w[len(w)-1] == 'e' || w[len(w)-1] == 'y') {
		w = w[:len(w)-1]
	}
	if n := len(w); n >= 3 && w[n-1] == w[n-2] && w[n-1] > ' ' && w[n-1] < 0x80 {
		w = w[:n-1]
	}
	return w
}

func singular(w string) string {
	n := len(w)
	switch {
	case n > 4 && (strings.HasSuffix(w, "ies") || strings.HasSuffix(w, "ied")):
		return w[:n-3] // repl, as of reply
	case n <= 3 || w[n-1] != 's':
		return w
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "xes"), strings.HasSuffix(w, "ches"), strings.HasSuffix(w, "shes"), strings.HasSuffix(w, "zes"):
		return w[:n-2]
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	}
	return w[:n-1]
}
