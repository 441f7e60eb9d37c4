package page

// The words of the layout and of the error page.
const (
	product    = "toolvault"
	whatNext   = "What to do"
	brokenPage = "This page could not be shown. The fault is toolvault's; whoever runs it can find the cause in its log.\n"
)

// What Form says of a form that it does not take.
const (
	tooLargeTitle = "That was too much"
	tooLargeWhat  = "The form that your browser sent is larger than this page takes."
	tooLargeTodo  = "Go back, shorten what you entered, and send it again."

	unreadableTitle = "That could not be read"
	unreadableWhat  = "What your browser sent is not a form of this page."
	unreadableTodo  = "Go back, load the page again, and send its form."

	forgedTitle = "This form has ended"
	forgedWhat  = "The form does not belong to a page that this browser has open here: it is old, cookies are switched off, or another website sent it."
	forgedTodo  = "Nothing was done. Go back, load the page again, and send its form."
)
