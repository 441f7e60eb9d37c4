package auth

// Matches reports whether the name of a tool fits a pattern as rules have it: "*"
// stands for any number of any characters.
func Matches(pattern, name string) bool { return matches(pattern, name) }
