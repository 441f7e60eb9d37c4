package metabase

import (
	"toolvault/tools/pattern"
)

// plainWord is how Metabase's own words look: table, smartscalar, has_result,
// date/all-options, number/>=, DateTimeWithTZ, v0.63.1.
var plainWord = pattern.New(`^[A-Za-z][A-Za-z0-9_.+-]*(?:/(?:[!<>]?=|[A-Za-z0-9_.*+-]+))*$`)

// ownWord is one of Metabase's own words, such as a type or a way to show a
// question, which can stand beside our words without marks. What does not look
// like one, or is longer than most bytes, is "unknown"; nothing is "".
func ownWord(s string, most int) string {
	if s == "" || len(s) <= most && plainWord.MatchString(s) {
		return s
	}
	return "unknown"
}
