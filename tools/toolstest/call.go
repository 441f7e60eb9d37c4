package toolstest

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/upstream"
)

var files = sync.OnceValues(schemas.Load)

// Call calls a tool of the service as the gateway does: the arguments are held
// against the schema file, which also fills in defaults, and the result, which is
// returned as the handler gave it, is held against the file's output schema.
// Arguments that do not fit are an error like any other.
func Call(t testing.TB, svc tools.Service, c *upstream.Client, tool, args string) (any, error) {
	t.Helper()
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Name != tool {
			continue
		}
		fitting, err := f.Validate(json.RawMessage(args))
		if err != nil {
			return nil, err
		}
		for _, h := range svc.Tools {
			if h.Name != tool {
				continue
			}
			out, err := h.Run(t.Context(), c, fitting.Raw)
			if err != nil {
				return nil, err
			}
			b, err := json.Marshal(out)
			if err != nil {
				t.Fatalf("%s: %v", tool, err)
			}
			if err := f.ValidateOutput(b); err != nil {
				t.Errorf("%s: the result does not fit the output schema: %v\n%s", tool, err, b)
			}
			return out, nil
		}
	}
	t.Fatalf("there is no tool %s", tool)
	return nil, nil
}

// Size is how many bytes of a tool's file a model reads: name, description and
// input, compact.
func Size(f schemas.Tool) int {
	b, err := json.Marshal(struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Input       json.RawMessage `json:"input"`
	}{f.Name, f.Description, f.Input})
	if err != nil {
		return 0
	}
	return len(b)
}

// Sizes logs the size of every tool of the service, and fails above most bytes
// on average: a model reads all of them with every request.
func Sizes(t testing.TB, svc tools.Service, most int) {
	t.Helper()
	all, err := files()
	if err != nil {
		t.Fatal(err)
	}
	total, n := 0, 0
	text := ""
	for _, f := range all {
		if f.Service == svc.Name {
			total, n = total+Size(f), n+1
			text += fmt.Sprintf("\n%6d %s", Size(f), f.Name)
		}
	}
	t.Logf("bytes a tool, %d in all:%s", total, text)
	if n > 0 && total/n > most {
		t.Errorf("%d bytes a tool on average, more than %d", total/n, most)
	}
}
