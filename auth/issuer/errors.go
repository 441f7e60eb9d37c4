package issuer

import (
	"fmt"

	"toolvault/auth"
	"toolvault/vault/store"
)

// The reasons of a refusal. They are public, so none repeats what a token says.
const (
	reasonTooLong   = "longer than 8 KiB"
	reasonForm      = "not a token in a form that is taken here"
	reasonUntrusted = "its issuer is not trusted here for this use"
	reasonHeader    = "its header brings a key, or wants something that is not understood here"
	reasonAlgorithm = "signed with an algorithm that is not taken"
	reasonType      = "another kind of token than is taken here"
	reasonKey       = "signed with a key that its issuer does not publish"
	reasonSignature = "its signature is wrong"
	reasonClaims    = "its claims are not in order"
	reasonSubject   = "it does not say whom it is about"
	reasonAudience  = "meant for another server"
	reasonExpired   = "expired"
	reasonEarly     = "not valid yet"
	reasonOld       = "issued too long ago"
	reasonLong      = "it lives too long"
	reasonInactive  = "its issuer says that it is not active"
	reasonDiffers   = "its issuer says something else of it than it does"
	reasonBound     = "bound to a key in a way that is not taken here"
	reasonRule      = "no rule of its issuer fits"
	reasonAgent     = "its rule names no known agent"
	reasonUser      = "its rule finds no person in it"
	reasonEmail     = "its email is not verified"
	reasonTask      = "its rule names a task that its agent does not have"
	reasonScope     = "its scope allows nothing here"
	reasonResource  = "meant for another resource"
	reasonClient    = "it does not say for which client it is"
	reasonID        = "it has no id that could be remembered"
)

func refused(reason string) error { return &auth.TokenError{Reason: reason} }

// UnavailableError says that an issuer could not be asked for its keys, or about a
// token. errors.Is(err, store.ErrUnavailable) holds for it.
type UnavailableError struct {
	Issuer string // its URL
	what   string
	cause  error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s of %s cannot be had just now, so its tokens cannot be checked: try again, and see that the issuer answers (%v)", e.what, e.Issuer, e.cause)
}

// Unwrap is what went wrong.
func (e *UnavailableError) Unwrap() error { return e.cause }

// Is makes it one of store.ErrUnavailable, for which the answer is that it may be
// tried again.
func (e *UnavailableError) Is(target error) bool { return target == store.ErrUnavailable }
