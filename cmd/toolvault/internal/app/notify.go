package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/vault"
)

// notice is what a webhook is told.
type notice struct {
	Type       string    `json:"type"` // "credential.state"
	Time       time.Time `json:"time"`
	Credential string    `json:"credential"`
	Agent      string    `json:"agent"`
	User       string    `json:"user,omitempty"`
	Service    string    `json:"service"`
	State      string    `json:"state"`
	Reason     string    `json:"reason,omitempty"`
}

// webhook is where notices go. Both parts may be secrets.
type webhook struct{ url, secret vault.Secret }

const (
	noticesWaiting = 1000
	noticeTries    = 8 // the last about four minutes after the first
	noticeTimeout  = 10 * time.Second
	lastNotices    = 5 * time.Second // for what waits when the process ends
)

// notifier posts notices, in their order, and tries again where that fails. It
// holds up nobody: what does not fit into its queue is logged and dropped, since
// the audit log has it too.
type notifier struct {
	hook   atomic.Pointer[webhook] // nil: nobody is told
	queue  chan notice
	client *http.Client
	log    *slog.Logger
	wait   func(try int) time.Duration
}

func newNotifier(log *slog.Logger) *notifier {
	return &notifier{
		queue: make(chan notice, noticesWaiting), log: log,
		client: &http.Client{Timeout: noticeTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		wait:   func(try int) time.Duration { return time.Second << try },
	}
}

// webhookOf is the webhook that the config names; nil for none.
func webhookOf(cfg *config.Config) (*webhook, error) {
	if cfg.Notify.URL == "" {
		return nil, nil
	}
	var hook webhook
	var err error
	if hook.url, err = cfg.LookupOrLiteral(cfg.Notify.URL); err != nil {
		return nil, err
	}
	if cfg.Notify.Secret != "" {
		hook.secret, err = cfg.Lookup(cfg.Notify.Secret)
	}
	return &hook, err
}

func (n *notifier) tell(what notice) {
	if n.hook.Load() == nil {
		return
	}
	what.Time = time.Now().UTC()
	select {
	case n.queue <- what:
	default:
		n.log.Error("a notice was dropped, since too many wait for the webhook", "credential", what.Credential, "state", what.State)
	}
}

// run posts notices until ctx ends.
func (n *notifier) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case what := <-n.queue:
			n.deliver(ctx, what)
		}
	}
}

func (n *notifier) deliver(ctx context.Context, what notice) {
	id := "msg_" + uuid.NewString()
	for try := 0; ; try++ {
		hook := n.hook.Load()
		if hook == nil {
			return
		}
		err := n.post(ctx, hook, id, what)
		if err == nil || ctx.Err() != nil {
			return
		}
		if try+1 >= noticeTries {
			n.log.Error("a notice could not be delivered to the webhook", "credential", what.Credential, "state", what.State, "tries", noticeTries, "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(n.wait(try)):
		}
	}
}

// flush posts what still waits, each once: a command that finds something out and
// ends has nobody who runs.
func (n *notifier) flush() {
	if n == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastNotices)
	defer cancel()
	for ctx.Err() == nil {
		select {
		case what := <-n.queue:
			hook := n.hook.Load()
			if hook == nil {
				return
			}
			if err := n.post(ctx, hook, "msg_"+uuid.NewString(), what); err != nil {
				n.log.Error("a notice could not be delivered to the webhook", "credential", what.Credential, "state", what.State, "tries", 1, "error", err)
			}
		default:
			return
		}
	}
}

// post sends one notice, signed as standard-webhooks.com says: HMAC-SHA256 over
// id, time and body. The error never holds the URL, which may be a secret.
func (n *notifier) post(ctx context.Context, hook *webhook, id string, what notice) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("notify.url is no URL")
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "toolvault")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	if !hook.secret.Empty() {
		mac := hmac.New(sha256.New, []byte(hook.secret.Reveal()))
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
		r.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	resp, err := n.client.Do(r)
	if err != nil {
		return fmt.Errorf("it cannot be reached: %w", bareURL(err))
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answered HTTP %d", resp.StatusCode)
	}
	return nil
}

// bareURL is the error of a request without its URL.
func bareURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
