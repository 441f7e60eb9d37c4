package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"toolvault/vault/store"
)

// recent is how long after a sign-in a person may change their passkeys: whoever
// finds a browser open, or has stolen its session, shall not make themselves at home.
const recent = 10 * time.Minute

// keeper is who may change passkeys in a request: by an invitation, or in a session
// that began lately.
type keeper struct {
	record
	how     string
	session string
	invite  string
	version int64 // of the invitation
}

// keeper finds out who it is; a *faultError tells why nobody.
func (p *People) keeper(r *http.Request, invite string) (keeper, error) {
	if invite != "" {
		return p.invited(r.Context(), invite)
	}
	key := p.sessionKey(r)
	rec, s, ok := p.visitor(r.Context(), key)
	switch {
	case !ok:
		return keeper{}, &faultError{signedOutFault}
	case rec.Origin == FromCompany:
		return keeper{}, &faultError{companyFault}
	case p.Now().Sub(s.Began) >= recent:
		return keeper{}, &faultError{notRecentFault}
	}
	how := s.How
	if how == "" {
		how = ByPassword
	}
	return keeper{record: rec, how: how, session: key}, nil
}

func (p *People) beginAdd(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := p.passkeyForm(w, r, ""); !ok {
		return
	}
	options, err := p.offerPasskey(w, r)
	if err != nil {
		p.passkeyFault(w, r, err)
		return
	}
	p.pages.JSON(w, http.StatusOK, reply{Options: options})
}

func (p *People) offerPasskey(w http.ResponseWriter, r *http.Request) (*protocol.CredentialCreation, error) {
	if err := p.mayBegin(r); err != nil {
		return nil, err
	}
	who, err := p.keeper(r, r.PostForm.Get("invite"))
	if err != nil {
		return nil, err
	}
	if len(who.Keys.Passkeys) >= maxPasskeys {
		return nil, &faultError{tooManyFault()}
	}
	var have []protocol.CredentialDescriptor
	for _, k := range who.Keys.Passkeys {
		have = append(have, k.Credential.Descriptor())
	}
	options, data, err := p.passkeys.BeginRegistration(ownerOf(who.record), webauthn.WithExclusions(have))
	if err != nil {
		return nil, err
	}
	return options, p.beginCeremony(w, r, ceremony{Person: fold(who.Name), Session: who.session, Invite: who.invite, Data: *data})
}

func (p *People) finishAdd(w http.ResponseWriter, r *http.Request) {
	response, back, ok := p.passkeyForm(w, r, "response")
	if !ok {
		return
	}
	next, err := p.takePasskey(w, r, []byte(response), back)
	if err != nil {
		p.passkeyFault(w, r, err)
		return
	}
	p.pages.JSON(w, http.StatusOK, reply{Next: next})
}

// takePasskey adds the passkey that answers the challenge of this browser, and says
// where to go. Whoever came by an invitation is signed in.
func (p *People) takePasskey(w http.ResponseWriter, r *http.Request, response []byte, back string) (next string, err error) {
	ctx := r.Context()
	challenge, err := p.takeCeremony(w, r)
	if err != nil {
		return "", err
	}
	who, err := p.keeper(r, r.PostForm.Get("invite"))
	if err != nil {
		return "", err
	}
	if challenge.Person != fold(who.Name) || challenge.Session != who.session || challenge.Invite != who.invite {
		return "", errStale
	}
	answer, err := protocol.ParseCredentialCreationResponseBytes(response)
	var credential *webauthn.Credential
	if err == nil {
		credential, err = p.passkeys.CreateCredential(owner{name: who.Name, handle: challenge.Data.UserID}, challenge.Data, answer)
	}
	if err != nil {
		p.Logger.Info("a passkey was not taken", "person", who.Name, "error", clip(err.Error(), 200))
		return "", &faultError{notAddedFault}
	}
	credential.Attestation = webauthn.CredentialAttestation{} // it attests nothing that we asked for
	if who.invite != "" {
		// Of many who use a link at the same time, one gets past here.
		switch err := p.Store.Forget(ctx, who.invite, who.version); {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
			return "", &faultError{inviteFault}
		case err != nil:
			return "", fmt.Errorf("the invitation could not be taken: %w", err)
		}
	}
	id, err := p.keepPasskey(ctx, who, challenge.Data.UserID, *credential, label(r.PostForm.Get("label"), p.Now()))
	if err != nil {
		return "", err
	}
	if err := p.Observe(ctx, Event{Kind: PasskeyAdded, Person: who.Name, Address: client(r), How: who.how}); err != nil {
		return "", fmt.Errorf("that %s has another passkey could not be recorded: %w", who.Name, err)
	}
	if who.invite == "" {
		return p.pages.Path(SignInPath) + "?passkey=added" + andReturn(back), nil
	}
	// As it was when the link was made: who was disabled meanwhile is not let in.
	return p.pages.Path(SignInPath) + "?passkey=added", p.enter(w, r, who.record, origin{How: ByInvite, Passkey: id})
}

func andReturn(back string) string {
	if back == "" {
		return ""
	}
	return "&return=" + url.QueryEscape(back)
}

// keepPasskey writes a passkey to its owner's record.
func (p *People) keepPasskey(ctx context.Context, who keeper, handleID []byte, credential webauthn.Credential, label string) (id string, err error) {
	key := hashedKey(handlePrefix, handleID)
	err = p.put(ctx, key, 1, handle{Person: fold(who.Name)})
	if err != nil && !errors.Is(err, store.ErrConflict) { // it stands since the first passkey
		return "", fmt.Errorf("the passkey's owner could not be stored: %w", err)
	}
	id = passkeyID(credential.ID)
	_, err = p.edit(ctx, who.Name, false, func(r *record) error {
		ring := p.ring(r)
		switch {
		case len(ring.Handle) > 0 && string(ring.Handle) != string(handleID):
			return errStale // a first one was added at the same time
		case len(ring.Passkeys) >= maxPasskeys:
			return &faultError{tooManyFault()}
		case ring.find(id) >= 0:
			return &faultError{notAddedFault}
		}
		ring.Handle = handleID
		ring.Passkeys = append(slices.Clone(ring.Passkeys), passkey{ID: id, Label: label, Added: p.Now().UTC().Truncate(time.Millisecond), Credential: credential})
		return nil
	})
	return id, err
}

// label is what a person calls a passkey, or the day.
func label(text string, now time.Time) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))), " ")
	if runes := []rune(text); len(runes) > maxLabel {
		text = string(runes[:maxLabel])
	}
	if text == "" {
		return plainLabel(now)
	}
	return text
}

// takeRemoval removes a passkey. The sessions that began with it end.
func (p *People) takeRemoval(w http.ResponseWriter, r *http.Request) {
	form, ok := p.pages.Form(w, r)
	if !ok {
		return
	}
	if len(form["passkey"]) != 1 || len(form["return"]) > 1 {
		p.pages.Error(w, r, http.StatusBadRequest, incompleteTitle, incompleteWhat, incompleteTodo)
		return
	}
	who, err := p.keeper(r, "")
	if err == nil {
		err = p.dropPasskey(r.Context(), who, form.Get("passkey"))
	}
	if err == nil {
		err = p.Observe(r.Context(), Event{Kind: PasskeyRemoved, Person: who.Name, Address: client(r), How: who.how})
	}
	var shown *faultError
	switch {
	case errors.As(err, &shown):
		p.pages.Error(w, r, http.StatusForbidden, notRemovedTitle, shown.text, notRemovedTodo)
	case err != nil:
		p.Logger.Error("a passkey could not be removed", "error", err)
		p.pages.Error(w, r, http.StatusServiceUnavailable, notRemovedTitle, unavailableFault, "")
	default:
		p.pages.Redirect(w, r, p.pages.Path(SignInPath)+"?passkey=removed"+andReturn(localOnly(form.Get("return"))))
	}
}

func (p *People) dropPasskey(ctx context.Context, who keeper, id string) error {
	_, err := p.edit(ctx, who.Name, false, func(r *record) error {
		ring := p.ring(r)
		at := ring.find(id)
		switch {
		case at < 0:
			return &faultError{noPasskeyFault}
		case len(ring.Passkeys) == 1 && who.Password == "":
			return &faultError{lastPasskeyFault}
		}
		ring.Passkeys = slices.Delete(slices.Clone(ring.Passkeys), at, at+1)
		return nil
	})
	return err
}
