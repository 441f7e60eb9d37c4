package people

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"toolvault/vault/store"
)

// signInView is what signin.html shows.
type signInView struct {
	Words         signInWords
	Action, Token string
	Return, Name  string
	Fault, Note   string

	Company, CompanyButton string       // where the company's provider is; "" without one
	Local                  bool         // somebody may sign in here
	Passkey                *passkeyView // nil where there are none
}

// signedInView is what signedin.html shows.
type signedInView struct {
	Words                     signedInWords
	Name, Note                string
	Continue, SignOut, Return string
	Token                     string
	Passkeys                  *passkeyView
}

// passkeyView is what the pages show of passkeys.
type passkeyView struct {
	Words       passkeyWords
	Begin, End  string // where the script asks for a challenge, and sends the answer
	Remove      string
	Rows        []passkeyRow
	Recent      bool // they may be changed
	Again, Full string
}

type passkeyRow struct{ ID, Label, Added, Used string }

func (p *People) showSignIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back := localOnly(q.Get("return"))
	rec, s, ok := p.visitor(r.Context(), p.sessionKey(r))
	note := ""
	switch q.Get("passkey") {
	case "added":
		note = passkeyAddedNote
	case "removed":
		note = passkeyRemovedNote
	}
	if !ok || q.Get("again") != "" {
		v := signInView{Return: back, Name: rec.Name, Note: note}
		if q.Get("signed") == "out" {
			v.Note = signedOutNote
		}
		p.writeSignIn(w, r, http.StatusOK, p.pages.Token(w, r), v)
		return
	}
	v := signedInView{Words: theSignedInWords(), Name: rec.Name, Note: note, SignOut: p.pages.Path(SignOutPath), Return: back, Token: p.pages.Token(w, r)}
	if to := backTo(back); to != SignInPath {
		v.Continue = p.pages.Path(to)
	}
	if p.passkeys == nil || rec.Origin == FromCompany {
		p.shown(p.pages.Write(w, r, http.StatusOK, "signedin.html", signedInTitle, v))
		return
	}
	v.Passkeys = &passkeyView{
		Words: thePasskeyWords(), Recent: p.Now().Sub(s.Began) < recent,
		Begin: p.pages.Path(passkeyAdd), End: p.pages.Path(passkeyAdded), Remove: p.pages.Path(passkeyRemove),
		Again: p.pages.Path(SignInPath) + "?again=1" + andReturn(back),
	}
	for _, k := range rec.Keys.Passkeys {
		v.Passkeys.Rows = append(v.Passkeys.Rows, passkeyRow{k.ID, k.Label, addedNote(k.Added), usedNote(k.Used)})
	}
	if len(v.Passkeys.Rows) >= maxPasskeys {
		v.Passkeys.Full = tooManyFault()
	}
	p.shown(p.pages.WriteScripted(w, r, http.StatusOK, "signedin.html", signedInTitle, v, PasskeyScriptPath))
}

func (p *People) writeSignIn(w http.ResponseWriter, r *http.Request, status int, token string, v signInView) {
	v.Words, v.Action, v.Token, v.Local = theSignInWords(), p.pages.Path(SignInPath), token, true
	if p.Company != nil {
		v.Company, v.CompanyButton = p.pages.Path(p.Company.Path), companyButton(p.Company.Label)
		if v.Return != "" {
			v.Company += "?return=" + url.QueryEscape(v.Return)
		}
		v.Local = p.anybodyLocal(r.Context())
	}
	if p.passkeys == nil || !v.Local {
		p.shown(p.pages.Write(w, r, status, "signin.html", signInTitle, v))
		return
	}
	v.Passkey = &passkeyView{Words: thePasskeyWords(), Begin: p.pages.Path(passkeyBegin), End: p.pages.Path(passkeyFinish)}
	p.shown(p.pages.WriteScripted(w, r, status, "signin.html", signInTitle, v, PasskeyScriptPath))
}

// locals remembers for a moment whether somebody may sign in here at all.
type locals struct {
	asked time.Time
	any   bool
}

const localsAsked = 10 * time.Second // how long an answer holds

var errEnough = errors.New("enough")

// anybodyLocal reports whether there is anybody but people of the company's
// provider. While the store cannot be asked, there may be.
func (p *People) anybodyLocal(ctx context.Context) bool {
	if len(p.declared.Load().people) > 0 {
		return true
	}
	if l := p.locals.Load(); l != nil {
		if since := p.Now().Sub(l.asked); since >= 0 && since < localsAsked {
			return l.any
		}
	}
	found := false
	err := store.Each(ctx, p.Store, personPrefix, func(item store.Item) error {
		if r, err := p.openPerson(item); err != nil || r.Origin == "" {
			found = true
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return true
	}
	p.locals.Store(&locals{p.Now(), found})
	return found
}
