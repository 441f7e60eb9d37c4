package people

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Passkeys are discoverable credentials of WebAuthn (W3C, level 3) that verify their
// user: they say who somebody is without a name typed, and cannot be phished, since
// the browser binds them to our host. No attestation is asked for: whoever may add
// one may choose the device.
const (
	maxPasskeys    = 10 // of one person
	maxLabel       = 60 // characters of what a person calls one
	handleSize     = 32
	ceremonyLength = 5 * time.Minute
)

// keyring is the passkeys of a person.
type keyring struct {
	// Handle is what authenticators know the person by: random, so that it tells
	// nothing, and the same for all of theirs.
	Handle   []byte    `json:"handle,omitempty"`
	Passkeys []passkey `json:"passkeys,omitempty"`
}

type passkey struct {
	ID         string              `json:"id"` // ours, short: a hash of the credential's
	Label      string              `json:"label"`
	Added      time.Time           `json:"added"`
	Used       time.Time           `json:"used,omitzero"`
	Credential webauthn.Credential `json:"credential"`
}

// find is where the passkey with an id of ours is, or -1.
func (k keyring) find(id string) int {
	return slices.IndexFunc(k.Passkeys, func(p passkey) bool { return p.ID == id })
}

func passkeyID(credential []byte) string {
	sum := sha256.Sum256(credential)
	return hex.EncodeToString(sum[:16])
}

// ring is the keyring of whoever has the record's name now.
func (p *People) ring(r *record) *keyring {
	if p.declares(r.Name) {
		return &r.DeclaredKeys
	}
	return &r.Keys
}

// newPasskeys is nil where browsers have no passkeys for the public URL: they ask
// for https and a name, not an address; http will do on localhost.
func newPasskeys(publicURL string) (*webauthn.WebAuthn, error) {
	u, err := url.Parse(strings.ToLower(publicURL))
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	if net.ParseIP(host) != nil || protocol.ValidateRPID(host) != nil {
		return nil, nil
	}
	if u.Scheme != "https" && host != "localhost" && !strings.HasSuffix(host, ".localhost") {
		return nil, nil
	}
	origin := u.Scheme + "://" + host
	if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		origin += ":" + port
	}
	required := true
	limit := webauthn.TimeoutConfig{Timeout: ceremonyLength, TimeoutUVD: ceremonyLength} // held in takeCeremony, by our clock
	made, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: relyingParty, RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required,
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
		// Some password managers send outputs that nobody asked for. We read none.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return made, nil
}

// owner is a person as the library wants one.
type owner struct {
	name   string
	handle []byte
	keys   keyring
}

func (o owner) WebAuthnID() []byte          { return o.handle }
func (o owner) WebAuthnName() string        { return o.name }
func (o owner) WebAuthnDisplayName() string { return o.name }

func (o owner) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(o.keys.Passkeys))
	for i, k := range o.keys.Passkeys {
		all[i] = k.Credential
	}
	return all
}

func ownerOf(r record) owner {
	o := owner{name: r.Name, handle: r.Keys.Handle, keys: r.Keys}
	if len(o.handle) == 0 {
		o.handle = make([]byte, handleSize)
		_, _ = rand.Read(o.handle) // never fails: crypto/rand ends the program first
	}
	return o
}
