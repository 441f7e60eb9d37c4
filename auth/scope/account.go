package scope

import (
	"fmt"
	"regexp"
	"strings"
)

var accountForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,39}$`)

// IsAccount reports whether the text can be the config's name for one of several
// accounts of a service: 1 to 40 of a-z, 0-9, ".", "_" and "-", beginning with a
// letter or digit. None of them is a separator in a scope, so that
// "hubspot@emea:contacts.read" is a scope-token of RFC 6749, section 3.3.
func IsAccount(text string) bool { return accountForm.MatchString(text) }

// Split takes a word of Grants apart: "hubspot@emea:contacts.read" is of the
// service hubspot, its account emea, and the permission contacts.read. It is not
// ok without a colon. What the parts are worth it does not check.
func Split(word string) (service, account, name string, ok bool) {
	head, name, ok := strings.Cut(word, ":")
	service, account, _ = strings.Cut(head, "@")
	return service, account, name, ok
}

// MixedAccountsError says that of the words of one service some name another
// account than the others, or none: then nobody could tell to which account a
// call may go.
type MixedAccountsError struct{ Service, Word string }

func (e *MixedAccountsError) Error() string {
	return fmt.Sprintf("scope %q: all scopes of %s have to name the same account, or none", e.Word, e.Service)
}

// Account is the account of a service to which the grants are bound; "" where
// they are for any.
func (g Grants) Account(service string) string { return g[service].account }

// spelled is a word of the set as it stands in Grants.
func (s Set) spelled(service, word string) string {
	if s.account != "" {
		service += "@" + s.account
	}
	return service + ":" + word
}
