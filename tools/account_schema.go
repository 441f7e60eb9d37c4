package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"toolvault/auth"
	"toolvault/schemas"
)

// slots are the places in the text of an input schema where an argument and its
// being required are put in, so that the rest of it stays as it was written.
type slots struct {
	properties, required int64 // what follows { and [; 0: the schema has no such key
	noProperties         bool  // the object is empty
	noRequired           bool
}

// findSlots reads an input schema. One that has an argument of that name is an
// error: the two could not be told apart.
func findSlots(schema json.RawMessage, argument string) (s slots, err error) {
	dec := json.NewDecoder(bytes.NewReader(schema))
	open := func(want json.Delim) (int64, error) {
		t, err := dec.Token()
		if err == nil && t != want {
			err = fmt.Errorf("there is no %v where one belongs", want)
		}
		return dec.InputOffset(), err
	}
	skip := func() error {
		var value json.RawMessage
		return dec.Decode(&value)
	}
	if _, err := open('{'); err != nil {
		return s, err
	}
	if !dec.More() {
		return s, errors.New("it has no keys, not even a type")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return s, err
		}
		switch key {
		case "properties":
			if s.properties, err = open('{'); err != nil {
				return s, err
			}
			for s.noProperties = !dec.More(); dec.More(); {
				name, err := dec.Token()
				if err != nil {
					return s, err
				}
				if name == argument {
					return s, fmt.Errorf("it has an argument %q, which is the name of the one that chooses among accounts", argument)
				}
				if err := skip(); err != nil {
					return s, err
				}
			}
			_, err = dec.Token()
		case "required":
			if s.required, err = open('['); err != nil {
				return s, err
			}
			for s.noRequired = !dec.More(); dec.More(); {
				if err := skip(); err != nil {
					return s, err
				}
			}
			_, err = dec.Token()
		default:
			err = skip()
		}
		if err != nil {
			return s, err
		}
	}
	_, err = dec.Token()
	return s, err
}

// with puts a required argument into the schema, before all others.
func (s slots) with(schema json.RawMessage, argument string, property json.RawMessage) json.RawMessage {
	member, name := fmt.Sprintf("%q:%s", argument, property), fmt.Sprintf("%q", argument)
	start := int64(bytes.IndexByte(schema, '{') + 1)
	type insert struct {
		at   int64
		text string
	}
	inserts := []insert{{s.properties, member}, {s.required, name}}
	if !s.noProperties {
		inserts[0].text += ","
	}
	if !s.noRequired {
		inserts[1].text += ","
	}
	if s.properties == 0 {
		inserts[0] = insert{start, `"properties":{` + member + `},`}
	}
	if s.required == 0 {
		inserts[1] = insert{start, `"required":[` + name + `],`}
	}
	if inserts[0].at > inserts[1].at {
		inserts[0], inserts[1] = inserts[1], inserts[0]
	}
	out := make(json.RawMessage, 0, len(schema)+len(inserts[0].text)+len(inserts[1].text))
	var from int64
	for _, i := range inserts {
		out = append(append(out, schema[from:i.at]...), i.text...)
		from = i.at
	}
	return append(out, schema[from:]...)
}

// maxForms bounds of how many forms of a tool one is kept.
const maxForms = 64

// forms are a tool as it is for callers who have something different, such as the
// accounts among which they choose.
type forms struct {
	mu sync.Mutex
	by map[string]schemas.Tool
}

// form is the form of a tool that goes by the key: the one that is kept, or that
// of build.
func (b *bound) form(key string, build func() schemas.Tool) schemas.Tool {
	b.forms.mu.Lock()
	defer b.forms.mu.Unlock()
	if t, ok := b.forms.by[key]; ok {
		return t
	}
	t := build()
	if b.forms.by == nil || len(b.forms.by) >= maxForms {
		b.forms.by = map[string]schemas.Tool{}
	}
	b.forms.by[key] = t
	return t
}

// asking is the tool as it is for somebody who has these accounts.
func (b *bound) asking(names []string) schemas.Tool {
	return b.form(strings.Join(names, " "), func() schemas.Tool {
		property, err := json.Marshal(struct {
			Type        string   `json:"type"`
			Enum        []string `json:"enum"`
			Description string   `json:"description"`
		}{"string", names, "Which " + b.service.Title + " account the call is about."})
		if err != nil {
			return b.schema // texts always encode
		}
		return b.schema.WithInput(b.slots.with(b.schema.Input, auth.Account, property))
	})
}
