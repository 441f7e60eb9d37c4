package transport

import (
	"context"
	"encoding/json"
	"testing"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
)

func TestEveryAnswerSaysWhoseAccountActed(t *testing.T) {
	failure := fault.New(fault.UpstreamError, "Notes had a fault.")
	for name, c := range map[string]struct {
		result      tools.Result
		text        string
		name, label string
	}{
		"of many": {
			tools.Result{Text: "Added.", Account: tools.Account{Name: "emea", Label: `workspace "Acme" EMEA`, OfMany: true}},
			"Account: emea (workspace \"Acme\" EMEA)\nAdded.", `"emea"`, `"workspace \"Acme\" EMEA"`,
		},
		"of many, not known what the service calls it": {
			tools.Result{Text: "Added.", Account: tools.Account{Name: "emea", OfMany: true}},
			"Account: emea\nAdded.", `"emea"`, "",
		},
		"the only one":             {tools.Result{Text: "Added.", Account: tools.Account{Name: "emea", Label: "Acme"}}, "Added.", `"emea"`, `"Acme"`},
		"the only one, not named":  {tools.Result{Text: "Added.", Account: tools.Account{Label: "Acme"}}, "Added.", "", `"Acme"`},
		"no credential":            {tools.Result{Text: "Added."}, "Added.", "", ""},
		"structured alone":         {tools.Result{Structured: json.RawMessage(`{"a":1}`), Account: tools.Account{Name: "us", OfMany: true}}, "Account: us\n{\"a\":1}", `"us"`, ""},
		"content alone":            {tools.Result{Content: []tools.Content{{Type: "text", Text: "more"}}, Account: tools.Account{Name: "us", OfMany: true}}, "Account: us", `"us"`, ""},
		"a failure":                {tools.Result{Failure: failure, Account: tools.Account{Name: "us", OfMany: true}}, "Account: us\nNotes had a fault.\n(upstream_error)", `"us"`, ""},
		"a failure before anybody": {tools.Result{Failure: failure}, "Notes had a fault.\n(upstream_error)", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, version string) {
				b := newBed(t)
				b.gateway.tools["acts"] = doubleTool{schema: schema(t, "acts", "read", true), run: func(context.Context, auth.Identity, tools.Call) tools.Result { return c.result }}
				r := b.do(ask{version: version, params: `"name":"acts"`})
				if r.text() != c.text || string(r.Result.Meta["toolvault/account"]) != c.name || string(r.Result.Meta["toolvault/account_label"]) != c.label {
					t.Errorf("%s", r.body)
				}
			})
		})
	}
}
