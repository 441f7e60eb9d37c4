package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/webhook"
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

const (
	noticesWaiting = 1000
	noticeTries    = 8               // the last about two minutes after the first
	lastNotices    = 5 * time.Second // for what waits when the process ends
)

// notifier posts notices, in their order, and tries again where that fails. It
// holds up nobody: what does not fit into its queue is logged and dropped, since
// the audit log has it too.
type notifier struct {
	hook  atomic.Pointer[webhook.Hook] // nil: nobody is told
	queue chan notice
	log   *slog.Logger
	wait  func(try int) time.Duration
}

func newNotifier(log *slog.Logger) *notifier {
	return &notifier{queue: make(chan notice, noticesWaiting), log: log, wait: webhook.Backoff(time.Second, 5*time.Minute)}
}

// webhookOf is the webhook that the config names; nil for none.
func webhookOf(cfg *config.Config) (*webhook.Hook, error) {
	if cfg.Notify.URL == "" {
		return nil, nil
	}
	hook, err := hookOf(cfg, cfg.Notify.URL, cfg.Notify.Secret)
	return &hook, err
}

// hookOf looks up a webhook's URL, which may be a reference, and the reference to
// what it is signed with, which may be empty.
func hookOf(cfg *config.Config, url, secret string) (hook webhook.Hook, err error) {
	if hook.URL, err = cfg.LookupOrLiteral(url); err != nil {
		return hook, err
	}
	if secret != "" {
		hook.Secret, err = cfg.Lookup(secret)
	}
	return hook, err
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
	id := webhook.NewID()
	err := webhook.Retry{Tries: noticeTries, Wait: n.wait}.Do(ctx, func(ctx context.Context) error {
		hook := n.hook.Load() // again: a changed config may have another
		if hook == nil {
			return nil
		}
		return post(ctx, *hook, id, what)
	})
	if err != nil && ctx.Err() == nil {
		n.log.Error("a notice could not be delivered to the webhook", "credential", what.Credential, "state", what.State, "tries", noticeTries, "error", err)
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
			if err := post(ctx, *hook, webhook.NewID(), what); err != nil {
				n.log.Error("a notice could not be delivered to the webhook", "credential", what.Credential, "state", what.State, "tries", 1, "error", err)
			}
		default:
			return
		}
	}
}

func post(ctx context.Context, hook webhook.Hook, id string, what notice) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return hook.Send(ctx, webhook.JSON, id, body)
}
