package app

import (
	"context"
	"io"
	"net/http"
	"time"

	"toolvault/vault"
)

// patience is how long a call waits for a person who has agreed to open the page
// of consent. Clients give up on a call after a minute, or half of one.
const patience = 10 * time.Second

// asking is consent for calls: a link to the pages of the server, or on stdio,
// where there may be none beside this process, to pages of its own.
type asking struct{ a *App }

// Link implements tools.Consent.
func (x asking) Link(ctx context.Context, d vault.Declaration, need []string, callID string) (string, error) {
	if x.a.hasPages(ctx) {
		return x.a.Connect.Link(ctx, d, need, callID)
	}
	own, err := x.a.own.open(x.a)
	if own == nil || err != nil {
		return "", err
	}
	return own.Link(ctx, d, need, callID)
}

// hasPages reports whether a server shows the pages: the one at public_url, which
// this process may not be able to reach itself, or one at the address of this
// machine that answers.
func (a *App) hasPages(ctx context.Context) bool {
	if a.Cfg.Server.PublicURL != "" {
		return true
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.PublicURL()+"/healthz", nil)
	if err != nil {
		return false
	}
	client := &http.Client{
		Timeout:       time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: it is this machine
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16))
	return err == nil && resp.StatusCode == http.StatusOK && string(body) == "ok\n"
}
