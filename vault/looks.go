package vault

// longEnough is from how many characters on a secret can be told of by a part of
// it, or by 32 bits of its hash, without helping anybody to guess it.
const longEnough = 20

// looks is what may be shown of a secret, so that a person can tell which one it
// is: its last four characters, and the first 8 hexadecimal digits of its SHA-256
// (printf %s "$SECRET" | sha256sum). Nothing of a short one, nor of a type whose
// secret a person may have chosen, or that is a document rather than one word: of
// these both would help whoever tries a list of passwords.
func (s Stored) looks() (hint, print string) {
	text := []rune(s.Secret.Reveal())
	switch s.Type {
	case TypeAPIKey, TypeServiceToken, TypeOAuthToken, TypeSignedRequest:
	default:
		return "", ""
	}
	if len(text) < longEnough || kinds[s.Type].check != nil {
		return "", ""
	}
	return "************" + string(text[len(text)-4:]), fingerprint(s.Secret.Reveal())[:8]
}
