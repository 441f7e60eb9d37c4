package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"toolvault/vault"
	"toolvault/vault/store"
	"toolvault/vault/store/bucket"
)

const maxRegistration = 16 << 10 // bytes

// registrations bounds how many clients an address may register.
var registrations = bucket.Rate{Burst: 20, Every: 3 * time.Minute}

func lastRune(s string) (rune, int) { return utf8.DecodeLastRuneInString(s) }

// errBusy is the answer to more registrations than anybody needs.
var errBusy = errors.New("too many clients have registered: try again in an hour")

// Register makes a client of what it says of itself (RFC 7591 section 3). Its secret
// is returned this once; zero for a client that has none.
func (r *Registry) Register(ctx context.Context, address string, m Metadata) (Client, vault.Secret, error) {
	c, err := m.client()
	if err != nil {
		return Client{}, vault.Secret{}, err
	}
	c.ID, c.Origin, c.Created = "tvc_"+random(), OriginRegistered, r.Now().UTC().Truncate(time.Second)
	if err := check(c); err != nil {
		return Client{}, vault.Secret{}, err
	}
	got, _, err := r.Store.Spend(ctx, "register/"+hashedID(address), registrations, 1, 0)
	if err != nil {
		return Client{}, vault.Secret{}, err
	}
	if got == 0 || r.registered() >= maxRegistered {
		return Client{}, vault.Secret{}, errBusy
	}
	var secret vault.Secret
	if c.Auth == AuthBasic || c.Auth == AuthPost {
		secret = vault.NewSecret("tvs_" + random())
		if err := c.AddSecret(secret.Reveal()); err != nil {
			return Client{}, vault.Secret{}, err
		}
	}
	err = r.change(ctx, c.ID, func(rec *record) error {
		rec.Client, rec.Used = c, c.Created
		return nil
	})
	if err != nil {
		return Client{}, vault.Secret{}, err
	}
	return c, secret, r.Observe(ctx, Event{Kind: Registered, Client: c.ID, Name: c.Name, Address: address})
}

func (r *Registry) registered() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for _, s := range r.stored {
		if s.Origin == OriginRegistered {
			n++
		}
	}
	return n
}

// MarkUsed notes that somebody has agreed to a client that registered itself: it is
// kept. It writes once a day at most.
func (r *Registry) MarkUsed(ctx context.Context, id string) error {
	today := r.Now().UTC().Truncate(24 * time.Hour)
	err := r.change(ctx, id, func(rec *record) error {
		if rec.Origin != OriginRegistered || !rec.Used.Before(today) {
			return errUnchanged
		}
		rec.Used = today
		return nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

var errUnchanged = errors.New("nothing to change")

// Sweep removes the clients that registered themselves and that nobody uses.
func (r *Registry) Sweep(ctx context.Context) error {
	now := r.Now()
	var old []store.Item
	var ids []string
	err := store.Each(ctx, r.Store, clientPrefix, func(item store.Item) error {
		if rec, err := r.open(item); err == nil && rec.Origin == OriginRegistered && now.Sub(rec.Used) > unusedFor {
			old, ids = append(old, store.Item{Key: item.Key, Version: item.Version}), append(ids, rec.ID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, item := range old {
		err := r.Store.Forget(ctx, item.Key, item.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err == nil {
			r.mu.Lock()
			delete(r.stored, ids[i])
			r.mu.Unlock()
		}
	}
	return nil
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
			d := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxRegistration))
			if err = d.Decode(&m); err == nil && d.More() {
				err = errors.New("more than one value")
			}
		} else {
			err = fmt.Errorf("content type %q", kind)
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
	if err := r.Observe(context.WithoutCancel(req.Context()), e); err != nil {
		r.Logger.Error("a refused registration could not be recorded", "error", err)
	}
}

func writeError(w http.ResponseWriter, status int, code, description string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}
