package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"toolvault/audit"
	"toolvault/audit/anchor"
	"toolvault/audit/tile"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/webhook"
)

// cosignAgain is how often a witness signs the time of a log that is still: a
// verifier may then ask for a cosignature that is not much older.
const cosignAgain = 15 * time.Minute

// Anchored is a place outside that the config names for checkpoints.
type Anchored struct {
	*anchor.Anchor
	Kind  string // "file", "webhook" or "witness"
	Place string // for people: a path, an address, or the reference to one
}

// Anchors are the places that a config names for the checkpoints of its log.
// Nothing runs, and neither the store nor a key is opened.
func Anchors(o Options) ([]Anchored, error) {
	cfg, err := loadConfig(o.Config)
	if err != nil {
		return nil, err
	}
	dir, err := findDataDir(o.Data, cfg)
	if err != nil {
		return nil, err
	}
	return anchors(cfg, AuditDir(dir), o.Logger, nil)
}

// anchors makes what the config names. report may be nil.
func anchors(cfg *config.Config, dir string, log *slog.Logger, report func(context.Context, Anchored, anchor.Report)) ([]Anchored, error) {
	var list []Anchored
	for i, c := range cfg.Audit.Anchors {
		o := anchor.Options{Dir: dir, Every: c.Every, Now: time.Now}
		var a Anchored
		var err error
		switch {
		case c.File != "":
			a.Kind, a.Place = "file", c.File
			o.Place = anchor.NewFile(c.File)
		case c.Webhook != "":
			a.Kind, a.Place = "webhook", c.Webhook
			o.Place, err = webhookPlace(cfg, c)
		default:
			a.Kind, a.Place = "witness", c.Witness
			o.Refresh = max(cosignAgain, c.Every)
			o.Place, err = anchor.NewWitness(anchor.WitnessOptions{
				URL: c.Witness, Key: c.Key, Dir: dir, Now: time.Now, Logger: log,
				Tree: func(ctx context.Context) (anchor.Tree, error) { return tile.Open(ctx, dir, nil) },
			})
		}
		if err != nil {
			return nil, fmt.Errorf("audit.anchor[%d] in the config: %w", i, err)
		}
		sum := sha256.Sum256([]byte(a.Place + "\n" + c.Key))
		o.Name = "anchor-" + a.Kind + "-" + hex.EncodeToString(sum[:4])
		o.Logger = log.With("place", a.Place)
		if report != nil {
			about := a
			o.Report = func(ctx context.Context, r anchor.Report) { report(ctx, about, r) }
		}
		a.Anchor = anchor.New(o)
		list = append(list, a)
	}
	return list, nil
}

// hooked posts checkpoints to a webhook.
type hooked struct{ webhook.Hook }

func webhookPlace(cfg *config.Config, c config.Anchor) (anchor.Place, error) {
	hook, err := hookOf(cfg, c.Webhook, c.Secret)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(hook.URL.Reveal()); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("what %s holds is no URL that begins with https://", c.Webhook)
	}
	return hooked{hook}, nil
}

// Put posts the signed note. The message's id is that of the checkpoint, so that a
// receiver knows one that comes again, after a restart too.
func (h hooked) Put(ctx context.Context, c anchor.Checkpoint, _ int64) error {
	sum := sha256.Sum256(c.Text())
	return h.Send(ctx, webhook.Text, "msg_"+hex.EncodeToString(sum[:16]), c.Note)
}

// anchor gives checkpoints to the places that the config names until ctx ends.
func (a *App) anchor(ctx context.Context) error {
	list, err := anchors(a.Cfg, AuditDir(a.Dir), a.Logger, a.reportAnchor)
	if err != nil || len(list) == 0 {
		return err
	}
	a.Metrics.anchors(list)
	var g errgroup.Group
	for _, x := range list {
		g.Go(func() error { return x.Run(ctx) })
	}
	return g.Wait()
}

// reportAnchor records that a place has failed for long, or works again.
func (a *App) reportAnchor(ctx context.Context, about Anchored, r anchor.Report) {
	rec := audit.Record{Phase: audit.PhaseEvent, Event: "audit.anchor.recovered", Outcome: "ok",
		Message: fmt.Sprintf("checkpoints are anchored again at the %s %s, after %s", about.Kind, about.Place, r.For.Round(time.Second))}
	if r.Err != nil {
		rec.Event, rec.Outcome = "audit.anchor.failed", "failed"
		rec.Message = fmt.Sprintf("checkpoints are not anchored at the %s %s since %s, %d records are not covered: %v", about.Kind, about.Place, r.For.Round(time.Second), r.Behind, r.Err)
	}
	rec.Message = a.Redactor.Text(rec.Message)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := a.Log.Append(ctx, rec); err != nil {
		a.Logger.Error("an event of an anchor could not be recorded", "event", rec.Event, "error", err)
	}
}
