package find

import (
	"net/netip"
	"strings"
)

// A shape is what a word of a request looks like, where that says more than its
// letters: lexicon.txt says what each means.
const (
	shapeChannel   = "<channel>"    // #support
	shapeHandle    = "<handle>"     // @ana
	shapeEmail     = "<email>"      // ana@example.com
	shapePermalink = "<permalink>"  // a link to a message
	shapeLink      = "<link>"       // any other link
	shapeHost      = "<host>"       // example.com
	shapeIP        = "<ip>"         // 203.0.113.7
	shapeFile      = "<file>"       // report.pdf
	shapeEmoji     = "<emoji>"      // :tada:
	shapeID        = "<id>"         // faq-17
	shapeStamp     = "<timestamp>"  // 1700000000.123456
	shapeTime      = "<time>"       // 17:00, 9am
	shapeMany      = "<many>"       // 60 contacts, twelve companies
	shapeAnyOf     = "<any of>"     // which channels, any alerts
	shapeMeasured  = "<measured>"   // above 10k, under 500
	shapeNumbered  = "<numbered>"   // ticket 4711
	shapeUserID    = "<user id>"    // usr_2041
	shapePersonID  = "<person id>"  // U02ABC345
	shapeChannelID = "<channel id>" // C02ABC345
	shapeAsked     = "<asked>"      // there is a channel or a handle in a question
	shapeTold      = "<told>"       // or in another request
	shapeSQL       = "<sql>"        // SELECT … FROM
	shapeSOQL      = "<soql>"       // the same, and SOQL is named
)

// shapeOf tells the shape of a word between spaces, in lower case; "" is none.
func shapeOf(w string) string {
	w = strings.Trim(w, `"“”«»()[]{}<>,;!?`)
	if !isEmoji(w) {
		w = strings.TrimRight(w, ".:'’")
	}
	switch {
	case len(w) < 3:
		return ""
	case isTime(w):
		return shapeTime
	case w[0] == '#' && isLetter(w[1]):
		return shapeChannel
	case w[0] == '@' && isLetter(w[1]):
		return shapeHandle
	case strings.HasPrefix(w, "https://"), strings.HasPrefix(w, "http://"):
		if strings.Contains(w, "/archives/") {
			return shapePermalink
		}
		return shapeLink
	}
	if local, host, ok := strings.Cut(w, "@"); ok {
		if dot := strings.LastIndexByte(host, '.'); local != "" && dot > 0 && dot < len(host)-1 {
			return shapeEmail
		}
		return ""
	}
	if address, err := netip.ParseAddr(w); err == nil && address.Zone() == "" {
		return shapeIP
	}
	if i := strings.LastIndexByte(w, '.'); i > 0 {
		switch w[i+1:] {
		case "pdf", "txt", "csv", "log", "md", "json", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "png", "jpg", "jpeg", "gif", "zip", "yaml", "yml", "html", "xml":
			return shapeFile
		}
		if isHost(w, i) {
			return shapeHost
		}
		if i == 10 && len(w) == 17 && isNumber(w[:i]) && isNumber(w[i+1:]) {
			return shapeStamp
		}
	}
	switch {
	case isID(w):
		if strings.HasPrefix(w, "usr") || strings.HasPrefix(w, "user") {
			return shapeUserID
		}
		return shapeID
	case isSlackID(w, "uw"):
		return shapePersonID
	case isSlackID(w, "cgd"):
		return shapeChannelID
	case isEmoji(w):
		return shapeEmoji
	}
	return ""
}

// isHost reports whether a word with its last dot at i looks like a host's name.
func isHost(w string, i int) bool {
	for j := i + 1; j < len(w); j++ {
		if !isLetter(w[j]) {
			return false
		}
	}
	return i >= 3 && len(w)-i > 2 && !strings.ContainsAny(w, "/:*()")
}

// isID reports whether a word is a name and a number, as ids often are: faq-17.
func isID(w string) bool {
	i := strings.LastIndexAny(w, "-_#")
	return i > 0 && isNumber(w[i+1:]) && isLetter(w[0]) && isLetter(w[i-1])
}

// isSlackID reports whether a word looks like an id of Slack: one of the letters,
// and at least eight letters and digits of both kinds.
func isSlackID(w, first string) bool {
	if len(w) < 9 || len(w) > 15 || !strings.Contains(first, w[:1]) || !strings.ContainsAny(w, "0123456789") {
		return false
	}
	for i := range len(w) {
		if c := w[i]; c < '0' || c > '9' && c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// isTime reports whether a word is a time of day: 17:00, 9am, 9:30pm.
func isTime(w string) bool {
	half := strings.HasSuffix(w, "am") || strings.HasSuffix(w, "pm")
	if half {
		w = w[:len(w)-2]
	}
	hour, minute, colon := strings.Cut(w, ":")
	return isNumber(hour) && len(hour) <= 2 && (colon && isNumber(minute) && len(minute) == 2 || half && !colon)
}

// isEmoji reports whether a word is written as :tada:, as in Slack.
func isEmoji(w string) bool {
	return len(w) > 3 && w[0] == ':' && w[len(w)-1] == ':' && isLetter(w[1]) && !strings.ContainsAny(w[1:len(w)-1], ":/")
}

// isSQL reports whether a request has a statement in it: "select" and later "from",
// or the like. "Select a channel from the list" is told apart by what a statement
// has beside these words: an operator, a call, a list of columns, or capitals.
func isSQL(request string) bool {
	lower := strings.ToLower(request)
	i := strings.Index(lower, "select ")
	if i < 0 {
		return false
	}
	j := strings.Index(lower[i:], " from ")
	if j < 0 {
		return false
	}
	return strings.HasPrefix(request[i:], "SELECT ") || strings.ContainsAny(lower[i:i+j], "*(,") || strings.Contains(lower[i+j:], " where ")
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80 }

func isNumber(w string) bool {
	for i := range len(w) {
		if w[i] < '0' || w[i] > '9' {
			return false
		}
	}
	return w != ""
}

// shapeOfTwo tells the shape of a word with the one before it, and that before it.
func shapeOfTwo(earlier, before, word string) string {
	switch {
	case isMany(before, word) && !measures(earlier):
		return shapeMany
	case isMeasured(before, word):
		return shapeMeasured
	case isAnyOf(before, word):
		return shapeAnyOf
	case isNumber(word) && len(before) > 3 && isLetter(before[0]):
		return shapeNumbered
	}
	return ""
}

// isMany reports whether a number and the word behind it are several things: "60
// contacts", "twelve companies", and not "question 42".
func isMany(number, thing string) bool {
	switch number {
	case "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "fifty", "hundred", "several", "many", "multiple":
	default:
		if !isNumber(number) || number == "1" {
			return false
		}
	}
	return len(thing) > 3 && thing[len(thing)-1] == 's'
}

// measures reports whether a word makes of a number behind it a measure: "more than
// 500 employees", "the last 20 messages".
func measures(w string) bool {
	switch w {
	case "than", "over", "above", "below", "under", "least", "most", "last", "first", "top", "in", "within", "next", "past":
		return true
	}
	return false
}

// isMeasured reports whether two words say how much something has at least or at
// most: "above 10k", "under 500".
func isMeasured(bound, amount string) bool {
	switch bound {
	case "above", "below", "over", "under", "exceeding":
		return isNumber(amount[:1])
	}
	return false
}

// isAnyOf reports whether two words ask which things there are: "which channels",
// "what indexes", "any alerts".
func isAnyOf(ask, thing string) bool {
	switch ask {
	case "which", "what", "any", "all", "our", "my":
		return len(thing) > 4 && thing[len(thing)-1] == 's' && singular(thing) != thing
	}
	return false
}
