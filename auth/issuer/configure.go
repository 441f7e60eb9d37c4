package issuer

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"toolvault/auth"
	"toolvault/auth/scope"
)

// Algorithms are those of which a signature may be, if an issuer names none. Never
// none, and never one with a secret key (RFC 8725 sections 3.1 and 3.2).
func Algorithms() []string {
	return []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA"}
}

// state is a configuration, ready for use.
type state struct {
	by      map[Use]map[string]*trusted // by iss
	opaque  *trusted                    // who is asked about tokens that are no JWT
	sources map[sourceKey]*source
}

// trusted is an issuer, ready for use.
type trusted struct {
	Issuer
	algorithms []jose.SignatureAlgorithm
	trust      spiffeid.TrustDomain // of one with SPIFFE
	rules      []rule
	keys       *source
	asker      *asker // nil: it is not asked
}

// Configure replaces the issuers, all at once: a call that begins afterwards knows
// only the new ones. Keys of those that stay are kept; what was verified is not.
// An issuer that Check refuses, or the second of two for one use, is not trusted;
// a caller that wants to tell its admin uses Check first.
func (s *Set) Configure(issuers []Issuer) {
	old := s.state.Load()
	next := &state{by: map[Use]map[string]*trusted{}, sources: map[sourceKey]*source{}}
	for _, i := range issuers {
		t, err := compile(i, s.Catalogs)
		if err != nil {
			s.Logger.Error("an issuer in the config is not trusted", "error", err)
			continue
		}
		key := i.source()
		if t.keys = next.sources[key]; t.keys == nil {
			if t.keys = old.sources[key]; t.keys == nil {
				t.keys = s.newSource(key)
			}
			next.sources[key] = t.keys
		}
		for _, use := range i.Uses {
			if err := next.add(use, t); err != nil {
				s.Logger.Error("an issuer in the config is not trusted", "error", err)
			}
		}
	}
	s.state.Store(next)
	s.forget() // after: whoever saw the old state cannot put anything any more
}

// forget drops what was verified: a key or a rule that decided may be gone.
func (s *Set) forget() {
	s.verified.clear()
	s.denied.clear()
}

func (st *state) add(use Use, t *trusted) error {
	if st.by[use] == nil {
		st.by[use] = map[string]*trusted{}
	}
	if st.by[use][t.URL] != nil {
		return fmt.Errorf("issuer %s is named twice for %s: name it once, with all its rules", t.URL, use)
	}
	if use == AccessTokens && t.Introspect != nil && !t.Introspect.JWTOnly {
		if st.opaque != nil {
			return fmt.Errorf("issuers %s and %s would both be asked about tokens that are no JWT, and each would see those of the other: say of one that all its tokens are JWTs", st.opaque.URL, t.URL)
		}
		st.opaque = t
	}
	st.by[use][t.URL] = t
	return nil
}

// Check says what is wrong with the issuers of a config: the first thing that is.
func Check(issuers []Issuer, catalogs scope.Catalogs) error {
	all := &state{by: map[Use]map[string]*trusted{}}
	for _, i := range issuers {
		t, err := compile(i, catalogs)
		if err != nil {
			return err
		}
		for _, use := range i.Uses {
			if err := all.add(use, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bounds of what Introspection and Rule say.
const maxRules = 1000

func compile(i Issuer, catalogs scope.Catalogs) (*trusted, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("issuer %q: %w", i.URL, fmt.Errorf(format, args...))
	}
	if err := i.checkPlaces(); err != nil {
		return nil, wrong("%w", err)
	}
	t := &trusted{Issuer: i}
	for n, use := range i.Uses {
		switch {
		case use != AccessTokens && use != Workloads && use != Assertions:
			return nil, wrong("%q is nothing that tokens are taken for: write %s, %s or %s", use, AccessTokens, Workloads, Assertions)
		case slices.Contains(i.Uses[:n], use):
			return nil, wrong("%s is named twice", use)
		case i.SPIFFE && use != Workloads:
			return nil, wrong("the tokens of a SPIFFE trust domain say who a workload is: only %s fits it", Workloads)
		}
	}
	if len(i.Uses) == 0 {
		return nil, wrong("say what its tokens are taken for: %s, %s or %s", AccessTokens, Workloads, Assertions)
	}
	if i.SPIFFE {
		td, err := spiffeid.TrustDomainFromString(i.URL)
		if err != nil || i.URL != td.IDString() {
			return nil, wrong("a SPIFFE trust domain is written spiffe://example.org")
		}
		t.trust = td
	}
	names := i.Algorithms
	if names == nil {
		names = Algorithms()
	}
	for _, name := range names {
		if !slices.Contains(Algorithms(), name) {
			return nil, wrong("algorithm %q is not taken: choose from %s", name, strings.Join(Algorithms(), ", "))
		}
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(name))
	}
	if len(names) == 0 {
		return nil, wrong("without an algorithm no signature can be checked: leave algorithms out for all that are good")
	}
	if len(i.Rules) == 0 {
		return nil, wrong("without a rule none of its tokens is taken: add one that says for which agent they stand")
	}
	if len(i.Rules) > maxRules {
		return nil, wrong("it has %d rules, and %d are the most", len(i.Rules), maxRules)
	}
	for n, r := range i.Rules {
		compiled, err := compileRule(r, i, catalogs)
		if err != nil {
			return nil, wrong("rule %d: %w", n+1, err)
		}
		t.rules = append(t.rules, compiled)
	}
	if in := i.Introspect; in != nil {
		t.asker = newAsker(i.URL, *in)
	}
	return t, nil
}

// checkPlaces refuses addresses that what is asked of them could be read or
// changed on the way.
func (i Issuer) checkPlaces() error {
	if i.URL == "" || len(i.URL) > maxName || !plain(i.URL) {
		return fmt.Errorf("the URL of an issuer is what its tokens have as iss: 1 to %d bytes of plain text", maxName)
	}
	if len(i.Audience) > maxName || !plain(i.Audience) {
		return fmt.Errorf("the audience is at most %d bytes of plain text", maxName)
	}
	switch {
	case i.KeysURL != "" && i.KeysFile != "":
		return fmt.Errorf("its keys are at a URL or in a file, not both")
	case i.KeysURL != "":
		if _, err := place(i.KeysURL); err != nil {
			return fmt.Errorf("keys_url %w", err)
		}
	case i.KeysFile == "" && i.SPIFFE:
		return fmt.Errorf("a SPIFFE trust domain does not say where its keys are: set keys_url or keys_file to its bundle")
	case i.KeysFile == "":
		u, err := place(i.URL)
		if err != nil {
			return fmt.Errorf("to find its keys by its description, its URL %w; or set keys_url or keys_file", err)
		}
		if u.RawQuery != "" || u.ForceQuery {
			return fmt.Errorf("the URL of an issuer that describes itself has no query (RFC 8414 section 2)")
		}
	}
	if in := i.Introspect; in != nil {
		if !slices.Contains(i.Uses, AccessTokens) {
			return fmt.Errorf("introspection is for %s, and its tokens are not taken for that", AccessTokens)
		}
		if _, err := place(in.URL); err != nil {
			return fmt.Errorf("the introspection URL %w", err)
		}
		if in.ClientID == "" || in.ClientSecret.Empty() {
			return fmt.Errorf("introspection needs a client_id and a client_secret (RFC 7662 section 2.1)")
		}
		if in.CacheFor < 0 || in.CacheFor > maxAnswer {
			return fmt.Errorf("an answer of introspection holds for at most %s", auth.Duration(maxAnswer))
		}
	}
	return nil
}

// place is a URL that an admin wrote: https, or http to this machine.
func place(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(text, "#") || !plain(text) ||
		u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return nil, fmt.Errorf("must begin with https:// and have no user and no fragment (http is taken for loopback hosts only)")
	}
	return u, nil
}

func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return host == "localhost"
}
