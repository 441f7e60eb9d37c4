package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Format names the form of a file; another version has another name.
const Format = "toolvault.dev/audit-proof@v1"

const (
	// MaxFile is the size of the largest file that Verify takes, in bytes.
	MaxFile = 8 << 20

	maxRecords = 16
	maxKeys    = 64        // changes of the key
	maxLeaf    = 1<<16 - 1 // as in a log's tiles
	maxBody    = 256 << 10
)

// file is its form on disk.
type file struct {
	Format  string   `json:"format"`
	CallID  string   `json:"call_id,omitempty"` // of all the records; none: one record that belongs to no call
	Records []record `json:"records"`
	Keys    []record `json:"keys,omitempty"` // the records by which keys of the log gave way to the next, oldest first
}

type record struct {
	Leaf       string `json:"leaf"`
	Body       string `json:"body,omitempty"`        // left out where it was erased or is withheld
	BodyBase64 string `json:"body_base64,omitempty"` // in its place, where it is not UTF-8
	Proof      string `json:"proof"`
}

func (r *record) setBody(b []byte) {
	if utf8.Valid(b) {
		r.Body = string(b)
		return
	}
	r.BodyBase64 = base64.StdEncoding.EncodeToString(b)
}

// body is nil where there is none.
func (r *record) body() ([]byte, error) {
	switch {
	case r.Body != "" && r.BodyBase64 != "":
		return nil, errors.New("a record has two bodies")
	case r.Body != "":
		return []byte(r.Body), nil
	case r.BodyBase64 == "":
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(r.BodyBase64)
	if err != nil || len(b) == 0 || base64.StdEncoding.EncodeToString(b) != r.BodyBase64 {
		return nil, errors.New("body_base64 of a record is not base64")
	}
	return b, nil
}

func (f *file) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(f)
	return b.Bytes(), err
}

// decode reads a file strictly: what a person sees in it and what is checked are
// the same, so no member may be there twice, or be one that is not looked at.
func decode(text []byte) (*file, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("the file is larger than any proof (%d bytes)", MaxFile)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the file is no proof: it is not UTF-8")
	}
	if err := once(text); err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, errors.New("the file is no proof: it is not of the form that `toolvault audit prove` writes")
	}
	switch {
	case f.Format != Format:
		return nil, fmt.Errorf("the file is no proof that this program knows: its format is %.40q, not %q", f.Format, Format)
	case len(f.Records) == 0:
		return nil, errors.New("the file proves no record")
	case len(f.Records) > maxRecords:
		return nil, fmt.Errorf("the file has more than %d records", maxRecords)
	case len(f.Keys) > maxKeys:
		return nil, fmt.Errorf("the file has more than %d changes of the key", maxKeys)
	}
	return &f, nil
}

// known are the members that a file may have.
var known = []string{"format", "call_id", "records", "keys", "leaf", "body", "body_base64", "proof"}

// once refuses members that are there twice, or are not known, and anything behind
// the document.
func once(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		object bool
		name   bool // a name comes next
		seen   []string
	}
	var open []*level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.New("the file is no proof: it is not JSON")
		}
		var in *level
		if len(open) > 0 {
			in = open[len(open)-1]
		}
		switch d, _ := token.(json.Delim); {
		case d == '}' || d == ']':
			open = open[:len(open)-1]
			if len(open) == 0 && len(bytes.TrimSpace(text[dec.InputOffset():])) > 0 {
				return errors.New("the file is no proof: something follows it")
			}
			continue
		case in != nil && in.object && in.name:
			name, _ := token.(string)
			if !slices.Contains(known, name) {
				return fmt.Errorf("the file is no proof that this program knows: it has %.40q", name)
			}
			if slices.Contains(in.seen, name) {
				return fmt.Errorf("the file is no proof: it has %q twice in one place", name)
			}
			in.seen, in.name = append(in.seen, name), false
			continue
		case d == '{' || d == '[':
			if len(open) == 4 {
				return errors.New("the file is no proof: it is nested too deeply")
			}
			open = append(open, &level{object: d == '{', name: d == '{'})
		}
		if in != nil {
			in.name = in.object
		}
	}
}
