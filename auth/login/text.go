package login

// The words of the pages.
const (
	refusedTitle = "You are not signed in"
	refusedWhat  = "Your company's sign-in did not let you through, or you stopped there."
	refusedTodo  = "Go back and try again. If it happens each time, ask whoever runs your company's sign-in."

	failedTitle = "The sign-in failed"
	failedWhat  = "What your company's sign-in sent could not be used. The fault is not yours."
	failedTodo  = "Try again in a minute. If it happens each time, tell whoever runs toolvault: the reason is in its log."

	oddTitle = "This sign-in has ended"
	oddWhat  = "The answer does not belong to a sign-in that this browser has open here: it is old, was used already, cookies are switched off, or another website sent it."
	oddTodo  = "Nothing was done. Go back to where you came from and sign in again."

	takenTitle = "This name belongs to somebody else"
	takenWhat  = "Your company's sign-in gave a name that another person here has already."
	takenTodo  = "Nothing was done. Ask whoever runs toolvault to look at it."

	disabledTitle = "You may not sign in here"
	disabledWhat  = "An admin of toolvault has disabled you."
	disabledTodo  = "Ask whoever runs toolvault to let you in again."

	endedTitle = "You were signed out a moment ago"
	endedWhat  = "Your company's sign-in has just ended your session."
	endedTodo  = "Wait a few seconds and sign in again."

	manyTitle = "Too many sign-ins"
	manyWhat  = "More sign-ins have begun from your network than it can need."
	manyTodo  = "Wait a minute and try again. If it happens each time, tell whoever runs toolvault."

	awayTitle = "Nobody can sign in just now"
	awayWhat  = "Your company's sign-in cannot be reached, or toolvault cannot store anything. The fault is not yours."
	awayTodo  = "Try again in a minute. If it lasts, tell whoever runs toolvault."
)
