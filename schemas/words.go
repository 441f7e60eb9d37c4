package schemas

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"toolvault/schemas/near"
)

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return r.FloatString(6)
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(what, "y"))
	}
	return fmt.Sprintf("%d %ss", n, what)
}

var alternatives = regexp.MustCompile(`^\^\(([^()]+)\)\$$`)

var word = regexp.MustCompile(`^[a-z0-9_]+$`)

// pattern says what would fit. A pattern that lists words is read out as a list,
// with the one that was meant; what was given is not repeated.
func pattern(k *kind.Pattern) string {
	m := alternatives.FindStringSubmatch(k.Want)
	if m == nil {
		return "must match " + k.Want
	}
	var words, others []string
	for _, w := range strings.Split(m[1], "|") {
		if word.MatchString(w) {
			words = append(words, w)
		} else {
			others = append(others, w)
		}
	}
	if len(words) < 2 {
		return "must match " + k.Want
	}
	text := "must be one of " + strings.Join(words, ", ")
	if len(others) > 0 {
		text += ", or match " + strings.Join(others, " or ")
	}
	if meant := near.Match(k.Got, words); meant != "" {
		text += fmt.Sprintf(" (did you mean %q?)", meant)
	}
	return text
}
