package salesforce

import (
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

var soqlWord = pattern.New(`[A-Za-z_]\w*`)

// guard lets through SOQL that only reads: one statement that begins with SELECT,
// without the clauses that lock rows or write down that they were seen.
// (developer.salesforce.com/docs, "SOQL SELECT Syntax": FOR UPDATE, FOR VIEW, FOR
// REFERENCE, UPDATE TRACKING, UPDATE VIEWSTAT.)
//
// SOQL has no other statements, and no comments. So the guard only has to find where
// texts begin and end, and it does so as strictly as Salesforce: what it cannot follow
// it refuses.
func guard(soql string) error {
	bare, why := withoutTexts(soql)
	if why != "" {
		return fault.Wrong("The SOQL was not sent: %s.", why)
	}
	words := soqlWord.FindAllString(strings.ToUpper(bare), -1)
	if len(words) == 0 || words[0] != "SELECT" || !strings.HasPrefix(strings.TrimSpace(strings.ToUpper(bare)), "SELECT") {
		return forbid("it has to begin with SELECT; records are changed with salesforce_update_record and the like")
	}
	for i, w := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case w == "FOR" && (next == "UPDATE" || next == "VIEW" || next == "REFERENCE"):
			return forbid("FOR " + next + " changes something: it locks the rows or notes that they were seen. Leave it out")
		case w == "UPDATE" && (next == "TRACKING" || next == "VIEWSTAT"):
			return forbid("UPDATE " + next + " changes statistics. Leave it out")
		}
	}
	return nil
}

func forbid(why string) error {
	f := fault.New(fault.NotPermitted, "The SOQL was not sent: %s.", why)
	f.NotSent = true
	return f
}

// withoutTexts is SOQL with its texts taken out, and what is wrong with it.
func withoutTexts(soql string) (bare, why string) {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(soql); i++ {
		switch c := soql[i]; {
		case c == '\'':
			n := i + 1
			for n < len(soql) && soql[n] != '\'' {
				if soql[n] == '\\' {
					n++
				}
				n++
			}
			if n >= len(soql) {
				return "", "a text in it does not end; a quote within a text is written \\'"
			}
			i = n
			b.WriteString(" '' ")
		case c == ';':
			return "", "one statement without a semicolon is taken"
		case strings.HasPrefix(soql[i:], "--") || strings.HasPrefix(soql[i:], "/*") || strings.HasPrefix(soql[i:], "//"):
			return "", "SOQL has no comments"
		case c < ' ' && c != '\n' && c != '\t' && c != '\r':
			return "", "it has control characters in it"
		case c == '(':
			depth++
			b.WriteByte(c)
		case c == ')':
			if depth--; depth < 0 {
				return "", "its parentheses do not pair"
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	if depth != 0 {
		return "", "its parentheses do not pair"
	}
	if upstream.Clean(soql, len(soql)+1) == "" {
		return "", "it is empty"
	}
	return b.String(), ""
}
