package people

import (
	_ "embed" // the script
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"toolvault/auth/page"
)

// The paths of passkeys.
const (
	PasskeyScriptPath = "/signin/passkey.js"
	PasskeyPath       = "/signin/passkey/" // and what is below it

	passkeyBegin    = PasskeyPath + "begin"
	passkeyFinish   = PasskeyPath + "finish"
	passkeyAdd      = PasskeyPath + "add/begin"
	passkeyAdded    = PasskeyPath + "add/finish"
	passkeyRemove   = PasskeyPath + "remove"
	passkeyInvite   = PasskeyPath + "invite"
	passkeyInvitees = PasskeyPath + "invite/look"
)

//go:embed passkey.js
var passkeyScript []byte

// reply is what the script is told.
type reply struct {
	Options any    `json:"options,omitempty"` // for the browser's own dialogue
	Name    string `json:"name,omitempty"`    // whom an invitation is for
	Next    string `json:"next,omitempty"`    // where to go
	Fault   string `json:"fault,omitempty"`   // what to show
}

// passkeyForm is one field of a form of the script, and where to go after it.
func (p *People) passkeyForm(w http.ResponseWriter, r *http.Request, field string) (value, back string, ok bool) {
	form, ok := p.pages.Form(w, r)
	if !ok {
		return "", "", false
	}
	if field != "" && len(form[field]) != 1 || len(form["return"]) > 1 {
		p.pages.JSON(w, http.StatusBadRequest, reply{Fault: incompleteWhat})
		return "", "", false
	}
	if back = form.Get("return"); !page.Local(back) {
		back = ""
	}
	return form.Get(field), back, true
}

// passkeyFault tells the script what went wrong.
func (p *People) passkeyFault(w http.ResponseWriter, r *http.Request, err error) {
	var late *tooSoonError
	var shown *faultError
	switch {
	case errors.As(err, &shown):
		p.pages.JSON(w, http.StatusForbidden, reply{Fault: shown.text})
	case errors.Is(err, errStale):
		p.pages.JSON(w, http.StatusForbidden, reply{Fault: staleFault})
	case errors.As(err, &late):
		seconds := int((late.wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		p.pages.JSON(w, http.StatusTooManyRequests, reply{Fault: tooSoonFault(seconds)})
	default:
		if r.Context().Err() == nil {
			p.Logger.Error("a passkey could not be used, through no fault of the visitor's", "error", err)
		}
		w.Header().Set("Retry-After", "5")
		p.pages.JSON(w, http.StatusServiceUnavailable, reply{Fault: unavailableFault})
	}
}

// faultError is a fault that is shown as it is.
type faultError struct{ text string }

func (e *faultError) Error() string { return e.text }

func (p *People) beginPasskey(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := p.passkeyForm(w, r, ""); !ok {
		return
	}
	err := p.mayBegin(r)
	var options *protocol.CredentialAssertion
	var c ceremony
	if err == nil {
		var data *webauthn.SessionData
		if options, data, err = p.passkeys.BeginDiscoverableLogin(); err == nil {
			c.Data = *data
			err = p.beginCeremony(w, r, c)
		}
	}
	if err != nil {
		p.passkeyFault(w, r, err)
		return
	}
	p.pages.JSON(w, http.StatusOK, reply{Options: options})
}

func (p *People) finishPasskey(w http.ResponseWriter, r *http.Request) {
	response, back, ok := p.passkeyForm(w, r, "response")
	if !ok {
		return
	}
	rec, id, err := p.provePasskey(w, r, []byte(response))
	if err == nil {
		err = p.enter(w, r, rec, origin{How: ByPasskey, Passkey: id})
	}
	if err != nil {
		p.passkeyFault(w, r, err)
		return
	}
	p.pages.JSON(w, http.StatusOK, reply{Next: p.pages.Path(backTo(back))})
}

// provePasskey returns the record of the person whose passkey has answered the
// challenge of this browser, and which passkey.
func (p *People) provePasskey(w http.ResponseWriter, r *http.Request, response []byte) (record, string, error) {
	ctx := r.Context()
	event := Event{Kind: SignInFailed, Address: client(r), How: ByPasskey}
	var rec record
	answer, reason := protocol.ParseCredentialRequestResponseBytes(response)
	if reason == nil {
		var err error
		if rec, err = p.byHandle(ctx, answer.Response.UserHandle); err != nil {
			return record{}, "", err
		}
		event.Person = rec.Name
	}

	// As with passwords; but nobody can fail for another by name, since the answer is
	// signed.
	counted := byAddress(event.Address)
	if id, ok := p.device(r, rec); ok {
		counted = byDevice(id)
	}
	wait, err := p.throttle.take(ctx, counted)
	if err != nil {
		return record{}, "", err
	}
	if wait > 0 {
		p.tellDelay(ctx, event, counted, wait)
		return record{}, "", &tooSoonError{wait}
	}
	challenge, err := p.takeCeremony(w, r)
	if err != nil && !errors.Is(err, errStale) {
		return record{}, "", err
	}
	stale := err
	var credential *webauthn.Credential
	if reason == nil {
		reason = stale
	}
	if reason == nil {
		_, credential, reason = p.passkeys.ValidatePasskeyLogin(func(_, _ []byte) (webauthn.User, error) {
			if !rec.exists() {
				return nil, errors.New("nobody has it")
			}
			return ownerOf(rec), nil
		}, challenge.Data, answer)
	}
	if reason == nil && rec.Disabled {
		reason = errors.New("disabled")
	}
	if reason == nil {
		if err := p.used(r, rec.Name, credential); err != nil && !errors.Is(err, errCopied) {
			return record{}, "", err
		} else if err != nil {
			reason = err
		}
	}
	if reason != nil {
		event.Reason = clip(reason.Error(), 200)
		if err := p.Observe(ctx, event); err != nil {
			return record{}, "", fmt.Errorf("a failed sign-in could not be recorded: %w", err)
		}
		if stale != nil {
			return record{}, "", stale
		}
		return record{}, "", &faultError{passkeyWrong}
	}
	if counted.kind == "address" {
		p.throttle.giveBack(ctx, counted)
	} else {
		p.throttle.clear(ctx, counted)
	}
	return rec, passkeyID(credential.ID), nil
}

// errCopied refuses a passkey whose counter has not grown (WebAuthn, level 3,
// section 6.1.1): there may be two of it. The one that is ahead goes on working.
var errCopied = errors.New("the passkey's counter did not grow: it may have been copied")

// used writes that a passkey was used, and how far its counter is.
func (p *People) used(r *http.Request, name string, credential *webauthn.Credential) error {
	_, err := p.edit(r.Context(), name, false, func(r *record) error {
		ring := p.ring(r)
		at := ring.find(passkeyID(credential.ID))
		if at < 0 {
			return &faultError{passkeyWrong} // removed at this moment
		}
		ring.Passkeys = slices.Clone(ring.Passkeys)
		k := &ring.Passkeys[at]
		// Here, not where the answer was checked: another may have been let in since. A
		// count that the library warns of it has left as it was.
		now, before := credential.Authenticator.SignCount, k.Credential.Authenticator.SignCount
		if now <= before && (now != 0 || before != 0) {
			return errCopied
		}
		k.Credential.Authenticator.SignCount, k.Credential.Flags = now, credential.Flags
		k.Used = p.Now().UTC()
		return nil
	})
	return err
}
