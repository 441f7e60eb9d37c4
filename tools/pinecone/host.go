package pinecone

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const (
	hostTTL  = 10 * time.Minute
	maxHosts = 1024 // entries kept
)

// known is what calls to an index need to know of it.
type known struct {
	base string // "https://tickets-c01b5b5.svc.us-east1-gcp.pinecone.io", vetted
	facts
	expires time.Time
}

// hosts remembers indexes by credential: what one key may see says nothing about
// another. It is bounded and safe for concurrent use.
type hosts struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[hostKey]known
}

type hostKey struct{ credential, control, index string }

func newHosts(now func() time.Time) *hosts { return &hosts{now: now, m: map[hostKey]known{}} }

func keyFor(c *upstream.Client, index string) hostKey {
	return hostKey{c.CredentialKey(), c.BaseURL(), index}
}

func (h *hosts) get(k hostKey) (known, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ix, ok := h.m[k]
	if ok && !h.now().Before(ix.expires) {
		delete(h.m, k)
		return known{}, false
	}
	return ix, ok
}

func (h *hosts) put(k hostKey, ix known) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if _, there := h.m[k]; !there && len(h.m) >= maxHosts {
		h.makeRoom(now)
	}
	ix.expires = now.Add(hostTTL)
	h.m[k] = ix
}

// makeRoom drops what has expired, or else what expires first.
func (h *hosts) makeRoom(now time.Time) {
	var oldest hostKey
	var when time.Time
	for k, ix := range h.m {
		if !now.Before(ix.expires) {
			delete(h.m, k)
		} else if when.IsZero() || ix.expires.Before(when) {
			oldest, when = k, ix.expires
		}
	}
	if len(h.m) >= maxHosts {
		delete(h.m, oldest)
	}
}

func (h *hosts) drop(k hostKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.m, k)
}

// A host of Pinecone's: labels of lower-case letters, digits and hyphens.
var hostName = pattern.New(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// pin turns the host that the control plane named into a base URL, or refuses
// it: the API key goes there, and the answer may have been tampered with.
//
// From the vendor's control plane only https hosts NAME.svc.….pinecone.io on
// port 443 are taken. Where an admin has set another control plane (a proxy, a
// local emulator, the sandbox), only that very host and port are, and below them
// any plain path: one host can then serve several indexes.
func pin(controlURL, host string) (string, error) {
	refuse := func() (string, error) {
		return "", fault.New(fault.UpstreamError, "Pinecone named a host for the index that is not one of its own (%s), so nothing was sent there. Tell the operator.", quote(upstream.Clean(host, 100)))
	}
	base, err := url.Parse(controlURL)
	if err != nil || base.Host == "" {
		return refuse()
	}
	scheme := "https"
	if rest, ok := strings.CutPrefix(host, "https://"); ok {
		host = rest
	} else if rest, ok := strings.CutPrefix(host, "http://"); ok {
		scheme, host = "http", rest
	} else {
		scheme = base.Scheme
	}
	host, path, _ := strings.Cut(host, "/")
	if path != "" {
		path = "/" + path
	}
	name, port, hasPort := strings.Cut(host, ":")
	if !hostName.MatchString(name) || hasPort && !digits(port) || len(name) > 253 {
		return refuse()
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	if isVendor(base) {
		labels := strings.Split(name, ".")
		if scheme != "https" || port != "443" || path != "" ||
			!strings.HasSuffix(name, ".pinecone.io") || !slices.Contains(labels[1:], "svc") {
			return refuse()
		}
		return "https://" + name, nil
	}
	basePort := base.Port()
	if basePort == "" {
		basePort = defaultPort(base.Scheme)
	}
	if scheme != base.Scheme || name != strings.ToLower(base.Hostname()) || port != basePort || !plainPath.MatchString(path) {
		return refuse()
	}
	return base.Scheme + "://" + base.Host + path, nil
}

var plainPath = pattern.New(`^(/[A-Za-z0-9_-]+){0,8}$`)

func isVendor(u *url.URL) bool {
	host := strings.ToLower(u.Hostname())
	return host == "pinecone.io" || strings.HasSuffix(host, ".pinecone.io")
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

func digits(s string) bool {
	return s != "" && len(s) <= 5 && strings.Trim(s, "0123456789") == ""
}
