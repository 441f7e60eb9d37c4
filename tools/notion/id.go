package notion

import (
	"net/url"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
)

var (
	plainID  = pattern.New(`^[0-9a-fA-F]{32}$`)
	dashedID = pattern.New(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	sluggish = pattern.New(`(?:^|-)([0-9a-fA-F]{32})$`) // "Export-runbook-3a91…": the end of an address

	// climbing are texts that would leave the place in a path where an id stands.
	climbing = pattern.New(`(?i)(^|[/\\])\.\.?([/\\]|$)|%2e|%2f|%5c`)
)

// parseID is the id that a text is, dashed and in lower case, however it was pasted:
// the id, with dashes or without, the end of an address, or the whole address. ok is
// false where it is none, such as a title. A text that is made to climb out of a path,
// or an address elsewhere, is an invalid_arguments.
func parseID(what, text string) (id string, ok bool, err error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", false, fault.Wrong("Which %s? Give its id, its address in Notion or its title.", what)
	case climbing.MatchString(text) && !strings.Contains(text, "://"), strings.ContainsAny(text, "\x00\r\n"):
		return "", false, fault.Wrong("That is no %s. Give its id, its address in Notion or its title.", what)
	}
	if i := strings.Index(text, "://"); i > 0 && i < 8 {
		id, ok = fromAddress(text)
		if !ok {
			return "", false, fault.Wrong("That is not the address of a %s in Notion. Copy it with \"Copy link\", or give the id or the title.", what)
		}
		return id, true, nil
	}
	id, ok = bareID(text)
	return id, ok, nil
}

func bareID(text string) (string, bool) {
	switch {
	case plainID.MatchString(text):
		return dashed(text), true
	case dashedID.MatchString(text):
		return strings.ToLower(text), true
	}
	if m := sluggish.FindStringSubmatch(text); m != nil && !strings.ContainsAny(text, " /\\?#") {
		return dashed(m[1]), true
	}
	return "", false
}

// fromAddress finds the id in an address: the end of its path, or the page that is
// open beside a database (?p=). The id of a view (?v=) is none.
func fromAddress(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "notion" || u.User != nil || u.Scheme == "https" && !ofNotion(u.Hostname()) {
		return "", false
	}
	if id, ok := bareID(u.Query().Get("p")); ok {
		return id, true
	}
	path := strings.Trim(u.EscapedPath(), "/")
	return bareID(path[strings.LastIndexByte(path, '/')+1:])
}

func ofNotion(host string) bool {
	host = strings.ToLower(host)
	for _, domain := range []string{"notion.so", "notion.com", "notion.site"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

// dashed spells 32 digits as the API does.
func dashed(hex string) string {
	h := strings.ToLower(hex)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// link is an address that the service gave, if it is one of Notion's.
func link(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || !ofNotion(u.Hostname()) || len(text) > 500 || strings.Trim(text, addressText) != "" {
		return ""
	}
	return text
}

const addressText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%"
