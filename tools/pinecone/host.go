package pinecone

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	hostTTL  = 10 * time.Minute
	maxHosts = 1024 // entries kept
)

// known is what calls to an index need to know of it.
type known struct {
	base      string // "https://tickets-c01b5b5.svc.us-east1-gcp.pinecone.io", vetted
	textField string // the field that is embedded; "" where the index has no model
	expires   time.Time
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

// resolve finds an index, from memory or by asking the control plane; fresh
// tells which.
func (s *service) resolve(ctx context.Context, c *upstream.Client, index string) (ix known, fresh bool, err error) {
	k := keyFor(c, index)
	if ix, ok := s.hosts.get(k); ok {
		return ix, false, nil
	}
	model, err := getIndex(ctx, c, index)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.NotPermitted {
			f.Message += " The key has to be allowed to describe the index as well (a control-plane viewer role), since that names the index's host."
		}
		return known{}, true, err
	}
	ix, err = s.learn(c, index, model)
	return ix, true, err
}

// learn vets what the control plane said of an index and remembers it.
func (s *service) learn(c *upstream.Client, index string, m indexModel) (known, error) {
	if !m.Status.Ready {
		s.hosts.drop(keyFor(c, index))
		f := fault.New(fault.Conflict, "The index %s is not ready (%s). Try again in a minute.", index, upstream.Clean(m.Status.State, 40))
		f.Retryable = true
		return known{}, f
	}
	base, err := pin(c.BaseURL(), m.Host)
	if err != nil {
		return known{}, err
	}
	ix := known{base: base, textField: m.textField()}
	s.hosts.put(keyFor(c, index), ix)
	return ix, nil
}

// onIndex runs a request against an index's own host. An index that was made
// anew has a new host: where the remembered one fails, it is looked up again, and
// the request repeated if it went astray and certainly did nothing.
func (s *service) onIndex(ctx context.Context, c *upstream.Client, index string, ix known, fresh bool, req upstream.Request, out any) error {
	req.Host = ix.base
	err := c.Do(ctx, req, out)
	var f *fault.Error
	if !errors.As(err, &f) || !astray(f) {
		return err
	}
	s.hosts.drop(keyFor(c, index))
	if fresh || !(req.Read || f.NotSent || f.Kind == fault.NotFound) {
		return err
	}
	again, _, lookup := s.resolve(ctx, c, index)
	if lookup != nil || again.base == ix.base {
		return err
	}
	req.Host = again.base
	return c.Do(ctx, req, out)
}

// astray reports whether a failure may mean that the host is no longer the
// index's: no answer at all, or one that knows no such thing.
func astray(f *fault.Error) bool {
	return f.Kind == fault.NotFound || f.Kind == fault.UpstreamUnavailable && f.Status == 0
}

// A host of Pinecone's: labels of lower-case letters, digits and hyphens.
var hostName = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)

// pin turns the host that the control plane named into a base URL, or refuses
// it: the API key goes there, and the answer may have been tampered with.
//
// From the vendor's control plane only https hosts NAME.svc.….pinecone.io on
// port 443 are taken. Where an admin has set another control plane (a proxy, a
// local emulator, the sandbox), only that very host and port are.
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
	name, port, hasPort := strings.Cut(host, ":")
	if !hostName.MatchString(name) || hasPort && !digits(port) || len(name) > 253 {
		return refuse()
	}
	if port == "" {
		port = defaultPort(scheme)
	}
	if isVendor(base) {
		labels := strings.Split(name, ".")
		if scheme != "https" || port != "443" ||
			!strings.HasSuffix(name, ".pinecone.io") || !slices.Contains(labels[1:], "svc") {
			return refuse()
		}
		return "https://" + name, nil
	}
	basePort := base.Port()
	if basePort == "" {
		basePort = defaultPort(base.Scheme)
	}
	if scheme != base.Scheme || name != strings.ToLower(base.Hostname()) || port != basePort {
		return refuse()
	}
	return base.Scheme + "://" + base.Host, nil
}

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
