package connect

import (
	"fmt"
	"time"
)

// All that a person reads on the pages of consent, but for the permissions, which
// are in words.go.

const (
	factAgent     = "Agent"
	factService   = "Service"
	factFor       = "Acting for"
	factAccount   = "Account"
	factConnected = "Connected"

	endedTitle = "This link has ended"
	endedWhat  = "There is no open question under this address: it was answered already, ten minutes are over, or the address is not complete."
	endedTodo  = "Ask for a new link: call the tool again, or run toolvault connect again."

	strangerTitle    = "This is for somebody else"
	strangerWhat     = "Another person was asked, so this page shows you nothing and takes nothing from you."
	strangerTodo     = "If you did not ask an agent for this yourself, close the page: somebody may have wanted your account. If it is yours, sign out at /signin, and open the link again as the person who was asked."
	otherBrowserTodo = "Go on in the browser in which it was begun. If that was not you, do not connect anything, and tell whoever runs toolvault."

	signInTitle = "You are signed out"
	signInWhat  = "Your session has ended, so the answer was not taken."
	signInTodo  = "Go back, load the page again, and sign in."

	awayTitle = "That did not work"
	awayWhat  = "The store of toolvault cannot be reached. Nothing was done."
	awayTodo  = "Try again in a minute. If it stays so, tell whoever runs toolvault."

	oddTitle = "This answer belongs to nothing"
	oddWhat  = "What your browser brought along answers no question that toolvault has asked and not been answered yet. Nothing was stored."
	oddTodo  = "Open the link again, and go to the provider from there. If you did not begin this yourself, close the page."

	deadTitle  = "Too many wrong codes"
	deadReason = "The code was typed wrong too often, so the link has ended."
	deadTodo   = "Run toolvault connect again for a new link and a new code."

	codeTitle      = "Type the code"
	wrongCodeFault = "That is not the code. It has eight letters and stands in the terminal where toolvault connect runs."

	providerAwayTitle = "The provider does not answer"
	providerAwayTodo  = "Load the page again in a minute."

	refusedTitle    = "Nothing was connected"
	cancelledReason = "You said no."
	cancelledTodo   = "You can close this page. The agent goes on without it; it can be connected later."
	deniedTodo      = "You can close this page. If it was a mistake, ask for a new link and approve there."
	expiredReason   = "Nobody answered within ten minutes."
	expiredTodo     = "Ask again."

	adminTodo        = "Whoever runs toolvault has to mend that; then ask for a new link."
	againTodo        = "Ask for a new link and try again."
	mixedUpTodo      = "Nothing was stored. Do not try again from a link that somebody sent you; tell whoever runs toolvault."
	undeclaredReason = "The config does not have this credential any more, so nothing was stored."
	unrecordedReason = "The audit log cannot be written, and without it nothing is connected."
	unrecordedTodo   = "Tell whoever runs toolvault; then ask for a new link."
	unstoredReason   = "What the provider granted could not be stored, and was given back."

	closeIt = "You can close this page. The agent uses it from its next call on."
)

type codeWords struct{ Intro, Label, Button string }

func theCodeWords() codeWords {
	return codeWords{
		Intro:  "The terminal that gave you this link shows a code of eight letters. It proves that you are the one who asked.",
		Label:  "Code",
		Button: "Go on",
	}
}

type askWords struct{ Does, None, Note, Cancel string }

func theAskWords(title string) askWords {
	return askWords{
		Does:   "What it will be able to do",
		None:   title + " decides what it can do; its page says so.",
		Note:   "Approve only if you want that yourself. " + title + " asks you next, and there you choose the account. You can take it back at any time, there or here.",
		Cancel: "Cancel",
	}
}

func askTitle(service string) string { return "Connect " + service + "?" }

func askIntro(agent, service, user string) string {
	if user != "" {
		return fmt.Sprintf("The agent %s asks to use %s in your name. It works by itself, without you at the keyboard.", agent, service)
	}
	return fmt.Sprintf("The agent %s asks to use %s. It works by itself, without anybody at the keyboard.", agent, service)
}

func approveButton(service string) string { return "Go on to " + service }

func leaveTitle(service string) string  { return "On to " + service }
func leaveWords(service string) string  { return "Your browser goes on to " + service + " by itself." }
func leaveButton(service string) string { return "Go on to " + service }

type doneWords struct{ Can, Cannot, CannotNote string }

func theDoneWords() doneWords {
	return doneWords{
		Can:        "What it can do now",
		Cannot:     "Asked for and not granted",
		CannotNote: "Calls that need one of these will say so.",
	}
}

func doneTitle(service string) string { return service + " is connected" }

func doneNote(agent, service string) string {
	return fmt.Sprintf("The agent %s can use %s from now on.", agent, service)
}

func otherAccount(before string) string {
	return "Until now the connected account was: " + before + "."
}

func endsAt(service string, end time.Time) string {
	return fmt.Sprintf("%s gave nothing to renew it with: it ends at %s, and then has to be connected again.", service, when(end))
}

func failedTitle(service string) string { return service + " is not connected" }

func providerAwayWhat(service string) string {
	return service + " cannot be reached to ask for your consent. Nothing was done."
}

func mixedUpReason(service string) string {
	return "The answer did not come from " + service + ", which was asked."
}

func noCodeReason(service string) string { return service + " sent you back without an answer." }

func deniedReason(service string) string { return "You said no at " + service + "." }

func scopeReason(service string) string {
	return service + " does not let this app ask for these permissions: add them to the app there, or take them out of the credential's scope in the config."
}

func appReason(service string) string {
	return service + " does not accept the app: see its id, and the address to come back to, there and in the config."
}

func busyReason(service string) string { return service + " cannot answer just now." }

func oddReason(service, code string) string {
	if code == "" {
		return service + " refused."
	}
	return fmt.Sprintf("%s refused (%s).", service, code)
}

func providerSays(service, text string) string {
	return fmt.Sprintf(" %s says: “%s”", service, text)
}

func moreWere(n int) string { return fmt.Sprintf(" (%d more were not recorded one by one)", n) }
