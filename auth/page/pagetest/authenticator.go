package pagetest

// Authenticator is a virtual device with passkeys, built into the browser's machine,
// whose user always consents (WebAuthn, level 3, section 11).
type Authenticator struct {
	b  *Browser
	id string
}

// Passkey is a credential of an Authenticator. Binary values are base64url.
type Passkey struct {
	CredentialID string `json:"credentialId"`
	Resident     bool   `json:"isResidentCredential"`
	RPID         string `json:"rpId"`
	PrivateKey   string `json:"privateKey"`
	UserHandle   string `json:"userHandle"`
	SignCount    int    `json:"signCount"`
}

// Authenticator plugs a virtual device in. verified is whether its user passes its
// check of them.
func (b *Browser) Authenticator(verified bool) *Authenticator {
	b.t.Helper()
	a := &Authenticator{b: b}
	b.call("POST", "/webauthn/authenticator", map[string]any{
		"protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
		"hasUserVerification": true, "isUserVerified": verified, "isUserConsenting": true,
	}, &a.id)
	return a
}

// Verify sets whether its user passes its check of them.
func (a *Authenticator) Verify(verified bool) {
	a.b.t.Helper()
	a.b.call("POST", "/webauthn/authenticator/"+a.id+"/uv", map[string]bool{"isUserVerified": verified}, nil)
}

// Passkeys are those on the device.
func (a *Authenticator) Passkeys() (all []Passkey) {
	a.b.t.Helper()
	a.b.call("GET", "/webauthn/authenticator/"+a.id+"/credentials", nil, &all)
	return all
}

// Put puts one on the device, such as a copy of one that was there.
func (a *Authenticator) Put(p Passkey) {
	a.b.t.Helper()
	a.b.call("POST", "/webauthn/authenticator/"+a.id+"/credential", p, nil)
}

// Clear takes all off the device.
func (a *Authenticator) Clear() {
	a.b.t.Helper()
	a.b.call("DELETE", "/webauthn/authenticator/"+a.id+"/credentials", nil, nil)
}
