package toolstest

import (
	"context"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/upstream"
)

func TestFitsFindsEveryDrift(t *testing.T) {
	type in struct {
		Name  string `json:"name"`
		Limit int    `json:"limit"`
	}
	type out struct {
		ID   string   `json:"id"`
		Tags []string `json:"tags,omitempty"`
	}
	tool := tools.New("x_y", func(context.Context, *upstream.Client, in) (out, error) { return out{}, nil })
	const input = `{"type":"object","properties":{"name":{"type":"string","maxLength":9},"limit":{"type":"integer","maximum":9}},"required":["name"],"additionalProperties":false}`
	const output = `{"type":"object","properties":{"id":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}},"required":["id"]}`
	for _, c := range []struct{ name, old, new, want string }{
		{"all is well", "", "", ""},
		{"a field is missing in the schema", `,"limit":{"type":"integer","maximum":9}`, ``, `the handler has "limit"`},
		{"a field is missing in the struct", `{"name":{`, `{"more":{"type":"boolean"},"name":{`, `the schema has "more"`},
		{"another type", `"limit":{"type":"integer"`, `"limit":{"type":"string"`, "the schema says [string]"},
		{"no bound on a text", `,"maxLength":9`, ``, "without maxLength"},
		{"no bound on a number", `,"maximum":9`, ``, "without maximum"},
		{"open to unknown arguments", `,"additionalProperties":false`, ``, "additionalProperties"},
		{"required and not there", `"required":["name"]`, `"required":["nome"]`, `"nome" is required`},
		{"required where it may be left out", `"required":["id"]`, `"required":["id","tags"]`, "output.tags"},
		{"not required where it is always there", `,"required":["id"]`, ``, "output.id"},
		{"another type within a list", `"items":{"type":"string"}`, `"items":{"type":"integer"}`, "output.tags[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := schemas.Tool{Name: "x_y", Input: []byte(strings.Replace(input, c.old, c.new, 1)), Output: []byte(strings.Replace(output, c.old, c.new, 1))}
			got := strings.Join(fits(tool, f), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
