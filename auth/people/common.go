package people

import "strings"

// isCommon reports whether a password in lower case is one that guessing begins
// with: one of a list, also with digits or signs behind it ("password2026!"), or
// one character again and again.
func isCommon(password string) bool {
	if strings.Trim(password, password[:1]) == "" {
		return true
	}
	base := strings.TrimRight(password, "0123456789!?.*#$@_-")
	for _, common := range strings.Fields(commonPasswords) {
		if password == common || len(base) >= 6 && base == common {
			return true
		}
	}
	return false
}

// commonPasswords are heads of the published lists of leaked passwords, and of
// this product.
const commonPasswords = `
12345678 123456789 1234567890 12345678910 0123456789 87654321 987654321 9876543210 123123123 12341234 11223344
1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 q1w2e3r4 q1w2e3r4t5 qazwsxedc zaq12wsx qwer1234 qwerty12 asdf1234 asdfasdf
qwerty qwertyui qwertyuiop asdfghjk asdfghjkl zxcvbnm zxcvbnmasd qwertz qwertzui qwertzuiop azerty azertyui azertyuiop
password passwort passw0rd p@ssword p@ssw0rd pa55word pa$$word motdepasse contrasena wachtwoord password1234
letmein letmeinnow welcome welcome1 willkommen iloveyou iloveyou1 trustno1 whatever whatever1 changeme changeit
abc12345 abcd1234 abcdefgh abcdefg1 abc123abc a1b2c3d4 aa123456 test1234 testtest testtest1 guest1234
sunshine princess football baseball basketball superman batman starwars pokemon michael jennifer jordan
dragon monkey master shadow secret computer internet samsung corvette mercedes liverpool chelsea bailey
administrator adminadmin admin123 admin1234 administrator1 rootroot toor1234 letmein1 topsecret default
toolvault supportbot
`
