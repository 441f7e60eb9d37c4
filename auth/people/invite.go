package people

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"toolvault/vault/store"
)

const (
	invitePrefix = "passkey-invite/"
	inviteSize   = 32 // bytes of randomness
	inviteLength = 30 * time.Minute
)

// invitation is what lies sealed under passkey-invite/<hash of the secret>.
type invitation struct {
	Person     string    `json:"person"`
	Generation string    `json:"generation"` // of the person: a new password or a removal ends it
	Expires    time.Time `json:"expires"`
}

// ErrNoPasskeys is returned where the public URL does not allow passkeys.
var ErrNoPasskeys = errors.New("passkeys need a public URL with https and a host name, or http://localhost: set server.public_url")

// Invite makes a link with which one browser can, once and until it expires (30
// minutes), add a passkey for a person and sign in with it: for somebody who has no
// password, or has lost what they had. Whoever has the link is taken for that
// person; its secret is behind the '#', so that no server logs it. The person has to
// exist and to sign in here (see AddWithoutPassword).
func (p *People) Invite(ctx context.Context, name string) (link string, expires time.Time, err error) {
	if p.passkeys == nil {
		return "", time.Time{}, ErrNoPasskeys
	}
	rec, _, err := p.load(ctx, name)
	switch {
	case err != nil:
		return "", time.Time{}, err
	case rec.Origin == FromCompany:
		return "", time.Time{}, fmt.Errorf("%s signs in at the company's provider: there is nothing to add here", rec.Name)
	case rec.Disabled:
		return "", time.Time{}, fmt.Errorf("%s is disabled: 'toolvault person enable %[1]s' first", rec.Name)
	case len(rec.Keys.Passkeys) >= maxPasskeys:
		return "", time.Time{}, fmt.Errorf("%s has %d passkeys, which is as many as a person may have: one has to be removed first", rec.Name, maxPasskeys)
	}
	secret := make([]byte, inviteSize)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the program first
	expires = p.Now().UTC().Add(inviteLength)
	key := hashedKey(invitePrefix, secret)
	if err := p.put(ctx, key, 1, invitation{Person: fold(rec.Name), Generation: rec.Generation, Expires: expires}); err != nil {
		return "", time.Time{}, fmt.Errorf("the invitation could not be stored: %w", err)
	}
	if err := p.Observe(ctx, Event{Kind: Invited, Person: rec.Name}); err != nil {
		_ = p.Store.Forget(context.WithoutCancel(ctx), key, 1) // else it ends by itself; nobody has it
		return "", time.Time{}, fmt.Errorf("the invitation could not be recorded: %w", err)
	}
	return strings.TrimRight(p.PublicURL, "/") + passkeyInvite + "#" + base64.RawURLEncoding.EncodeToString(secret), expires, nil
}

// invited is whom an invitation is for.
func (p *People) invited(ctx context.Context, text string) (keeper, error) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != inviteSize {
		return keeper{}, &faultError{inviteFault}
	}
	key := hashedKey(invitePrefix, secret)
	var i invitation
	version, err := p.get(ctx, key, &i)
	if errors.Is(err, store.ErrNotFound) {
		return keeper{}, &faultError{inviteFault}
	}
	if err != nil {
		return keeper{}, fmt.Errorf("the invitation could not be read: %w", err)
	}
	rec, _, err := p.load(ctx, i.Person)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return keeper{}, err
	}
	if err != nil || rec.Disabled || rec.Origin == FromCompany || rec.Generation != i.Generation || !p.Now().Before(i.Expires) {
		return keeper{}, &faultError{inviteFault}
	}
	return keeper{record: rec, how: ByInvite, invite: key, version: version}, nil
}

// inviteView is what invite.html shows.
type inviteView struct {
	Words                   inviteWords
	Look, Begin, End, Token string
}

// showInvite is the page of an invitation. Which one, only its script knows.
func (p *People) showInvite(w http.ResponseWriter, r *http.Request) {
	v := inviteView{
		Words: theInviteWords(), Token: p.pages.Token(w, r),
		Look: p.pages.Path(passkeyInvitees), Begin: p.pages.Path(passkeyAdd), End: p.pages.Path(passkeyAdded),
	}
	p.shown(p.pages.WriteScripted(w, r, http.StatusOK, "invite.html", inviteTitle, v, PasskeyScriptPath))
}

// lookAtInvite tells whom an invitation is for.
func (p *People) lookAtInvite(w http.ResponseWriter, r *http.Request) {
	invite, _, ok := p.passkeyForm(w, r, "invite")
	if !ok {
		return
	}
	err := p.mayBegin(r)
	var who keeper
	if err == nil {
		who, err = p.keeper(r, invite)
	}
	if err == nil && who.invite == "" {
		err = &faultError{inviteFault}
	}
	if err != nil {
		p.passkeyFault(w, r, err)
		return
	}
	p.pages.JSON(w, http.StatusOK, reply{Name: who.Name})
}
