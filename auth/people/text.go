package people

import "strconv"

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

type signInWords struct{ Intro, Name, Password, Button string }

func theSignInWords() signInWords {
	return signInWords{
		Intro:    "toolvault keeps the keys that AI agents work with. Sign in to decide what they may do for you.",
		Name:     "Name",
		Password: "Password",
		Button:   "Sign in",
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
