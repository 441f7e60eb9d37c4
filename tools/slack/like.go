package slack

import (
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools/upstream"
)

const maxLike = 5 // names that are proposed

// like are the names in the book that somebody may have meant by word: those that
// its letters stand in, or the closest one. word begins with # or @, as they do.
// allowed says of an id whether the call may know it.
func (k *book) like(word string, allowed func(id string) bool) []string {
	k.mu.Lock()
	var all []string
	for name, e := range k.ids {
		if e.value != "" && name != word && name[:1] == word[:1] && k.now().Before(e.until) {
			all = append(all, name)
		}
	}
	k.mu.Unlock()
	all = slices.DeleteFunc(all, func(name string) bool {
		id, _ := k.id(name)
		return !allowed(id)
	})
	slices.Sort(all)
	var found []string
	if part := strings.ToLower(word[1:]); len(part) >= 3 {
		for _, name := range all {
			if strings.Contains(strings.ToLower(name), part) {
				found = append(found, name)
			}
		}
	}
	if m := near.Match(word, all); m != "" && len(found) == 0 {
		found = []string{m}
	}
	return found[:min(len(found), maxLike)]
}

// meant is the end of an error about a name: what could be meant.
func meant(like []string) string {
	if len(like) == 0 {
		return ""
	}
	for i, name := range like {
		like[i] = upstream.Quote(name)
	}
	return " Did you mean " + strings.Join(like, " or ") + "?"
}

// mayList says whether the call may be told that a channel exists.
func mayList(c *upstream.Client, k *book) func(id string) bool {
	return func(id string) bool {
		family, known := k.kind(id)
		return known && c.Allows(needed(family, "read"))
	}
}
