package people_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is a device with passkeys, and the browser that speaks to it: what
// the real ones do (WebAuthn, level 3), and what a dishonest one could.
type authenticator struct {
	t      testing.TB
	origin string // what the browser says where it is
	rp     string // the host to which the key belongs
	flags  byte   // UP, UV; AT is added
	count  uint32
	static bool // the counter stays at 0, as for passkeys that are synced

	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
}

const passkeyPublic = "http://localhost:8765"

func newAuthenticator(t testing.TB) *authenticator {
	return &authenticator{t: t, origin: passkeyPublic, rp: "localhost", flags: 0x05}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) clientData(kind, challenge string) []byte {
	raw, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

func (a *authenticator) data(flags byte) []byte {
	hash := sha256.Sum256([]byte(a.rp))
	if !a.static {
		a.count++
	}
	return binary.BigEndian.AppendUint32(append(hash[:], flags), a.count)
}

type options struct {
	PublicKey struct {
		Challenge              string
		RpID                   string
		UserVerification       string
		Attestation            string
		RP                     struct{ ID string }
		User                   struct{ ID, Name string }
		AuthenticatorSelection struct {
			ResidentKey, UserVerification string
		}
		ExcludeCredentials []struct{ ID string }
		AllowCredentials   []struct{ ID string }
	}
}

// create makes a key, and the answer that says so.
func (a *authenticator) create(o options) string {
	a.t.Helper()
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		a.t.Fatal(err)
	}
	a.id = make([]byte, 16)
	_, _ = rand.Read(a.id)
	a.handle, _ = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID)
	point, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		a.t.Fatal(err)
	}
	public, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		a.t.Fatal(err)
	}
	data := a.data(a.flags | 0x40)
	data = append(data, make([]byte, 16)...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), public...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": b64(a.clientData("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(object),
	})
}

// get signs a challenge.
func (a *authenticator) get(o options) string {
	a.t.Helper()
	client, data := a.clientData("webauthn.get", o.PublicKey.Challenge), a.data(a.flags)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte(nil), data...), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answer(map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": b64(a.handle),
	})
}

func (a *authenticator) answer(response map[string]any) string {
	raw, err := json.Marshal(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{}, "response": response})
	if err != nil {
		a.t.Fatal(err)
	}
	return string(raw)
}

// said is what the script is told.
type said struct {
	status            int
	Options           options
	Name, Next, Fault string
}

// script sends a form as the script does.
func (b *browser) script(on int, path string, form url.Values) (s said) {
	b.t.Helper()
	form.Set("csrf", b.token(on))
	a := b.do(on, "POST", path, form)
	if err := json.Unmarshal([]byte(a.text), &s); err != nil {
		b.t.Fatalf("%s: %d %s", path, a.StatusCode, a.text)
	}
	s.status = a.StatusCode
	return s
}

// addPasskey adds one of a in the session of this browser, or by an invitation.
func (b *browser) addPasskey(on int, a *authenticator, invite string) said {
	b.t.Helper()
	begun := b.script(on, "/signin/passkey/add/begin", url.Values{"invite": {invite}})
	if begun.Fault != "" {
		return begun
	}
	return b.script(on, "/signin/passkey/add/finish", url.Values{"invite": {invite}, "response": {a.create(begun.Options)}, "label": {" my\tkey "}})
}

// usePasskey signs in with a.
func (b *browser) usePasskey(on int, a *authenticator) said {
	b.t.Helper()
	begun := b.script(on, "/signin/passkey/begin", url.Values{})
	if begun.Fault != "" {
		return begun
	}
	return b.script(on, "/signin/passkey/finish", url.Values{"response": {a.get(begun.Options)}, "return": {"/consent?x=1"}})
}

// withPasskey is a world in which alice has a password and a passkey.
func withPasskey(t testing.TB, replicas int) (*world, *authenticator) {
	t.Helper()
	w := newWorld(t, replicas, passkeyPublic)
	w.add("alice")
	b, a := w.browser(), newAuthenticator(t)
	b.must(0, "alice")
	if s := b.addPasskey(0, a, ""); s.Fault != "" || s.Next != "/signin?passkey=added" {
		t.Fatalf("%+v", s)
	}
	w.told()
	return w, a
}
