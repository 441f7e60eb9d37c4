// Package telemetry sends what calls have recorded of themselves to an
// OpenTelemetry collector: where to, as the config file or the environment has
// it, and in which form (OTLP over HTTP).
//
// It is off unless somebody names a collector. What is sent holds no secret and no
// argument: see package trace, which bounds it too.
package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/cmd/toolvault/internal/otlp"
	"toolvault/tools/trace"
	"toolvault/vault"
)

const defaultTimeout = 10 * time.Second // of one request, as the specification has it

// Settings is where traces go, and how many.
type Settings struct {
	Endpoint   string // of traces, whole; "": they are not recorded
	Headers    map[string]vault.Secret
	Timeout    time.Duration // of one request
	Sampler    trace.Sampler
	Attributes []otlp.KeyValue // of the resource: who sends
}

// On reports whether anything is recorded.
func (s Settings) On() bool { return s.Endpoint != "" }

// Source is where settings come from.
type Source struct {
	Config  config.Telemetry
	Secret  func(reference string) (vault.Secret, error) // what a reference in Config stands for
	Env     func(name string) string                     // the environment; "" for what is not set
	Version string                                       // of the program
	Host    string                                       // of the machine; may be empty
	ID      string                                       // of the process, like no other
}

// IgnoredError says that the environment asks for traces in a way that cannot be
// had. Its variables are for many programs, so it is no reason not to start.
type IgnoredError struct{ Reason string }

func (e *IgnoredError) Error() string {
	return e.Reason + "; no traces are recorded"
}

func ignored(format string, args ...any) error { return &IgnoredError{fmt.Sprintf(format, args...)} }

// Read finds the settings: the config's, and where it is silent the variables
// that OpenTelemetry has for all programs
// (opentelemetry.io/docs/specs/otel/protocol/exporter). Off is no error. An error
// is an *IgnoredError where only the environment is to blame.
func Read(s Source) (Settings, error) {
	if strings.EqualFold(s.Env("OTEL_SDK_DISABLED"), "true") {
		return Settings{}, nil
	}
	out := Settings{Timeout: defaultTimeout}
	fill := out.fromConfig
	if s.Config.OTLP == "" {
		fill = out.fromEnvironment
	}
	if err := fill(s); err != nil {
		return Settings{}, err
	}
	if !out.On() {
		return Settings{}, nil
	}
	out.Sampler = trace.Share(s.Config.Sample)
	if s.Config.Sample == 0 {
		var err error
		if out.Sampler, err = trace.ParseSampler(s.Env("OTEL_TRACES_SAMPLER"), s.Env("OTEL_TRACES_SAMPLER_ARG")); err != nil {
			return Settings{}, ignored("%v", err)
		}
	}
	var err error
	out.Attributes, err = resource(s)
	return out, err
}

func (out *Settings) fromConfig(s Source) error {
	out.Endpoint = s.Config.OTLP + otlp.PathTraces
	for name, reference := range s.Config.Headers {
		secret, err := s.Secret(reference)
		if err != nil {
			return fmt.Errorf("telemetry.headers in the config: %w", err)
		}
		if out.Headers == nil {
			out.Headers = map[string]vault.Secret{}
		}
		if strings.ContainsAny(secret.Reveal(), "\r\n\x00") {
			return fmt.Errorf("telemetry.headers in the config: what %s stands for has a line break in it, which no header takes", reference)
		}
		out.Headers[name] = secret
	}
	return nil
}

func (out *Settings) fromEnvironment(s Source) error {
	own := func(name string) string { // the one for traces before the one for all signals
		if v := s.Env("OTEL_EXPORTER_OTLP_TRACES_" + name); v != "" {
			return v
		}
		return s.Env("OTEL_EXPORTER_OTLP_" + name)
	}
	switch {
	case s.Env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "":
		out.Endpoint = s.Env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	case s.Env("OTEL_EXPORTER_OTLP_ENDPOINT") != "":
		out.Endpoint = strings.TrimRight(s.Env("OTEL_EXPORTER_OTLP_ENDPOINT"), "/") + otlp.PathTraces
	default:
		return nil
	}
	if e := s.Env("OTEL_TRACES_EXPORTER"); e != "" && e != "otlp" {
		out.Endpoint = ""
		return nil
	}
	if p := own("PROTOCOL"); p != "" && !strings.HasPrefix(p, "http/") {
		return ignored("OTEL_EXPORTER_OTLP_PROTOCOL asks for %q, and toolvault speaks OTLP over HTTP only: name the collector's HTTP endpoint (port 4318) and set http/json", clip(p))
	}
	u, err := url.Parse(out.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return ignored("OTEL_EXPORTER_OTLP_ENDPOINT is no URL of a collector such as https://collector.example.com:4318")
	}
	if ms := own("TIMEOUT"); ms != "" {
		n, err := strconv.Atoi(ms)
		if err != nil || n < 1 || n > 600_000 {
			return ignored("OTEL_EXPORTER_OTLP_TIMEOUT has to be a number of milliseconds")
		}
		out.Timeout = time.Duration(n) * time.Millisecond
	}
	headers, err := pairs(own("HEADERS"))
	if err != nil {
		return ignored("OTEL_EXPORTER_OTLP_HEADERS has to be NAME=VALUE, and a comma between several")
	}
	if len(headers) > 0 && u.Scheme == "http" && !config.IsNear(u.Hostname()) {
		return ignored("OTEL_EXPORTER_OTLP_HEADERS would go to %s in the clear: use https", clip(u.Hostname()))
	}
	for name, value := range headers {
		if out.Headers == nil {
			out.Headers = map[string]vault.Secret{}
		}
		out.Headers[name] = vault.NewSecret(value)
	}
	return nil
}

// resource is who sends: what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say,
// and of the rest what they leave open.
func resource(s Source) ([]otlp.KeyValue, error) {
	set, err := pairs(s.Env("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return nil, ignored("OTEL_RESOURCE_ATTRIBUTES has to be KEY=VALUE, and a comma between several")
	}
	if name := s.Env("OTEL_SERVICE_NAME"); name != "" {
		set["service.name"] = name
	}
	var all []otlp.KeyValue
	for _, own := range [][2]string{
		{"service.name", "toolvault"}, {"service.version", s.Version}, {"service.instance.id", s.ID}, {"host.name", s.Host},
	} {
		value, ok := set[own[0]]
		if !ok {
			value = own[1]
		}
		delete(set, own[0])
		if value != "" {
			all = append(all, otlp.String(own[0], value))
		}
	}
	for key, value := range set {
		all = append(all, otlp.String(key, value))
	}
	return all, nil
}

const maxPairs, maxPair = 64, 4096

// pairs reads a list of the form key=value,key=value, with values as in a URL
// (W3C Baggage).
func pairs(text string) (map[string]string, error) {
	found := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || key == "" || len(found) == maxPairs || len(part) > maxPair || strings.ContainsAny(key+value, "\r\n\x00") {
			return nil, errors.New("malformed list")
		}
		found[key] = value
	}
	return found, nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80]
	}
	return s
}
