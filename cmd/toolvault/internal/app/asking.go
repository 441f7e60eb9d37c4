package app

import (
	"context"
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
	link, err := x.a.Connect.Link(ctx, d, need, callID)
	if err != nil || link != "" && x.a.Shows(ctx, link) {
		return link, err
	}
	own, err := x.a.own.open(x.a)
	if own == nil || err != nil {
		return "", err
	}
	return own.Link(ctx, d, need, callID)
}

// Shows reports whether a server shows the page of consent at a link: the one at
// public_url, which this process may not be able to reach itself, or one at the
// address of this machine. Another program may be listening there, or a toolvault
// on another store, which does not know the page.
func (a *App) Shows(ctx context.Context, link string) bool {
	if a.Cfg.Server.PublicURL != "" || a.serving.Load() {
		return true
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, link, nil)
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
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusNoContent
}
