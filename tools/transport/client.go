package transport

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"toolvault/tools"
)

// client is what the client says it is. Nobody has checked it.
type client tools.ClientInfo

// readClient reads an MCP Implementation object; what is no such thing is empty.
func readClient(value []byte) client {
	var info struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	if json.Unmarshal(value, &info) != nil {
		return client{}
	}
	return client{Name: label(info.Name), Version: label(info.Version)}
}

// agentClient reads a User-Agent (RFC 9110 section 10.1.5): its first product.
func agentClient(userAgent string) client {
	product, _, _ := strings.Cut(strings.TrimSpace(userAgent), " ")
	name, version, _ := strings.Cut(product, "/")
	return client{Name: label(name), Version: label(version)}
}

// label makes a text from outside fit to be recorded: bounded, and without
// anything that does not show.
func label(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// The session id that a client before 2026-07-28 gets holds what it said about
// itself when it initialized: its name and version, so that its later calls can be
// recorded under that name by any replica, with no state here, and whether it can
// be asked to have a page opened. It proves nothing and opens nothing.
const (
	sessionPrefix = "c1."
	sessionURLs   = "elicitation.url"
)

// sessionID makes one: visible ASCII, and like no other (2025-11-25,
// "Transports", section "Session Management").
func sessionID(c client, elicits bool) string {
	said := []string{c.Name, c.Version}
	if elicits {
		said = append(said, sessionURLs)
	}
	text, err := json.Marshal(said)
	if err != nil {
		return ""
	}
	return sessionPrefix + base64.RawURLEncoding.EncodeToString(text) + "." + randomHex(8)
}

// sessionSaid reads what sessionID has put in; nil if it is not ours.
func sessionSaid(id string) []string {
	if len(id) > 4*maxLabel {
		return nil
	}
	rest, ok := strings.CutPrefix(id, sessionPrefix)
	encoded, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	var said []string
	if !ok || err != nil || json.Unmarshal(text, &said) != nil || len(said) < 2 {
		return nil
	}
	return said
}

// sessionClient is what the client called itself when it initialized.
func sessionClient(id string) client {
	said := sessionSaid(id)
	if said == nil {
		return client{}
	}
	return client{Name: label(said[0]), Version: label(said[1])}
}

// sessionElicits reports whether it said that it can be asked to have a page
// opened.
func sessionElicits(id string) bool {
	said := sessionSaid(id)
	return said != nil && slices.Contains(said[2:], sessionURLs)
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
