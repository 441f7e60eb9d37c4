package connect

import (
	"net/http"
	"strings"
	"time"
	"unicode"

	"toolvault/vault"
)

type doneView struct {
	Words   doneWords
	Note    string
	Facts   []fact
	Warn    []string
	Can     []string
	Cannot  []string
	CloseIt string
}

// showResult is the page of a ticket that has ended.
func (c *Connector) showResult(w http.ResponseWriter, r *http.Request, t *ticket) {
	title := c.Title(t.Service)
	res := t.Result
	if res.Outcome != OutcomeGiven {
		status, head := http.StatusOK, refusedTitle
		if res.Outcome == OutcomeFailed {
			status, head = http.StatusBadGateway, failedTitle(title)
		}
		c.pages.Error(w, r, status, head, res.Reason, res.Todo)
		return
	}
	v := doneView{Words: theDoneWords(), Note: doneNote(t.Agent, title), CloseIt: closeIt}
	v.Facts = append(v.Facts, fact{factAgent, t.Agent})
	if t.User != "" {
		v.Facts = append(v.Facts, fact{factFor, t.User})
	}
	var can []string
	for _, g := range res.Connected {
		if g.Account != "" {
			v.Facts = append(v.Facts, fact{factConnected, g.Account})
		}
		if g.Before != "" {
			v.Warn = append(v.Warn, otherAccount(g.Before))
		}
		if !g.Renewable && !g.Expires.IsZero() {
			v.Warn = append(v.Warn, endsAt(title, g.Expires))
		}
		can = append(can, g.Scopes...)
	}
	v.Can, v.Cannot = inWords(can), inWords(res.Missing)
	c.shown(c.pages.Write(w, r, http.StatusOK, "done.html", doneTitle(title), v))
}

// refusal is what a provider's error means, what to do, and whether it is the
// person's own no (RFC 6749 section 4.1.2.1).
func refusal(title, code, description string) (reason, todo string, no bool) {
	said := ""
	if d := vault.OneLine(description, 200); d != "" {
		said = providerSays(title, d)
	}
	switch code {
	case "access_denied", "user_cancelled", "consent_required":
		return deniedReason(title), deniedTodo, true
	case "invalid_scope":
		return scopeReason(title) + said, adminTodo, false
	case "unauthorized_client", "invalid_client", "invalid_request", "unsupported_response_type", "redirect_uri_mismatch", "bad_redirect_uri", "invalid_client_id":
		return appReason(title) + said, adminTodo, false
	case "temporarily_unavailable", "server_error":
		return busyReason(title) + said, againTodo, false
	}
	return oddReason(title, vault.OneLine(code, 64)) + said, againTodo, false
}

// oneSentence is an error for a person: it begins with a capital.
func oneSentence(err error) string {
	text := vault.OneLine(err.Error(), 400)
	if text == "" {
		return ""
	}
	if r := rune(text[0]); r >= 'a' && r <= 'z' {
		text = string(unicode.ToUpper(r)) + text[1:]
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
