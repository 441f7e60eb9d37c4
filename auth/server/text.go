package server

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"toolvault/auth/scope"
)

// All that people read here.

const (
	titleRequest  = "This request cannot be answered"
	titleClient   = "This app is not known here"
	titleRedirect = "This app asks for its answer at a wrong address"
	titleExpired  = "This page has expired"
	titleNothing  = "There is nothing that you can allow"
	titleBusy     = "That did not work just now"
	titleAllowed  = "Allowed"
	titleDenied   = "Not allowed"

	whatUnreadable    = "The app that sent you here made a mistake in its request. It is not your fault."
	whatNoForm        = "The app that sent you here made a request that cannot be read. It is not your fault."
	whatRepeated      = "The app that sent you here sent one parameter more than once. It is not your fault."
	whatTooLong       = "The app that sent you here made a request that is too long. It is not your fault."
	whatMethod        = "This address takes GET and POST. The program that asked made a mistake; it is not your fault."
	whatRequestObject = "The app that sent you here uses a request object (request or request_uri), which this server does not take. It is not your fault."
	whatUnknownClient = "The app that sent you here is not registered at this server, or was removed."
	whatRedirect      = "The redirect URI in the request is none of those that the app has registered. The answer is sent nowhere, so that nobody else gets it."
	whatClientChanged = "The app has changed its name or its addresses since you were sent here."
	whatExpired       = "It was open for more than ten minutes, or the address is not complete."
	whatBusy          = "The server could not read or write what it needs. It is not your fault, and nothing was allowed."

	todoApp      = "Go back to the app and try again. If that does not help, tell the maker of the app what this page says."
	todoClient   = "Remove the connection in the app and add it again. If that does not help, ask the administrator of this server to add the app."
	todoRedirect = "Tell the maker of the app, or the administrator of this server: the app has to be registered with the address that it uses."
	todoAgain    = "Go back to the app and connect once more."
	todoBusy     = "Wait a few seconds, go back to the app and try again. If that does not help, tell the administrator."
	todoNothing  = "The administrator of this server can change that. Tell them what this page says."

	faultDecide  = "Choose Allow or Don’t allow."
	faultAgent   = "Choose one of the agents. The one that was chosen cannot be used any more."
	faultChanged = "What can be allowed has changed in the meantime. Nothing was allowed yet: look at it again."
	faultNothing = "Nothing is left to allow. Tick at least one permission, or choose Don’t allow."

	factPerson = "You are"
	factID     = "The app’s address"
	factWhere  = "The answer goes to"
	factTask   = "For the task"

	warnLocal = "The answer goes to a program on your own device. Any program there could pretend to be this app."

	noteAllowed = "You are being sent back to the app. You can then close this window."
	noteDenied  = "The app was told that you do not allow it. You can close this window."
	buttonBack  = "Back to the app"
	closeIt     = "If nothing happens, use the button."
)

func whatInvalidClient(why string) string {
	return "The app’s description of itself cannot be taken: " + why
}

func whatNothing(person string, admin bool, why string) string {
	if admin {
		return fmt.Sprintf("The app wants to administer this server for you, %s, and you have none of the rights that it asks for.", person)
	}
	if why != "" {
		return fmt.Sprintf("You are %s. None of the agents that you may use has what the app asks for. %s", person, why)
	}
	return fmt.Sprintf("You are %s. There is no agent that you may let this app use.", person)
}

func titleConsent(client string) string { return "Allow “" + client + "” to act for you?" }
func titleConsentAdmin(client string) string {
	return "Allow “" + client + "” to administer for you?"
}

func warnUnchecked(client string) string {
	return "Nobody at this server has checked this app: “" + client + "” is what it calls itself. Allow it only if you have just started this yourself."
}

func placeApp(scheme string) string { return "an app on this device (" + plainText(scheme, 60) + ":)" }
func placeLocal(host string) string { return "a program on this device (" + host + ")" }

func howLong(refresh bool, ttl, refreshTTL time.Duration) string {
	if !refresh {
		return "This is for " + span(ttl) + ". After that the app has to ask again."
	}
	return "This stays until you or an administrator ends it, or the app has not used it for " + span(refreshTTL) + "."
}

func span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / unit.of); n > 1 {
			return fmt.Sprintf("%d %ss", n, unit.name)
		} else if n == 1 {
			return "one " + unit.name
		}
	}
	return "a moment"
}

// canWords says what the scopes of one service allow.
func canWords(scopes string) string {
	var names []string
	first := ""
	for _, word := range strings.Fields(scopes) {
		switch word {
		case scope.ReadWrite:
			first = "read and change everything"
		case scope.ReadOnly:
			first = "read everything"
		default:
			names = append(names, word)
		}
	}
	switch {
	case first == "":
		return "only " + strings.Join(names, ", ")
	case len(names) == 0:
		return first
	}
	return first + ", and " + strings.Join(names, ", ")
}

// adminWords says what a scope of administrators allows.
func adminWords(name string) string {
	subject, what, _ := strings.Cut(name, ":")
	switch {
	case subject == "admin" && what != "":
		return "See and change " + strings.ReplaceAll(what, "_", " ") + " (" + name + ")"
	case what == "read":
		return "Read the " + subject + " log (" + name + ")"
	}
	return name
}

type consentWords struct {
	Wants, As, Agent, May, ReadOnly, ReadOnlyHint, Allow, Deny string
}

func theConsentWords() consentWords {
	return consentWords{
		Wants: "An app wants to use this server in your name.", As: "It acts as", Agent: "Which agent may it act as?", May: "It may use",
		ReadOnly: "Only reading", ReadOnlyHint: "The app can then change nothing.", Allow: "Allow", Deny: "Don’t allow",
	}
}

// visible drops what cannot be seen: control and format characters, among them those
// that turn the direction of writing.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r), unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}
