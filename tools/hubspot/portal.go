package hubspot

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const (
	portalTTL  = time.Hour
	unknownTTL = time.Minute
	maxPortals = 1024
)

// account is the answer of account-info.
type account struct {
	Portal int64  `json:"portalId"`
	Type   string `json:"accountType"`
	Domain string `json:"uiDomain"`
	Zone   string `json:"timeZone"`

	Currency   string   `json:"companyCurrency"`
	Currencies []string `json:"additionalCurrencies"`
	Hosting    string   `json:"dataHostingLocation"`
}

func getAccount(ctx context.Context, c *upstream.Client) (account, error) {
	var a account
	err := c.Get(ctx, accountPath, nil, &a)
	return a, err
}

// portals keeps the account of each credential: records are linked to where
// people see them. Safe for concurrent use.
type portals struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[string]portal
}

type portal struct {
	account account // zero: not to be had
	until   time.Time
}

func newPortals(now func() time.Time) *portals { return &portals{now: now, by: map[string]portal{}} }

// of never fails: a link is not worth a call.
func (p *portals) of(ctx context.Context, c *upstream.Client) account {
	key := c.CredentialKey()
	p.mu.Lock()
	known, ok := p.by[key]
	p.mu.Unlock()
	if ok && p.now().Before(known.until) {
		return known.account
	}
	a, err := getAccount(ctx, c)
	ttl := portalTTL
	if err != nil || !hubspotHost(a.Domain) || a.Portal <= 0 {
		a, ttl = account{}, unknownTTL
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for other := range p.by {
		if len(p.by) < maxPortals {
			break
		}
		delete(p.by, other)
	}
	p.by[key] = portal{a, p.now().Add(ttl)}
	return a
}

// isRecordID reports whether a text is a record's id: 1 to 20 digits.
func isRecordID(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 20
}

// link is the address of a record: HubSpot's own, where it is one of HubSpot's,
// else built.
func (s *service) link(ctx context.Context, c *upstream.Client, k kind, id, given string) string {
	if u, err := url.Parse(given); err == nil && u.Scheme == "https" && u.User == nil && u.Port() == "" && hubspotHost(u.Hostname()) && len(given) < 300 && upstream.Clean(given, 300) == given {
		return given
	}
	if !isRecordID(id) {
		return ""
	}
	a := s.portals.of(ctx, c)
	if a.Portal == 0 {
		return ""
	}
	return "https://" + a.Domain + "/contacts/" + strconv.FormatInt(a.Portal, 10) + "/record/" + k.typeID + "/" + id
}

func hubspotHost(host string) bool {
	return host == "app.hubspot.com" || strings.HasSuffix(host, ".hubspot.com") && hostForm.MatchString(host)
}

var hostForm = pattern.New(`^[a-z0-9.-]{1,200}$`)
