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

// Annotations are the hints of the MCP specification ("Tool Annotations"), and
// one of our own.
type Annotations struct {
	ReadOnly    bool `json:"readOnly"`
	Destructive bool `json:"destructive"` // changes or removes what was there; false: only adds
	Idempotent  bool `json:"idempotent"`  // the same again changes nothing more
	Closed      bool `json:"closed,omitempty"`

	// Irreversible says that nobody can bring back what the tool takes away. Such a
	// tool is offered to an agent whose config names it, and to no other.
	Irreversible bool `json:"irreversible,omitempty"`
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

	// ListOutput says that the output schema earns its place in tools/list; else it
	// is shown by describe_tool and in the docs.
	ListOutput bool `json:"listOutput,omitempty"`
	// Words are what people call it, for find_tools: never part of tools/list.
	Words string `json:"words,omitempty"`
	// Example is a call that works on the sandbox as it starts: arguments.
	Example json.RawMessage `json:"example,omitempty"`

	Digest string `json:"-"` // SHA-256 of the file, hex

	compiled *compiled
	listed   *listed
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

// listed is the tool's entry in tools/list, made at its first use.
type listed struct {
	once  sync.Once
	entry json.RawMessage
}

// built is what is part of the binary, read once.
var built = sync.OnceValues(func() ([]Tool, error) { return LoadFS(files) })

// Load is every file that is part of the binary, sorted by name. An error names the
// file. What is made of a file at its first use is shared by all who load it.
func Load() ([]Tool, error) {
	tools, err := built()
	return slices.Clone(tools), err
}

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
	t.compiled, t.listed = &compiled{}, &listed{}
	return t, nil
}

// Write reports whether the tool changes something upstream.
func (t Tool) Write() bool { return !t.Annotations.ReadOnly }
