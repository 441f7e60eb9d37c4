package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9_-]{0,62}))*\.?$`)

var errListen = errors.New(`this must be HOST:PORT, such as "127.0.0.1:8765"`)

// checkListen takes "HOST:PORT"; an empty host is every address.
func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host != "" && !isHost(host) || !isPort(port) {
		return errListen
	}
	return nil
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 65535 && strings.Trim(s, "0123456789") == ""
}

// isHost takes a name or an IP address, this without brackets.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && hostName.MatchString(s)
}

// parseURL reads an http or https URL without user, query and fragment. Its
// errors do not quote it, since it may hold a password.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || !isHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port()):
		return nil, errors.New("this must be a URL that begins with https://")
	case u.User != nil:
		return nil, errors.New("a secret never stands in the file: leave out the name and password before the @")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("this must be a URL without ? and #")
	}
	u.Host = strings.ToLower(u.Host)
	return u, nil
}

// baseURL takes where a service lives: https, or http to a host that is near.
func baseURL(s string) (string, error) {
	u, err := parseURL(s)
	if err != nil {
		return "", err
	}
	if u.Scheme == "http" && !isNear(u.Hostname()) {
		return "", errors.New("http would send the credential in the clear: use https (http is taken for loopback and private hosts only)")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// endpointURL takes an address of an OAuth provider, kept as it is written: an
// issuer is compared letter by letter (RFC 8414 section 3.3).
func endpointURL(s string) (string, error) {
	if _, err := baseURL(s); err != nil {
		return "", err
	}
	return s, nil
}

// publicURL takes the URL by which clients reach the server: https, or http to
// this machine.
func publicURL(s string) (string, error) {
	u, err := parseURL(s)
	switch {
	case err != nil:
		return "", err
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", errors.New("tokens would travel in the clear: use https (http is taken for loopback hosts only)")
	case strings.Trim(u.Path, "/") != "":
		return "", errors.New("this must be a URL without a path: the server adds /mcp itself")
	}
	return u.Scheme + "://" + u.Host, nil
}

// origin takes an Origin as browsers send it (RFC 6454, section 6.2).
func origin(s string) (string, error) {
	u, err := parseURL(s)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return "", errors.New(`an origin is a scheme and a host, such as "https://app.example.com"`)
	}
	return u.Scheme + "://" + u.Host, nil
}

// allowedHost takes a Host header: a host, with or without a port.
func allowedHost(s string) (string, error) {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil && isPort(port) {
		host = h
	}
	if !isHost(strings.Trim(host, "[]")) {
		return "", errors.New(`this must be a host with or without a port, such as "tools.example.com"`)
	}
	return strings.ToLower(s), nil
}

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// isNear reports whether a host is on this machine or on a private network: by
// its address, or by a name that public DNS cannot have (RFC 6761, 6762, 8375,
// a name of one word, as in a compose file, or ".internal").
func isNear(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback() || ip.Unmap().IsPrivate()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if isLoopback(host) || !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".local", ".internal", ".home.arpa", ".svc", ".test"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

// folder takes what follows "file:" in a storage URL: a path, or //PATH with an
// absolute one (RFC 8089).
func folder(rest string) (string, error) {
	if path, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(path, "/") {
			return "", errors.New(`after "file://" stands an absolute path; a folder beside the config is "file:./data"`)
		}
		rest = path
	}
	if rest == "" || rest != strings.TrimSpace(rest) || strings.ContainsAny(rest, "\n\x00?#") {
		return "", errors.New(`after "file:" stands the path of a folder, such as "file:./data"`)
	}
	return rest, nil
}

var errPassword = errors.New(`a secret never stands in the file: put the whole URL into an environment variable and write "env:NAME" here`)

// checkRedis takes a URL of Redis that holds no password. It is read by hand,
// since a list of hosts is no URL for net/url.
func checkRedis(s string) error {
	_, rest, ok := strings.Cut(s, "://")
	rest, query, _ := strings.Cut(rest, "?")
	user, hosts := "", rest
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		user, hosts = rest[:i], rest[i+1:]
	}
	hosts, _, _ = strings.Cut(hosts, "/")
	switch {
	case strings.ContainsAny(user, ":/") || strings.Contains(strings.ToLower(query), "pass"):
		return errPassword
	case !ok || hosts == "" || strings.ContainsAny(s, " \t\n") || looksSecret(s):
		return errors.New("this must be a URL with a host, such as redis://127.0.0.1:6379/0")
	}
	return nil
}
