package telemetry

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools/trace"
	"toolvault/vault"
)

func TestRead(t *testing.T) {
	type env map[string]string
	const base = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for name, c := range map[string]struct {
		config   config.Telemetry
		env      env
		endpoint string // "": off
		headers  []string
		sampler  trace.Sampler
		timeout  time.Duration
		ignored  string // what the error says; "": there is none
	}{
		"off":                    {},
		"the config":             {config: config.Telemetry{OTLP: "https://c.example.com:4318"}, endpoint: "https://c.example.com:4318/v1/traces"},
		"the config goes before": {config: config.Telemetry{OTLP: "https://c.example.com"}, env: env{base: "http://other:4318"}, endpoint: "https://c.example.com/v1/traces"},
		"a share": {config: config.Telemetry{OTLP: "https://c.example.com", Sample: 0.25}, env: env{"OTEL_TRACES_SAMPLER": "always_off"},
			endpoint: "https://c.example.com/v1/traces", sampler: trace.Share(0.25)},
		"the environment":   {env: env{base: "http://otel-collector:4318/"}, endpoint: "http://otel-collector:4318/v1/traces"},
		"a path of its own": {env: env{base: "http://otel-collector:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t.example.com/otlp"}, endpoint: "https://t.example.com/otlp"},
		"headers": {env: env{base: "https://c.example.com", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x-tenant = 7"},
			endpoint: "https://c.example.com/v1/traces", headers: []string{"api-key: a b", "x-tenant: 7"}},
		"headers of traces": {env: env{base: "https://c.example.com", "OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "c=d"},
			endpoint: "https://c.example.com/v1/traces", headers: []string{"c: d"}},
		"a sampler": {env: env{base: "https://c.example.com", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"},
			endpoint: "https://c.example.com/v1/traces", sampler: trace.Sampler{Unless: 0.5, Alone: true}},
		"a timeout":            {env: env{base: "https://c.example.com", "OTEL_EXPORTER_OTLP_TIMEOUT": "2500"}, endpoint: "https://c.example.com/v1/traces", timeout: 2500 * time.Millisecond},
		"http/protobuf":        {env: env{base: "https://c.example.com", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, endpoint: "https://c.example.com/v1/traces"},
		"another exporter":     {env: env{base: "https://c.example.com", "OTEL_TRACES_EXPORTER": "none"}},
		"disabled":             {config: config.Telemetry{OTLP: "https://c.example.com"}, env: env{"OTEL_SDK_DISABLED": "TRUE"}},
		"grpc":                 {env: env{base: "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ignored: "over HTTP only"},
		"no URL":               {env: env{base: "collector:4317"}, ignored: "no URL"},
		"a secret in the URL":  {env: env{base: "https://user:canary@c.example.com"}, ignored: "no URL"},
		"headers in the clear": {env: env{base: "http://c.example.com:4318", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=canary"}, ignored: "in the clear"},
		"headers that are two": {env: env{base: "https://c.example.com", "OTEL_EXPORTER_OTLP_HEADERS": "a=canary%0d%0ab: c"}, ignored: "OTEL_EXPORTER_OTLP_HEADERS"},
		"no sampler":           {env: env{base: "https://c.example.com", "OTEL_TRACES_SAMPLER": "xray"}, ignored: "OTEL_TRACES_SAMPLER"},
		"no share":             {env: env{base: "https://c.example.com", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10"}, ignored: "OTEL_TRACES_SAMPLER_ARG"},
		"no attributes":        {env: env{base: "https://c.example.com", "OTEL_RESOURCE_ATTRIBUTES": "prod"}, ignored: "OTEL_RESOURCE_ATTRIBUTES"},
		"no timeout":           {env: env{base: "https://c.example.com", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, ignored: "OTEL_EXPORTER_OTLP_TIMEOUT"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read(Source{Config: c.config, Env: func(name string) string { return c.env[name] }})
			var ignored *IgnoredError
			switch {
			case c.ignored != "":
				if !errors.As(err, &ignored) || !strings.Contains(err.Error(), c.ignored) || strings.Contains(err.Error(), "canary") {
					t.Errorf("error %v", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if c.timeout == 0 && c.endpoint != "" {
				c.timeout = 10 * time.Second
			}
			if s.Endpoint != c.endpoint || s.On() != (c.endpoint != "") || s.Sampler != c.sampler || s.Timeout != c.timeout {
				t.Errorf("settings %+v", s)
			}
			var headers []string
			for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
				headers = append(headers, name+": "+s.Headers[name].Reveal())
			}
			if !slices.Equal(headers, c.headers) {
				t.Errorf("headers %v", headers)
			}
		})
	}
}

// What the config asks for and cannot be had is a mistake.
func TestAHeaderThatIsNotThere(t *testing.T) {
	_, err := Read(Source{
		Config: config.Telemetry{OTLP: "https://c.example.com", Headers: map[string]string{"authorization": "env:NONE"}},
		Secret: func(string) (vault.Secret, error) { return vault.Secret{}, errors.New("NONE is not set") },
		Env:    func(string) string { return "" },
	})
	var ignored *IgnoredError
	if err == nil || errors.As(err, &ignored) || !strings.Contains(err.Error(), "NONE is not set") {
		t.Error(err)
	}
}
