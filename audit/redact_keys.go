package audit

// sensitiveKey reports whether a value under this name is a secret: names are
// compared in lower case without - _ and spaces, by their end, so that
// "X-Api-Key", "apiKey" and "slack_api_key" are one.
func sensitiveKey(name string) bool {
	if len(name) < 3 || len(name) > 128 {
		return false
	}
	var buf [128]byte
	n := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '-' || c == '_' || c == ' ' || c == '.':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		buf[n] = c
		n++
	}
	k := buf[:n]
	var ends []string
	switch {
	case n < 3:
		return false
	case k[n-1] == 'n':
		if hasEnd(k, "token") {
			return !hasEnd(k, "pagetoken") && !hasEnd(k, "nexttoken") && !hasEnd(k, "continuationtoken") &&
				!hasEnd(k, "synctoken") && !hasEnd(k, "paginationtoken") && !hasEnd(k, "cursortoken")
		}
		ends = []string{"authorization", "metabasesession"}
	case k[n-1] == 'd':
		ends = []string{"password", "passwd", "pwd"}
	case k[n-1] == 't':
		ends = []string{"secret", "jwt"}
	case k[n-1] == 'y':
		ends = []string{"apikey", "privatekey", "accesskey", "secretkey", "signingkey", "masterkey", "encryptionkey"}
	case k[n-1] == 'e':
		ends = []string{"cookie", "passphrase", "clientsecretvalue"}
	case k[n-1] == 'l':
		ends = []string{"credential"}
	case k[n-1] == 's':
		ends = []string{"credentials", "passwords", "secrets", "cookies", "apikeys", "accesstokens", "refreshtokens"}
	case k[n-1] == 'r':
		ends = []string{"bearer"}
	case k[n-1] == 'g':
		ends = []string{"connectionstring"}
	}
	for _, end := range ends {
		if hasEnd(k, end) {
			return true
		}
	}
	return false
}

func hasEnd(k []byte, end string) bool {
	return len(k) >= len(end) && string(k[len(k)-len(end):]) == end
}

// headerName reports whether a name before a colon in plain text is that of a
// header or setting whose value is a secret. Only these: prose has colons, too.
func headerName(name string) bool {
	var room [64]byte
	k := room[:0]
	for i := range len(name) {
		switch c := name[i]; {
		case c == '-' || c == '_':
		case len(k) == len("proxyauthorization"): // the longest
			return false
		case 'A' <= c && c <= 'Z':
			k = append(k, c+'a'-'A')
		default:
			k = append(k, c)
		}
	}
	switch string(k) {
	case "authorization", "proxyauthorization", "cookie", "setcookie", "apikey", "xapikey", "xmetabasesession", "password", "passwd", "clientsecret":
		return true
	}
	return false
}
