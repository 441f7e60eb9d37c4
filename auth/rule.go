package auth

import "fmt"

// Rule is one line of an agent's policy, as an admin writes it. Exactly one of
// Allow and Deny is set: a CEL expression of type bool.
type Rule struct {
	Tools string // a tool's name, or a pattern with "*": "slack_*", "*"
	Allow string
	Deny  string
}

// RuleError is a mistake in a rule.
type RuleError struct {
	Index   int    // of the rule in the agent's policy, from 0
	Field   string // "tools", "allow" or "deny"
	Line    int    // within the field's text, from 1; 0: the whole of it
	Column  int    // within the line, from 1
	Message string // one sentence: what is wrong, what to do
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("rule %d, %s: %s", e.Index+1, e.Field, e.Message)
}
