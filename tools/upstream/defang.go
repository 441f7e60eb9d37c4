package upstream

import (
	"slices"
	"strings"
)

// markCaution is the mark of what looks like a model's markup or an order to it.
const markCaution = "[!]"

// mark is a text to be put into another one, at a position in bytes.
type mark struct {
	at   int
	text string
}

// defang puts marks into a text: see Clean. ascii says that it has nothing else.
// The marks only ever add something, so that whoever knows them can take them out.
func defang(s string, ascii bool) string {
	var room [16]mark
	var marks []mark
	if ascii && !strings.Contains(s, markHidden) {
		marks = find(s, room[:0])
	} else {
		marks = find(fold(s), room[:0])
		slices.SortStableFunc(marks, func(a, b mark) int { return a.at - b.at })
		unfold(s, marks)
		if !ascii {
			marks = findUnspaced(s, marks)
		}
	}
	if len(marks) == 0 {
		return s
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return a.at - b.at })
	var b strings.Builder
	b.Grow(len(s) + 4*len(marks))
	done := 0
	for _, m := range marks {
		b.WriteString(s[done:m.at])
		b.WriteString(m.text)
		done = m.at
	}
	b.WriteString(s[done:])
	return b.String()
}

// What a byte is, for find.
const (
	isLetter = 1 << iota // of a word: letters, digits, and an apostrophe inside
	isOpening
	isLine
)

var class = classes()

func classes() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '\'', c == letter:
			t[c] = isLetter
		case c == '<', c == '[':
			t[c] = isOpening
		case c == '\n':
			t[c] = isLine
		}
	}
	return t
}

// find appends the marks that a folded text needs. Each is decided by what
// follows its place, up to the end of what was recognised and no further: so a
// text that is cut needs no other marks than the whole.
func find(s string, marks []mark) []mark {
	marks = turn(s, 0, marks)
	for i := 0; i < len(s); {
		switch class[s[i]] {
		case isLetter:
			from := i
			for i++; i < len(s) && class[s[i]] == isLetter; {
				i++
			}
			if isOrder(s, from, i) && !strings.HasSuffix(s[:from], markCaution+" ") {
				marks = append(marks, mark{from, markCaution + " "})
			}
			continue
		case isOpening:
			if s[i] == '<' && tag(s, i) || s[i] == '[' && bracket(s, i) {
				marks = append(marks, mark{i + 1, markCaution})
			}
		case isLine:
			marks = turn(s, i+1, marks)
		}
		i++
	}
	return marks
}

// tagNames are tags with which models are told who speaks, or that a tool was
// called, in small letters and with _ for -.
var tagNames = []string{
	"system", "sys", "system_prompt", "system_message", "system_reminder", "system_instruction", "system_instructions", "system_note",
	"instruction", "instructions", "user_instructions", "new_instructions", "important", "important_instructions", "admin_override",
	"assistant", "human", "developer", "ai",
	"tool_use", "tool_call", "tool_calls", "tool_result", "tool_results", "tool_response", "tool_output", "tool_outputs",
	"function_call", "function_calls", "function_result", "function_results", "function_response", "function_output", "invoke",
	"think", "thinking", "scratchpad", "start_of_turn", "end_of_turn", "bos", "eos", "command_message", "command_name",
}

const maxName = 40

// tag reports whether s[i], which is <, opens a tag of tagNames, or a token of a
// chat template such as <|im_start|>.
func tag(s string, i int) bool {
	j := blanks(s, i+1)
	spaced := j > i+1
	closing := j < len(s) && s[j] == '/'
	if closing {
		j = blanks(s, j+1)
		spaced = spaced || s[j-1] != '/'
	}
	if j < len(s) && s[j] == '|' {
		return !spaced && token(s, j+1)
	}
	from := j
	for j < len(s) && j-from < maxName && (class[s[j]] == isLetter || s[j] == '_' || s[j] == '-' || s[j] == '.' || s[j] == ':') {
		j++
	}
	name := s[from:j]
	switch {
	case name == "" || j == len(s):
		return false
	case spaced:
		if j = blanks(s, j); j == len(s) || s[j] != '>' {
			return false
		}
	case strings.HasPrefix(s[j:], "/>"):
	case s[j] != '>' && s[j] != ' ' && s[j] != '\t' && s[j] != '\n' && s[j] != '=':
		return false
	}
	switch {
	case alike(name, "s"): // the first token of a text; also what is struck out, in HTML
		return s[j] == '>'
	case alike(name, "function"):
		return s[j] == '='
	case alike(name, "user"): // alone it is what people write for a name to put in
		return closing
	}
	const space = "antml:"
	return len(name) > len(space) && alike(name[:len(space)], space) || slices.ContainsFunc(tagNames, func(t string) bool { return alike(name, t) })
}

// token reports whether at s[j] there is the rest of a token: a name and |>.
func token(s string, j int) bool {
	from := j
	for j < len(s) && j-from < maxName && (class[s[j]] == isLetter || s[j] == '_' || s[j] == '-') {
		j++
	}
	return j > from && strings.HasPrefix(s[j:], "|>")
}

// bracketNames are what some models' templates have in brackets.
var bracketNames = []string{"inst", "system_prompt", "available_tools", "tool_calls", "tool_results", "tool_content", "end_of_turn"}

// bracket reports whether s[i], which is [, opens one of bracketNames.
func bracket(s string, i int) bool {
	j := blanks(s, i+1)
	if j < len(s) && s[j] == '/' {
		j = blanks(s, j+1)
	}
	from := j
	for j < len(s) && j-from < maxName && (class[s[j]] == isLetter || s[j] == '_') {
		j++
	}
	name := s[from:j]
	j = blanks(s, j)
	return name != "" && j < len(s) && s[j] == ']' && slices.ContainsFunc(bracketNames, func(t string) bool { return alike(name, t) })
}

// blanks is where the blanks at s[j:] end; more than three are no form of
// anything.
func blanks(s string, j int) int {
	for n := 0; n < 3 && j < len(s) && (s[j] == ' ' || s[j] == '\t'); n++ {
		j++
	}
	return j
}

// alike compares a text with one in small letters, - with _ being the same.
func alike(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c == '-':
			c = '_'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
