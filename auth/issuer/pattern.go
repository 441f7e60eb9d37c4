package issuer

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a rule and of what is held against it, in bytes.
const (
	maxPattern = 512
	maxValue   = 1024
)

// Pattern is compared with the whole of a text, character by character, capitals
// apart. It knows two wildcards:
//
//   - "*" is any run of characters, also none, but for "/" and ":": it never leaves
//     its part of a name. So repo:acme/*:ref:refs/heads/main fits any repository of
//     acme, and not repo:acme/x:environment:y:ref:refs/heads/main, in which somebody
//     else chose what stands in the middle;
//   - "**" is any run of characters at all.
//
// Nothing else is special, and nothing can be escaped: no identifier of an issuer
// has a star in it. Three stars in a row are refused. A text of more than 1 KiB, or
// with a control character, fits no pattern.
type Pattern struct{ form *regexp.Regexp }

// ParsePattern reads a pattern of at most 512 bytes.
func ParsePattern(text string) (Pattern, error) {
	switch {
	case text == "":
		return Pattern{}, fmt.Errorf("an empty pattern fits nothing: leave it out, or write ** for any value")
	case len(text) > maxPattern:
		return Pattern{}, fmt.Errorf("a pattern has at most %d bytes, and this one has %d", maxPattern, len(text))
	case !plain(text):
		return Pattern{}, fmt.Errorf("a pattern is plain text, without control characters")
	case strings.Contains(text, "***"):
		return Pattern{}, fmt.Errorf("%q has three stars in a row: write * for a part of a name, or ** for anything", text)
	}
	var form strings.Builder
	form.WriteString(`(?s)\A`)
	for i, anything := range strings.Split(text, "**") {
		if i > 0 {
			form.WriteString(`.*`)
		}
		for j, literal := range strings.Split(anything, "*") {
			if j > 0 {
				form.WriteString(`[^/:]*`)
			}
			form.WriteString(regexp.QuoteMeta(literal))
		}
	}
	form.WriteString(`\z`)
	re, err := regexp.Compile(form.String()) // RE2: its time grows with the text alone
	if err != nil {
		return Pattern{}, fmt.Errorf("%q is no pattern: %w", text, err)
	}
	return Pattern{re}, nil
}

// Fits reports whether the whole text is of the pattern. The zero Pattern fits
// nothing.
func (p Pattern) Fits(text string) bool {
	return p.form != nil && len(text) <= maxValue && plain(text) && p.form.MatchString(text)
}

// plain reports whether a text is UTF-8 without control characters: fit for a log.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// literal is what a pattern begins with before its first star.
func literal(pattern string) string {
	before, _, _ := strings.Cut(pattern, "*")
	return before
}
