package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"toolvault/vault"
	"toolvault/vault/store/bucket"
)

const (
	maxRegistration = 16 << 10 // bytes
	// registering is the name under which processes take turns, so that all of them
	// together keep to maxRegistered; turn is the longest that one may take.
	registering = "client/registering"
	turn        = 10 * time.Second
)

// registrations bounds how many clients an address may register: of IPv6, the first
// 64 bits, which is what one subscriber has.
var registrations = bucket.Rate{Burst: 20, Every: 3 * time.Minute}

// errBusy is the answer to more registrations than anybody needs.
var errBusy = errors.New("too many clients have registered: try again in an hour")

// Register makes a client of what it says of itself (RFC 7591 section 3). Its secret
// is returned this once; zero for a client that has none. Where there are 1,000 such
// clients, at all processes together, it makes none.
func (r *Registry) Register(ctx context.Context, address string, m Metadata) (Client, vault.Secret, error) {
	got, _, err := r.Store.Spend(ctx, "register/"+hashedID(network(address)), registrations, 1, 0)
	if err != nil {
		return Client{}, vault.Secret{}, err
	}
	if got == 0 || r.registered() >= maxRegistered { // what memory knows costs nothing
		return Client{}, vault.Secret{}, errBusy
	}
	c, err := m.client()
	if err != nil {
		return Client{}, vault.Secret{}, err
	}
	c.ID, c.Origin, c.Created = "tvc_"+random(), OriginRegistered, r.Now().UTC().Truncate(time.Second)
	if err := check(c); err != nil {
		return Client{}, vault.Secret{}, err
	}
	var secret vault.Secret
	if c.Auth == AuthBasic || c.Auth == AuthPost {
		secret = vault.NewSecret("tvs_" + random())
		if err := c.AddSecret(secret.Reveal()); err != nil {
			return Client{}, vault.Secret{}, err
		}
	}
	if err := r.admit(ctx, c); err != nil {
		return Client{}, vault.Secret{}, err
	}
	if err := r.Observe(ctx, Event{Kind: Registered, Client: c.ID, Name: c.Name, Address: address}); err != nil {
		undo := r.change(context.WithoutCancel(ctx), c.ID, func(rec *record) error {
			*rec = record{}
			return nil
		})
		return Client{}, vault.Secret{}, errors.Join(err, undo)
	}
	return c, secret, nil
}

// admit stores a client that has registered, if there is room. What memory knows is
// half a second old, so the store is asked, by one process at a time. That costs no
// more than the change itself, at which every process reads all clients.
func (r *Registry) admit(ctx context.Context, c Client) error {
	lease, err := r.Store.Lease(ctx, registering, turn)
	if err != nil {
		return fmt.Errorf("the client could not take its turn: %w", err)
	}
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()
	all, err := r.readAll(ctx)
	if err != nil {
		return fmt.Errorf("the clients could not be counted: %w", err)
	}
	if countRegistered(all) >= maxRegistered {
		return errBusy
	}
	return r.change(ctx, c.ID, func(rec *record) error {
		rec.Client, rec.Used = c, c.Created
		return nil
	})
}

func (r *Registry) registered() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return countRegistered(r.stored)
}

func countRegistered(all map[string]kept) int {
	n := 0
	for _, k := range all {
		if k.Origin == OriginRegistered {
			n++
		}
	}
	return n
}

// network is what one subscriber has: an IPv4 address, or the 64 bits of an IPv6 one.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap() // a zone goes with the prefix
	if ip.Is6() {
		if net, err := ip.Prefix(64); err == nil {
			return net.Addr().String()
		}
	}
	return ip.String()
}

// registration is the answer to a registration (RFC 7591 section 3.2.1).
type registration struct {
	ClientID      string   `json:"client_id"`
	IssuedAt      int64    `json:"client_id_issued_at"`
	Secret        string   `json:"client_secret,omitempty"`
	SecretExpires *int64   `json:"client_secret_expires_at,omitempty"`
	Name          string   `json:"client_name,omitempty"`
	Redirects     []string `json:"redirect_uris"`
	Auth          string   `json:"token_endpoint_auth_method"`
	Grants        []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	Application   string   `json:"application_type,omitempty"`
}

// RegisterHandler answers POST of a client's metadata.
func (r *Registry) RegisterHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "application/json")
		if req.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			writeError(w, http.StatusMethodNotAllowed, "invalid_request", "A client registers with POST.")
			return
		}
		address, _, err := net.SplitHostPort(req.RemoteAddr)
		if err != nil {
			address = req.RemoteAddr
		}
		kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
		var m Metadata
		if err == nil && kind == "application/json" {
			var body []byte
			if body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxRegistration)); err == nil {
				err = decodeObject(body, &m)
			}
		} else {
			err = fmt.Errorf("content type %q", kind)
		}
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			writeError(w, http.StatusRequestEntityTooLarge, "invalid_client_metadata", "The body has at most 16 KiB.")
			return
		}
		if err != nil {
			writeError(w, http.StatusBadRequest, "invalid_client_metadata", "The body is one JSON object of at most 16 KiB.")
			return
		}
		if len(m.Secret) > 0 {
			m.Secret = nil // ours to choose
		}
		c, secret, err := r.Register(req.Context(), address, m)
		if err != nil {
			r.refuse(w, req, address, err)
			return
		}
		answer := registration{
			ClientID: c.ID, IssuedAt: c.Created.Unix(), Name: c.Name, Redirects: c.Redirects, Auth: c.Auth, Grants: c.Grants,
			ResponseTypes: []string{"code"}, Application: m.ApplicationType,
		}
		if s := secret.Reveal(); s != "" {
			answer.Secret, answer.SecretExpires = s, new(int64) // 0: it does not expire
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func (r *Registry) refuse(w http.ResponseWriter, req *http.Request, address string, err error) {
	var wrong *InvalidError
	switch {
	case errors.As(err, &wrong):
		code := "invalid_client_metadata"
		if strings.Contains(wrong.Reason, "redirect") {
			code = "invalid_redirect_uri"
		}
		writeError(w, http.StatusBadRequest, code, wrong.Reason)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "180")
		writeError(w, http.StatusTooManyRequests, "temporarily_unavailable", errBusy.Error())
	default:
		r.Logger.Error("a client could not register", "error", err)
		w.Header().Set("Retry-After", "5")
		writeError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The client could not be stored. Try again in a few seconds.")
	}
	e := Event{Kind: Refused, Address: address, Reason: err.Error()}
	if errors.Is(err, errBusy) {
		n, tell := r.busy.count(r.Now())
		if !tell {
			return
		}
		e.Reason = fmt.Sprintf("%v (%d refused since this was last written)", err, n)
	}
	if err := r.Observe(context.WithoutCancel(req.Context()), e); err != nil {
		r.Logger.Error("a refused registration could not be recorded", "error", err)
	}
}

func writeError(w http.ResponseWriter, status int, code, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}

// tally counts what would fill the audit log one by one.
type tally struct {
	mu   sync.Mutex
	n    int
	next time.Time
}

// count counts one more; it is told of once a second, with how many there were.
func (t *tally) count(now time.Time) (n int, tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if now.Before(t.next) {
		return 0, false
	}
	n, t.n, t.next = t.n, 0, now.Add(time.Second)
	return n, true
}
