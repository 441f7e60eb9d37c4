package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Whatever holds a secret, and however it is printed, the text stays inside:
// also where fmt reaches it through unexported fields.
func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "hunter2-plain-text"
	s := NewSecret(text)
	type hidden struct{ inner Secret }
	holders := map[string]any{
		"itself":       s,
		"pointer":      &s,
		"slice":        []Secret{s},
		"map":          map[string]Secret{"k": s},
		"exported":     struct{ Key Secret }{s},
		"unexported":   hidden{s},
		"deep":         &struct{ h []hidden }{[]hidden{{s}}},
		"credential":   &Credential{ID: "x", Authorizer: schemed{Bearer, s}, presented: s, secrets: []Secret{s}},
		"app":          App{ClientSecret: s},
		"stored":       Stored{Secret: s, Refresh: s},
		"wrapped":      fmt.Errorf("failed with %v: %w", s, errors.New("x")),
		"config of it": config{services: map[string]Service{"x": {App: App{ClientSecret: s}}}},
	}
	for name, v := range holders {
		var out strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		_, _ = fmt.Fprintln(&out, v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		out.Write(log.Bytes())
		printed := strings.ToLower(out.String())
		for form, needle := range map[string]string{
			"plain": text, "hex": fmt.Sprintf("%x", text), "bytes": strings.Trim(fmt.Sprint([]byte(text)), "[]"),
		} {
			if strings.Contains(printed, needle) {
				t.Errorf("%s prints the secret (%s)", name, form)
			}
		}
	}
	if s.Reveal() != text || s.Empty() || !(Secret{}).Empty() || (Secret{}).Reveal() != "" || !NewSecret("").Empty() {
		t.Error("Reveal or Empty is wrong")
	}
}
