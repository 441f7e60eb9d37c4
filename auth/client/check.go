package client

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// check refuses a client that could do harm by its form.
func check(c Client) error {
	most := maxID
	if c.Origin == OriginMetadata {
		most = maxDocumentURL
	}
	plain := strings.ContainsFunc(c.ID, func(ch rune) bool { return ch <= ' ' || ch >= 0x7f })
	switch {
	case c.ID == "" || len(c.ID) > most || plain:
		return invalid("a client's id has 1 to 256 printable characters, without spaces")
	case isURL(c.ID) != (c.Origin == OriginMetadata):
		return invalid("a client whose id is a URL describes itself there, and is not added")
	case len(c.Name) > maxName || clean(c.Name) != c.Name:
		return invalid("a client's name has at most 100 bytes of plain text")
	case c.Auth != AuthNone && c.Auth != AuthBasic && c.Auth != AuthPost && c.Auth != AuthKey:
		return invalid("a client proves itself by nothing, a secret or a key")
	case c.Auth == AuthKey && (len(c.Keys.Keys) > 0) == (c.KeysURL != ""):
		return invalid("a client that proves itself by a key has keys, or a URL where they are: one of both")
	case c.Auth != AuthKey && (len(c.Keys.Keys) > 0 || c.KeysURL != ""):
		return invalid("a client that does not prove itself by a key has none")
	case c.Public() && len(c.Secrets) > 0:
		return invalid("a client that has a secret proves itself by it")
	case c.Agent != "" && len(c.Admin) > 0:
		return invalid("a client is an agent, or may administer, never both")
	case c.Agent != "" && (c.Public() || len(c.Redirects) > 0):
		return invalid("a program that is an agent proves who it is, and nobody is sent back to it")
	case c.May(GrantCode) && len(c.Redirects) == 0:
		return invalid("a client that people let act needs a redirect URI")
	case len(c.Redirects) > 20:
		return invalid("a client has at most 20 redirect URIs")
	}
	for _, uri := range c.Redirects {
		if err := CheckRedirect(uri); err != nil {
			return err
		}
	}
	return nil
}

// clean is a name as people may see it: one line, without what hides or turns text,
// and bounded.
func clean(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case !unicode.IsPrint(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	for len(name) > maxName {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimSpace(name)
}
