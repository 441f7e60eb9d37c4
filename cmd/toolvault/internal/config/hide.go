package config

import (
	"regexp"
	"strings"
	"unicode"
)

// tokenShape matches the secrets of common vendors by how they begin, and the
// headers and URLs that carry any.
var tokenShape = regexp.MustCompile(`(?i)\b(xox[a-z]-|xoxe\.|xapp-|pat-(na|eu|ap)|pcsk_|mb_.{8}|sk_(live|test)_|rk_live_|sk-.{8}|gh[opsur]_|github_pat_|glpat-|glsa_|ntn_|secret_.{8}|ya29\.|hf_.{8}|npm_.{8}|dop_v1_|SG\..{8})` +
	`|\b(AKIA|ASIA)[0-9A-Z]{12}|\bAIza.{8}|\beyJ[A-Za-z0-9_-]{8}|-----BEGIN|(?i)\b(bearer|basic) +\S{8}` +
	`|[a-z+]://[^/\s]*:[^/\s]*@`)

// uuid matches what some vendors give out as a key.
var uuid = regexp.MustCompile(`(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// looksSecret reports whether a text has the shape of a secret, or holds one.
func looksSecret(s string) bool {
	return tokenShape.MatchString(s) || uuid.MatchString(s) || dense(s)
}

// dense reports whether a text holds a run of letters and digits that nobody
// would choose as a name.
func dense(s string) bool {
	run, digits := 0, 0
	for _, c := range s {
		switch {
		case unicode.IsDigit(c):
			run, digits = run+1, digits+1
		case unicode.IsLetter(c):
			run++
		default:
			run, digits = 0, 0
		}
		if run >= 16 && digits >= 2 || run >= 28 {
			return true
		}
	}
	return false
}

// show quotes a word of the file for an error, or says that it is not shown:
// somebody may have pasted a secret there.
func show(word string) string {
	if len(word) > 64 || looksSecret(word) || strings.ContainsFunc(word, func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsPrint(c) }) {
		return "(not shown here)"
	}
	return `"` + word + `"`
}

// key is a word of the file as a part of a field's path.
func key(word string) string {
	if shown := show(word); shown[0] == '"' {
		return word
	}
	return "?"
}

// scrub is the last look at a message: what has the shape of a secret goes. It
// is there for texts of others, such as a compiler's complaint about a rule.
func scrub(message string) string {
	if !looksSecret(message) {
		return message
	}
	words := strings.FieldsFunc(message, unicode.IsSpace)
	for i, w := range words {
		if looksSecret(w) {
			words[i] = "[not shown here]"
		}
	}
	if message = strings.Join(words, " "); looksSecret(message) {
		return "there is a mistake here that cannot be shown, since it seems to hold a secret"
	}
	return message
}
