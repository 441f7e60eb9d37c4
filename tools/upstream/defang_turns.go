package upstream

import (
	"slices"
	"strings"
)

// speakers begin a turn of a conversation in a model's transcript: "Human: ...".
var speakers = []string{"system", "human", "assistant", "user", "developer", "ai", "chatgpt", "gpt", "claude", "llm"}

// utterances may follow them: "System message: ...".
var utterances = []string{"prompt", "message", "instruction", "instructions", "override", "command", "assistant", "directive"}

// sections are headings of instruction templates, behind ###.
var sections = []string{"instruction", "instructions", "response", "input"}

// turn appends the marks that the line at s[i:] needs because it begins like a
// turn: the head of it in parentheses. Markdown before the head does not matter.
// A line of code is left alone: one that begins with a tab, and one in small
// letters that begins with a blank or has more right behind the colon, which is
// the key of some settings ("user: postgres").
func turn(s string, i int, marks []mark) []mark {
	const most = 24 // bytes of decoration
	j, indented, hashes := i, false, 0
	for ; j < len(s) && j < i+most; j++ {
		if c := s[j]; c == '\t' {
			return marks
		} else if c == ' ' {
			indented = true
		} else if c == '#' {
			hashes++
		} else if c != '>' && c != '*' && c != '_' && c != '-' && c != '=' {
			break
		}
	}
	head := j
	if j < len(s) && s[j] == '[' {
		j = blanks(s, j+1)
	}
	from := j
	word, j := letters(s, j)
	if word == "" || word[0] >= 0x80 {
		return marks
	}
	oneOf := func(list []string) bool {
		return slices.ContainsFunc(list, func(t string) bool { return alike(word, t) })
	}
	section := hashes >= 3 && oneOf(sections)
	if !section {
		if !oneOf(speakers) {
			return marks
		}
		if k := j + 1; j < len(s) && (s[j] == ' ' || s[j] == '_' || s[j] == '-') {
			var end int
			if word, end = letters(s, k); oneOf(utterances) {
				j = end
			}
		}
	}
	for n := 0; n < 6 && j < len(s) && strings.IndexByte(" ]*_", s[j]) >= 0; n++ {
		j++
	}
	if j == len(s) || s[j] != ':' || strings.HasPrefix(s[j:], ":=") {
		return marks
	}
	j++
	switch small := s[from] >= 'a'; {
	case section:
		return append(marks, mark{head, markCaution + " "})
	case small && (indented || j < len(s) && s[j] != ' ' && s[j] != '\t' && s[j] != '\n'):
		return marks
	}
	return append(marks, mark{head, "("}, mark{j, ")"})
}

// letters is the word at s[j:], and where it ends.
func letters(s string, j int) (string, int) {
	from := j
	for j < len(s) && class[s[j]] == isLetter {
		j++
	}
	return s[from:j], j
}
