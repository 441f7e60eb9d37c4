package mirror

import (
	"errors"
	"log/slog"
	"time"
)

// outage logs once when a place begins to fail, once more should it turn out that
// somebody has to mend it, and once when it is well again.
type outage struct {
	logger *slog.Logger
	now    func() time.Time
	since  time.Time // zero: all is well
	closed bool      // has been logged as one to mend
}

func (o *outage) begin(err error) {
	var closed *Closed
	mend := errors.As(err, &closed)
	if !o.since.IsZero() && (o.closed || !mend) {
		return
	}
	if o.since.IsZero() {
		o.since = o.now()
	}
	if mend {
		o.closed = true
		o.logger.Error("the mirror stands still: the other side refuses it; mend audit.mirror in the config, or what it names, and it goes on by itself", "error", err)
		return
	}
	o.logger.Warn("the mirror fails: its records wait in the log until it is well again", "error", err)
}

func (o *outage) end() {
	if o.since.IsZero() {
		return
	}
	o.logger.Info("the mirror is well again", "after", o.now().Sub(o.since).Round(time.Second))
	o.since, o.closed = time.Time{}, false
}
