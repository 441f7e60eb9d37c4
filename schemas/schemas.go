// Package schemas is what the model sees: one JSON file a tool, by service,
// written by hand, since that text is the product for a model.
//
// It loads the files, which are part of the binary, and validates arguments
// against them. It knows nothing of handlers.
package schemas

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed */*.json
var files embed.FS

// Annotations are the hints of the MCP specification ("Tool Annotations").
type Annotations struct {
	ReadOnly    bool `json:"readOnly"`
	Destructive bool `json:"destructive"`
	Idempotent  bool `json:"idempotent"`
}

// Tool is one tool as its file describes it.
type Tool struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Service     string          `json:"service"`
	Scope       string          `json:"scope"` // may hold a placeholder: "crm.objects.{object_type}.read"; "" needs any grant
	Description string          `json:"description"`
	Annotations Annotations     `json:"annotations"`
	Input       json.RawMessage `json:"input"`
	Output      json.RawMessage `json:"output"`

	Digest string `json:"-"` // SHA-256 of the file, hex

	compiled *compiled
}

// compiled is what is made of a file at its first use.
type compiled struct {
	once       sync.Once
	schema     *jsonschema.Schema
	output     *jsonschema.Schema
	properties []string
	defaults   map[string]any
	sensitive  []string
	err        error
}

// Load reads every file that is part of the binary, sorted by name. An error
// names the file.
func Load() ([]Tool, error) { return LoadFS(files) }

// LoadFS reads every SERVICE/NAME.json of a file system.
func LoadFS(fsys fs.FS) ([]Tool, error) {
	names, err := fs.Glob(fsys, "*/*.json")
	if err != nil {
		return nil, err
	}
	tools := make([]Tool, 0, len(names))
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		t, err := Parse(b)
		if err != nil {
			return nil, fmt.Errorf("schemas/%s: %w", name, err)
		}
		if t.Service != path.Dir(name) || t.Name != strings.TrimSuffix(path.Base(name), ".json") {
			return nil, fmt.Errorf("schemas/%s: holds the tool %q of %q", name, t.Name, t.Service)
		}
		tools = append(tools, t)
	}
	slices.SortFunc(tools, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	return tools, nil
}

// Parse reads one file. Unknown keys are errors.
func Parse(b []byte) (Tool, error) {
	var t Tool
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&t); err != nil {
		return Tool{}, err
	}
	if t.Name == "" || t.Service == "" || t.Description == "" || len(t.Input) == 0 {
		return Tool{}, fmt.Errorf("name, service, description and input are required")
	}
	sum := sha256.Sum256(b)
	t.Digest = hex.EncodeToString(sum[:])
	t.compiled = &compiled{}
	return t, nil
}

// Write reports whether the tool changes something upstream.
func (t Tool) Write() bool { return !t.Annotations.ReadOnly }
