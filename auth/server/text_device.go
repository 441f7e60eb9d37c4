package server

// What a person reads on the pages where a device is let in, beside what those of
// consent say (text.go).

const (
	deviceTitle    = "Let a device in"
	deviceAskTitle = "Is this your device?"

	deviceWrongFault = "No device waits under that code. It has eight letters, stands on the device, and is good for ten minutes. Check it, or begin again on the device."

	deviceOftenTitle = "Too many codes"
	deviceOftenWhat  = "Many codes were tried from here in a short time, so no more are looked at just now."
	deviceOftenTodo  = "Wait a few minutes, then type the code that your own device shows."

	deviceSignInTitle = "You are signed out"
	deviceSignInWhat  = "Your session has ended, so the answer was not taken."
	deviceSignInTodo  = "Go back, load the page again, and sign in."

	deviceMethodTitle = "That is not how this page works"
	deviceMethodWhat  = "What was sent is neither a visit to this page nor its form."
	deviceMethodTodo  = "Open the page in a browser."

	deviceOddTitle = "That is no answer"
	deviceOddWhat  = "The form that was sent is not the one of this page."
	deviceOddTodo  = "Go back, load the page again, and send its form."

	deviceGoneTitle = "This was answered already"
	deviceGoneWhat  = "The device has its answer, or its ten minutes are over. Nothing was done now."
	deviceGoneTodo  = "If the device still waits, begin again there."

	deviceClientWhat = "The app on the device is not registered at this server any more, or has changed since the device asked."
	deviceClientTodo = "Begin again on the device. If that does not help, ask the administrator of this server to add the app."

	deviceAwayWhat = "The server could not read or write what it needs. It is not your fault, and the device was not let in."
	deviceAwayTodo = "Try again in a minute. If that does not help, tell the administrator."

	deviceInTitle = "The device is let in"
	deviceInNote  = "You said yes. The device goes on by itself in a few seconds."
	deviceOutNote = "You said no. The device gets nothing."
	deviceCloseIt = "You can close this page."

	deviceWarning = "The device may be somebody else’s. If you did not begin this yourself, or the code came to you in a message or a call, don’t allow it: whoever has the device gets what stands below, in your name."

	deviceFactID   = "The app’s id"
	deviceFactFrom = "The device asked from"
	deviceFactAt   = "It asked at"
	deviceFactCode = "The code on the device"
)

type deviceCodeWords struct{ Intro, Label, Button string }

func theDeviceCodeWords() deviceCodeWords {
	return deviceCodeWords{
		Intro:  "Your device shows a code of eight letters. Type it only if you began this on that device yourself: nobody who sends you a code, whoever they say they are, needs you to type it here.",
		Label:  "Code",
		Button: "Go on",
	}
}

func deviceIntro(client string, admin bool) string {
	if admin {
		return "“" + client + "” on a device wants to administer this server in your name."
	}
	return "“" + client + "” on a device wants to use this server in your name."
}
