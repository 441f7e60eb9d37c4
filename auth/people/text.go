package people

import (
	"fmt"
	"strconv"
	"time"
)

// The words of the pages.

const (
	signInTitle   = "Sign in"
	signedInTitle = "You are signed in"

	signedOutNote    = "You are signed out."
	wrongFault       = "That name and password do not go together. Check both and try again; if you have forgotten the password, ask whoever runs toolvault for a new one."
	unavailableFault = "You could not be signed in just now. The fault is not yours: toolvault is busy, or cannot reach its store. Try again in a moment."

	notFoundTitle = "There is no such page"
	notFoundWhat  = "The address does not belong to a page of this server."
	notFoundTodo  = "Check the address, or go back to where you came from."

	methodTitle = "That is not how this page works"
	methodWhat  = "What was sent is neither a visit to this page nor its form."
	methodTodo  = "Open the page in a browser."

	incompleteTitle = "That form is not complete"
	incompleteWhat  = "The form that was sent is not the one of the sign-in page."
	incompleteTodo  = "Go back, load the page again, and send its form."

	notOutTitle = "You are still signed in"
	notOutWhat  = "You could not be signed out. The fault is not yours: toolvault cannot reach its store."
	notOutTodo  = "Go back and try again in a moment. The session ends by itself after an hour without use."
)

func tooSoonFault(seconds int) string {
	wait := strconv.Itoa(seconds) + " seconds"
	switch {
	case seconds == 1:
		wait = "one second"
	case seconds > 90:
		wait = strconv.Itoa((seconds+59)/60) + " minutes"
	}
	return "Too many tries have failed. This one was not looked at. Wait " + wait + ", then try again."
}

type signInWords struct{ Intro, Name, Password, Button, OrHere string }

func theSignInWords() signInWords {
	return signInWords{
		Intro:    "toolvault keeps the keys that AI agents work with. Sign in to decide what they may do for you.",
		Name:     "Name",
		Password: "Password",
		Button:   "Sign in",
		OrHere:   "Or with a name and password of this server",
	}
}

type signedInWords struct{ Before, After, Continue, SignOut, Other string }

func theSignedInWords() signedInWords {
	return signedInWords{
		Before: "This browser is signed in as", After: ".",
		Continue: "Continue",
		SignOut:  "Sign out",
		Other:    "If that is not you, sign out first.",
	}
}

func companyButton(label string) string { return "Sign in with " + label }

// The words of passkeys.
const (
	relyingParty = "toolvault" // as browsers show it

	passkeyAddedNote   = "The passkey is added. You can sign in with it from now on."
	passkeyRemovedNote = "The passkey is removed. Nobody can sign in with it any more."

	passkeyWrong   = "That passkey was not accepted. Try another way to sign in, or ask whoever runs toolvault for a new invitation."
	staleFault     = "That took too long, or was done before. Nothing was changed. Load the page again and try once more."
	notAddedFault  = "The passkey was not added: what your device answered was not accepted. Try again, or with another device."
	notRecentFault = "It is more than ten minutes since you signed in. Sign in again, then change your passkeys."
	signedOutFault = "You are not signed in any more. Sign in again first."
	companyFault   = "You sign in with your company's account, so there are no passkeys of yours here."
	inviteFault    = "This invitation does not work any more: it was used, it is older than 30 minutes, or it is not complete. Ask whoever runs toolvault for a new one."

	notRemovedTitle  = "The passkey is still there"
	notRemovedTodo   = "Go back, load the page again, and try once more."
	noPasskeyFault   = "You have no such passkey; it may be removed already."
	lastPasskeyFault = "It is the only way in which you can sign in: you have no password. Add another passkey first."

	inviteTitle = "Add your passkey"
)

func tooManyFault() string {
	return fmt.Sprintf("You have %d passkeys, which is as many as you may have. Remove one first.", maxPasskeys)
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// plainLabel is what a passkey is called whose owner gave it no name.
func plainLabel(now time.Time) string { return "Passkey of " + day(now) }

func addedNote(t time.Time) string { return "Added on " + day(t) + "." }

func usedNote(t time.Time) string {
	if t.IsZero() {
		return "Not used yet."
	}
	return "Last used on " + day(t) + "."
}

type passkeyWords struct {
	Title, What, OrPasskey, SignIn        string
	Label, Add, Remove, RemoveNamed       string
	NotRecent, Again                      string
	Failed, Cancelled, Unable, Twice      string
	NoScript, NoScriptAdd, NoScriptInvite string
}

func thePasskeyWords() passkeyWords {
	return passkeyWords{
		Title:          "Your passkeys",
		What:           "With a passkey you sign in by your device: with your finger, your face, or its PIN.",
		OrPasskey:      "Or without a password",
		SignIn:         "Sign in with a passkey",
		Label:          "What to call it (may be left empty)",
		Add:            "Add a passkey",
		Remove:         "Remove",
		RemoveNamed:    "Remove", // and what it is called, for screen readers
		NotRecent:      "To add or remove one, sign in again: it is more than ten minutes since you did.",
		Again:          "Sign in again",
		Failed:         "The server could not be reached, or did not take what this page sent. Load the page again and try once more.",
		Cancelled:      "Your device did not give a passkey: it has none for this server, or you cancelled. You can try again.",
		Unable:         "This browser cannot use passkeys here.",
		Twice:          "This device has a passkey of yours for this server already.",
		NoScript:       "Passkeys need JavaScript, which is switched off here. You can sign in with your password.",
		NoScriptAdd:    "To add a passkey, switch JavaScript on for this page.",
		NoScriptInvite: "To add a passkey, switch JavaScript on for this page and load it again. Or ask whoever runs toolvault for a password.",
	}
}

type inviteWords struct {
	passkeyWords
	Before, After, NotYou string
}

func theInviteWords() inviteWords {
	return inviteWords{
		passkeyWords: thePasskeyWords(),
		Before:       "This invitation is for", After: ". Add a passkey to this device, and you can sign in with it from now on.",
		NotYou: "If that is not you, close this page.",
	}
}
