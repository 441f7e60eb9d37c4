package app

import (
	"errors"
	"net/url"
	"os"

	"github.com/google/uuid"

	"toolvault/cmd/toolvault/internal/telemetry"
	"toolvault/tools/trace"
)

// openTracing makes the tracer that the config or the environment asks for; none
// where they don't.
func (a *App) openTracing() error {
	host, _ := os.Hostname() // without a name it is left out
	settings, err := telemetry.Read(telemetry.Source{
		Config: a.Cfg.Telemetry, Secret: a.Cfg.Lookup, Env: os.Getenv,
		Version: a.Version, Host: host, ID: uuid.NewString(),
	})
	var ignored *telemetry.IgnoredError
	switch {
	case errors.As(err, &ignored):
		a.Logger.Warn(ignored.Error())
		return nil
	case err != nil || !settings.On():
		return err
	}
	a.tracer = trace.New(trace.Options{
		Exporter: telemetry.NewExporter(settings, a.Version, nil), Sampler: settings.Sampler, Logger: a.Logger,
	})
	if u, err := url.Parse(settings.Endpoint); err == nil {
		a.Logger.Info("traces of calls are sent to a collector", "host", u.Host)
	}
	return nil
}
