package audit

import (
	"bytes"
	"encoding/json"
	"strings"
)

const (
	masked = "[redacted]"

	// A shorter secret is not searched by value: it stands in ordinary words and
	// numbers by chance, and masking all of those would betray it, and spoil the
	// text besides.
	shortestSecret = 6
	// Four of twenty characters or more may be shown, so that people can tell
	// two secrets apart.
	shortestShown = 20

	maxRedactDepth = 200
	maxRedactBytes = 16 << 20
)

// mask is what stands in a secret's place.
func mask(secret string) string {
	if len(secret) < shortestShown {
		return masked
	}
	last := secret[len(secret)-4:]
	for i := range len(last) {
		if last[i] <= ' ' || last[i] >= 0x7f || last[i] == '"' || last[i] == '\\' {
			return masked
		}
	}
	return "************" + last
}

// Redactor removes secrets from what leaves the process: by the shapes of known
// tokens, by the names of keys, by the places that a schema marks, and by value.
// By value means each of the given secrets plain, JSON-escaped, URL-encoded, in
// hex (either case) and in base64 (standard and URL alphabet, padded or not, at
// any alignment within a longer text, on one line). It keeps no secret: sets of
// secrets that come again are recognised by their SHA-256, and found by keyed
// fingerprints. It may be used by many goroutines at once.
type Redactor struct{ sets *setCache }

// NewRedactor returns a redactor for the known shapes and names.
func NewRedactor() *Redactor { return &Redactor{newSetCache()} }

// Secrets is a redactor that is prepared for certain secrets, for those who have
// many texts to search for the same ones, as a call has. The zero value searches
// for no values.
type Secrets struct{ set *needles }

// For prepares the search for some secrets.
func (r *Redactor) For(secrets ...string) Secrets { return Secrets{r.sets.get(secrets)} }

// Text is Secrets.Text for a text that stands alone.
func (r *Redactor) Text(s string, secrets ...string) string { return r.For(secrets...).Text(s) }

// Values is Secrets.Values for a text that stands alone.
func (r *Redactor) Values(s string, secrets ...string) string { return r.For(secrets...).Values(s) }

// JSON is Secrets.JSON for a text that stands alone.
func (r *Redactor) JSON(raw json.RawMessage, sensitive []string, secrets ...string) json.RawMessage {
	return r.For(secrets...).JSON(raw, sensitive)
}

// Tokens is Secrets.Tokens for a text that stands alone.
func (r *Redactor) Tokens(s string, secrets ...string) string { return r.For(secrets...).Tokens(s) }

// TokensJSON is Secrets.TokensJSON for a text that stands alone.
func (r *Redactor) TokensJSON(raw json.RawMessage, secrets ...string) json.RawMessage {
	return r.For(secrets...).TokensJSON(raw)
}

// Text masks a text by value and by shape, and the values of sensitive names in
// query strings, headers and JSON within it. Over 16 MiB it is masked whole.
func (k Secrets) Text(s string) string {
	if len(s) > maxRedactBytes {
		return masked
	}
	return shapes(k.set.mask(s), byName)
}

// Values masks a text by value only.
func (k Secrets) Values(s string) string {
	if len(s) > maxRedactBytes {
		return masked
	}
	return k.set.mask(s)
}

// JSON masks a JSON text: values by name of their key, values at the places that
// sensitive lists (JSON pointers, RFC 6901, where * stands for every item or
// member, e.g. "/properties/*/ssn"), and all strings, keys and numbers by value
// and shape. The result is valid JSON with all keys in their order. What is not
// JSON, or has a secret across two values, comes back as a JSON string; nothing (raw is empty) as nothing. Deeper
// than 200 levels or over 16 MiB it is masked whole.
func (k Secrets) JSON(raw json.RawMessage, sensitive []string) json.RawMessage {
	return k.json(raw, sensitive, byName)
}

// Tokens masks a text by value, and what has the shape of a known token. It goes
// by no names: it is for what a model has asked to see, where a field may well be
// called "token" and hold a page number.
func (k Secrets) Tokens(s string) string {
	if len(s) > maxRedactBytes {
		return masked
	}
	return shapes(k.set.mask(s), byShape)
}

// TokensJSON is Tokens for every string, key and number of a JSON text.
func (k Secrets) TokensJSON(raw json.RawMessage) json.RawMessage {
	return k.json(raw, nil, byShape)
}

// ShownAndRecorded is TokensJSON, for the model, and the JSON of that, for the
// log. Where nothing is masked by name, which is nearly always, both are one text
// and one search: what JSON leaves as it is, TokensJSON does too.
func (k Secrets) ShownAndRecorded(raw json.RawMessage) (shown, recorded json.RawMessage) {
	recorded = k.JSON(raw, nil)
	if bytes.Equal(recorded, raw) {
		return recorded, recorded
	}
	shown = k.TokensJSON(raw)
	return shown, k.JSON(shown, nil)
}

// reach is what redaction goes by, beside values.
type reach int

const (
	byShape reach = iota // the shapes of known tokens
	byName               // those, and the names of keys, parameters and headers
)

func (k Secrets) json(raw json.RawMessage, sensitive []string, by reach) json.RawMessage {
	if len(raw) == 0 {
		return raw
	}
	if len(raw) > maxRedactBytes {
		return json.RawMessage(`"` + masked + `"`)
	}
	w := walker{in: string(raw), set: k.set, by: by}
	err := w.document(sensitive)
	if err == errTooDeep {
		return json.RawMessage(`"` + masked + `"`)
	}
	if err == nil {
		out := raw
		if w.out != nil {
			out = append(w.out, w.in[w.done:]...)
			w.in = string(out)
		}
		if len(w.set.find(w.in)) == 0 {
			return out
		}
		// A secret stands across two values: then it is worth more than the form.
	}
	text := w.set.mask(strings.ToValidUTF8(w.in, "\ufffd"))
	return appendJSONString(nil, shapes(text, by))
}
