package audit

import (
	"encoding/base64"
	"strings"
)

// shape is a token that is known by how it begins.
type shape struct {
	prefix string
	least  int // characters after the prefix
	more   string
}

// The vendors' documented prefixes. More characters than letters and digits that
// a token may have stand in more.
var shapeList = [256][]shape{
	'x': {{"xoxb-", 8, "-"}, {"xoxp-", 8, "-"}, {"xoxa-", 8, "-"}, {"xoxr-", 8, "-"}, {"xoxs-", 8, "-"}, {"xoxo-", 8, "-"},
		{"xoxc-", 8, "-"}, {"xoxd-", 8, "-%_+/="}, {"xoxe.xox", 8, "-."}, {"xoxe-", 8, "-"}, {"xapp-", 8, "-"}, {"xwfp-", 8, "-"}}, // api.slack.com/concepts/token-types
	'p': {{"pat-na", 8, "-"}, {"pat-eu", 8, "-"}, {"pat-ap", 8, "-"}, {"pat-ca", 8, "-"}, {"pcsk_", 8, "_"}}, // HubSpot, Pinecone
	'm': {{"mb_", 20, "+/=_-"}},                                                                              // Metabase
	's': {{"sk_live_", 8, "_"}, {"sk_test_", 8, "_"}, {"sk-", 20, "-_"}, {"secret_", 32, ""}, {"shpat_", 16, ""}},
	'r': {{"rk_live_", 8, "_"}, {"rk_test_", 8, "_"}},
	'w': {{"whsec_", 16, "+/="}},
	'g': {{"ghp_", 16, ""}, {"gho_", 16, ""}, {"ghu_", 16, ""}, {"ghs_", 16, "_"}, {"ghr_", 16, ""}, {"github_pat_", 16, "_"},
		{"glpat-", 16, "-_."}, {"glsa_", 16, "_"}, {"glc_", 16, "+/="}},
	'A': {{"AKIA", 16, ""}, {"ASIA", 16, ""}, {"AIza", 30, "-_"}},
	'n': {{"ntn_", 16, ""}, {"npm_", 20, ""}},
	'e': {{"eyJ", 20, "-_.="}},
	'y': {{"ya29.", 16, "-_."}},
}

// starts tells in one look whether a byte can begin something.
var starts = func() (t [256]bool) {
	for c := range shapeList {
		t[c] = len(shapeList[c]) > 0
	}
	for _, c := range "BbAa-:=" {
		t[c] = true
	}
	return t
}()

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// shapes masks what looks like a token, whoever's it is, and, if it goes by name,
// the values of sensitive names that stand in the text as name=value,
// "name":"value" or as a header.
func shapes(s string, by reach) string {
	if len(s) < shortestSecret {
		return s
	}
	var b []byte
	at := 0
	for i := 0; i < len(s); {
		if c := s[i]; !starts[c] || i > 0 && isAlnum(s[i-1]) && isAlnum(c) {
			i++
			continue
		}
		from, to := shapeAt(s, i, at, by)
		if to <= from || strings.TrimSuffix(s[from:to], "]") == "[redacted" {
			i++
			continue
		}
		b = append(b, s[at:from]...)
		b = append(b, mask(s[from:to])...)
		at, i = to, to
	}
	if at == 0 {
		return s
	}
	return string(append(b, s[at:]...))
}

// shapeAt returns what to mask where s[i] can begin something; nothing before
// least, which has been masked, is looked at.
func shapeAt(s string, i, least int, by reach) (from, to int) {
	switch s[i] {
	case ':':
		if strings.HasPrefix(s[i:], "://") {
			return userinfo(s, i+3)
		}
		if by == byShape {
			return 0, 0
		}
		return colonValue(s, i, least)
	case '=':
		if by == byShape {
			return 0, 0
		}
		return queryValue(s, i, least)
	case '-':
		return privateKey(s, i)
	}
	if c := s[i] | 0x20; c == 'b' {
		return scheme(s, i)
	}
	for _, sh := range shapeList[s[i]] {
		if !strings.HasPrefix(s[i:], sh.prefix) {
			continue
		}
		end := i + len(sh.prefix)
		for end < len(s) && (isAlnum(s[end]) || strings.IndexByte(sh.more, s[end]) >= 0) {
			end++
		}
		if end-i-len(sh.prefix) < sh.least || s[i] == 'e' && strings.Count(s[i:end], ".") < 2 {
			continue
		}
		for end > i && (s[end-1] == '.' || s[end-1] == '-') { // the end of a sentence
			end--
		}
		return i, end
	}
	return 0, 0
}

// scheme masks what follows "Basic " and "Bearer ", if it can be a credential
// and is not a word of prose.
func scheme(s string, i int) (from, to int) {
	basic := len(s) > i+6 && strings.EqualFold(s[i:i+6], "Basic ")
	bearer := len(s) > i+7 && strings.EqualFold(s[i:i+7], "Bearer ")
	if !basic && !bearer {
		return 0, 0
	}
	from = i + 6
	if bearer {
		from++
	}
	for from < len(s) && s[from] == ' ' {
		from++
	}
	to = from
	digit := false
	for to < len(s) && (isBase64(s[to]) || s[to] == '=' || s[to] == '.' || s[to] == '~') {
		digit = digit || '0' <= s[to] && s[to] <= '9'
		to++
	}
	if basic {
		text := strings.TrimRight(s[from:to], "=.")
		plain, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			plain, err = base64.RawURLEncoding.DecodeString(text)
		}
		if err != nil || !strings.Contains(string(plain), ":") {
			return 0, 0
		}
		return from, to
	}
	if n := to - from; n < 8 || !digit && n < shortestShown {
		return 0, 0
	}
	return from, to
}

// userinfo masks the password of a URL, or the user where there is none; and the
// path of a Slack webhook, which is all that is needed to post.
func userinfo(s string, i int) (from, to int) {
	end, at := i, -1
	for end < len(s) && strings.IndexByte("/?# \t\r\n\"'<>\\", s[end]) < 0 {
		if s[end] == '@' {
			at = end
		}
		end++
	}
	if at < 0 {
		const hook = "hooks.slack.com/services/"
		if !strings.HasPrefix(s[i:], hook) {
			return 0, 0
		}
		from = i + len(hook)
		for to = from; to < len(s) && (isAlnum(s[to]) || s[to] == '/'); to++ {
		}
		return from, to
	}
	from = i
	if colon := strings.IndexByte(s[i:at], ':'); colon >= 0 && i+colon+1 < at {
		from = i + colon + 1
	}
	return from, at
}

// privateKey masks a PEM block of a private key, also one that is cut off.
func privateKey(s string, i int) (from, to int) {
	const begin = "-----BEGIN "
	if !strings.HasPrefix(s[i:], begin) {
		return 0, 0
	}
	label, _, ok := strings.Cut(s[i+len(begin):min(len(s), i+len(begin)+64)], "-----")
	if !ok || !strings.HasSuffix(label, "PRIVATE KEY") && !strings.HasSuffix(label, "PRIVATE KEY BLOCK") {
		return 0, 0
	}
	from = i + len(begin) + len(label) + 5
	if n := strings.Index(s[from:], "-----END "); n >= 0 {
		return from, from + n
	}
	return from, len(s)
}

// nameBefore is the word that ends at i.
func nameBefore(s string, i, least int) string {
	from := i
	for from > least && i-from < 64 && (isAlnum(s[from-1]) || s[from-1] == '_' || s[from-1] == '-') {
		from--
	}
	return s[from:i]
}

// queryValue masks the value in name=value.
func queryValue(s string, i, least int) (from, to int) {
	if !sensitiveKey(nameBefore(s, i, least)) {
		return 0, 0
	}
	from = i + 1
	quote := byte(0)
	if from < len(s) && (s[from] == '"' || s[from] == '\'') {
		quote = s[from]
		from++
	}
	for to = from; to < len(s); to++ {
		if quote != 0 && s[to] == quote || quote == 0 && strings.IndexByte("&;, \t\r\n\"'<>\\)}]", s[to]) >= 0 {
			break
		}
	}
	return from, to
}

// colonValue masks the value in "name":"value" and in a header.
func colonValue(s string, i, least int) (from, to int) {
	end := i
	for end > least && (s[end-1] == ' ') {
		end--
	}
	quoted := end > least && s[end-1] == '"'
	if quoted {
		end--
		if end > least && s[end-1] == '\\' {
			end--
		}
	}
	name := nameBefore(s, end, least)
	if len(name) < 3 || quoted && !sensitiveKey(name) || !quoted && !headerName(name) {
		return 0, 0
	}
	from = i + 1
	for from < len(s) && s[from] == ' ' {
		from++
	}
	if !quoted {
		for to = from; to < len(s) && s[to] != '\r' && s[to] != '\n' && s[to] != '"'; to++ {
		}
		return from, to
	}
	if from < len(s) && s[from] == '\\' {
		from++
	}
	if from >= len(s) || s[from] != '"' {
		return 0, 0
	}
	from++
	for to = from; to < len(s) && s[to] != '"' && s[to] != '\n'; to++ {
		if s[to] == '\\' && to+1 < len(s) {
			if s[to+1] == '"' && s[i-1] == '"' && end >= 1 && s[end] == '\\' {
				break // both quotes are escaped: JSON within a JSON string
			}
			to++
		}
	}
	return from, min(to, len(s))
}
