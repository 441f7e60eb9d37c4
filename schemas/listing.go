package schemas

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Listing is the tool as a model reads it in tools/list: a Tool object of the MCP
// specification, on one line. Of the input schema it has what helps to write a
// call; bounds on lengths are held by Validate, which says so where one is
// passed. Hints that have the specification's default are left out.
func (t Tool) Listing() json.RawMessage {
	if t.listed == nil {
		return t.list()
	}
	t.listed.once.Do(func() { t.listed.entry = t.list() })
	return t.listed.entry
}

// LeanInput is the input schema as it stands in the listing.
func (t Tool) LeanInput() json.RawMessage { return lean(t.Input) }

// WithInput is the tool with another input schema.
func (t Tool) WithInput(schema json.RawMessage) Tool {
	t.Input, t.listed = schema, &listed{}
	return t
}

// WithDescription is the tool with another description.
func (t Tool) WithDescription(text string) Tool {
	t.Description, t.listed = text, &listed{}
	return t
}

// Signature is the arguments in a line, the required first: "channel, text,
// thread_ts?". What may be left out has a question mark.
func (t Tool) Signature() string {
	var top struct {
		Required []string `json:"required"`
	}
	if json.Unmarshal(t.Input, &top) != nil {
		return ""
	}
	all := top.Required
	for _, name := range t.arguments() {
		if !slices.Contains(top.Required, name) {
			all = append(all, name+"?")
		}
	}
	return strings.Join(all, ", ")
}

// arguments are the names of the arguments in the order of the file.
func (t Tool) arguments() (names []string) {
	var top struct {
		Properties json.RawMessage `json:"properties"`
	}
	if json.Unmarshal(t.Input, &top) != nil {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(top.Properties))
	if _, err := dec.Token(); err != nil {
		return nil
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil || dec.Decode(new(json.RawMessage)) != nil {
			return names
		}
		names = append(names, name.(string))
	}
	return names
}

type hints struct {
	ReadOnly    bool  `json:"readOnlyHint,omitempty"`
	Destructive *bool `json:"destructiveHint,omitempty"`
	Idempotent  bool  `json:"idempotentHint,omitempty"`
	OpenWorld   *bool `json:"openWorldHint,omitempty"`
}

// hints are what the specification calls ToolAnnotations. Its defaults are: it
// may write, destroys, is not idempotent, and meets an open world; of a tool that
// only reads, the two in the middle mean nothing.
func (a Annotations) hints() hints {
	h := hints{ReadOnly: a.ReadOnly}
	if !a.ReadOnly {
		h.Destructive, h.Idempotent = &a.Destructive, a.Idempotent
	}
	if a.Closed {
		h.OpenWorld = new(bool)
	}
	return h
}

func (t Tool) list() json.RawMessage {
	entry := struct {
		Name        string          `json:"name"`
		Title       string          `json:"title,omitempty"`
		Description string          `json:"description"`
		Input       json.RawMessage `json:"inputSchema"`
		Output      json.RawMessage `json:"outputSchema,omitempty"`
		Annotations hints           `json:"annotations"`
	}{Name: t.Name, Title: t.Title, Description: t.Description, Input: lean(t.Input), Annotations: t.Annotations.hints()}
	if t.ListOutput {
		entry.Output = lean(t.Output)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(entry); err != nil {
		return nil // texts, flags and JSON that has been read always encode
	}
	return bytes.TrimSpace(b.Bytes())
}

// silent are the keys of JSON Schema that no model needs to write a call.
var silent = []string{"minLength", "maxLength", "maxProperties", "x-sensitive"}

// lean is a schema without what is silent, in the order in which it was written.
func lean(schema json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(schema))
	dec.UseNumber()
	out, err := leanValue(dec, nil, true)
	if err != nil {
		return schema
	}
	return out
}

// leanValue copies the next value. isSchema says that an object's keys are words
// of JSON Schema, and not names of properties or data.
func leanValue(dec *json.Decoder, out []byte, isSchema bool) ([]byte, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		out = append(out, '{')
		for first := true; dec.More(); {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name, _ := key.(string)
			if isSchema && slices.Contains(silent, name) {
				if err := dec.Decode(new(json.RawMessage)); err != nil {
					return nil, err
				}
				continue
			}
			mark := len(out)
			if !first {
				out = append(out, ',')
			}
			out = append(appendJSON(out, name), ':')
			begin := len(out)
			if out, err = leanValue(dec, out, within(name, isSchema)); err != nil {
				return nil, err
			}
			if isSchema && name == "additionalProperties" && string(out[begin:]) == "false" {
				out = out[:mark]
				continue
			}
			first = false
		}
		_, err = dec.Token()
		return append(out, '}'), err
	case json.Delim('['):
		out = append(out, '[')
		for first := true; dec.More(); first = false {
			if !first {
				out = append(out, ',')
			}
			if out, err = leanValue(dec, out, isSchema); err != nil {
				return nil, err
			}
		}
		_, err = dec.Token()
		return append(out, ']'), err
	}
	return appendJSON(out, token), nil
}

// within reports whether what stands under a key is a schema, or a list of them.
// Under "properties" stand names, and below each of those a schema again.
func within(key string, isSchema bool) bool {
	if !isSchema {
		return true // the name of a property
	}
	switch key {
	case "properties", "$defs", "patternProperties", "default", "enum", "const", "examples":
		return false
	}
	return true
}

func appendJSON(out []byte, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a token always encodes
	return append(out, bytes.TrimSpace(b.Bytes())...)
}
