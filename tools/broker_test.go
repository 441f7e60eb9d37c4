package tools_test

import (
	"strings"
	"testing"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/vault"
)

// brokered lets the credential of the shelf be given out.
func brokered(t *testing.T, w *world, may bool) {
	t.Helper()
	d := w.vault.Declarations()[0]
	d.Broker = may
	other := d
	other.ID, other.Owner, other.Source = "shelf/a2", vault.Owner{Agent: "a2"}, "vault:shelf/a2"
	w.vault.Configure([]vault.Declaration{d, other}, map[string]vault.Service{"shelf": {Schemes: shelf("").Auth}})
}

func TestRelease(t *testing.T) {
	ask := tools.ReleaseRequest{Agent: "a1", Service: "shelf", Scope: "book.read", Transport: "http"}
	with := func(change func(*tools.ReleaseRequest)) tools.ReleaseRequest {
		r := ask
		change(&r)
		return r
	}
	narrow := func(w *world) {
		grants, _ := scope.Catalogs{"shelf": shelf("").Scopes}.ParseGrants("shelf:book.read")
		w.id.Grants = grants
	}
	for name, c := range map[string]struct {
		ask    tools.ReleaseRequest
		may    bool
		rules  []auth.Rule
		change func(*world)
		kind   fault.Kind
		text   string
	}{
		"given out":               {ask: ask, may: true},
		"not allowed by config":   {ask: ask, kind: fault.NotFound, text: "broker: true"},
		"another agent's":         {ask: with(func(r *tools.ReleaseRequest) { r.Agent = "a2" }), may: true, kind: fault.NotFound},
		"no such service":         {ask: with(func(r *tools.ReleaseRequest) { r.Service = "attic" }), may: true, kind: fault.NotFound},
		"no such scope":           {ask: with(func(r *tools.ReleaseRequest) { r.Scope = "book.burn" }), may: true, kind: fault.InvalidArguments, text: "book.read"},
		"more than the token":     {ask: with(func(r *tools.ReleaseRequest) { r.Scope = "book.write" }), may: true, change: narrow, kind: fault.NotPermitted, text: "does not allow shelf:book.write"},
		"more than the grant":     {ask: with(func(r *tools.ReleaseRequest) { r.Scope = "custom.write" }), may: true, kind: fault.NotPermitted, text: "grants shelf:custom.write"},
		"suspended":               {ask: ask, may: true, change: func(w *world) { w.active = false }, kind: fault.NotPermitted, text: "suspended"},
		"a rule on arguments":     {ask: ask, may: true, rules: []auth.Rule{{Tools: "shelf_get", Allow: `args.box == "main"`}}, kind: fault.NotPermitted, text: "looks at the arguments of shelf_get"},
		"a rule on another tool":  {ask: ask, may: true, rules: []auth.Rule{{Tools: "shelf_put", Allow: `args.box == "main"`}}, kind: fault.NotPermitted, text: "shelf_put"},
		"a rule that denies":      {ask: ask, may: true, rules: []auth.Rule{{Tools: "*", Deny: `agent == "a1"`}}, kind: fault.NotPermitted, text: "denies"},
		"a rule that denies this": {ask: ask, may: true, rules: []auth.Rule{{Tools: "*", Deny: `tool == "shelf_credential"`}}, kind: fault.NotPermitted, text: "denies"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, c.rules...)
			brokered(t, w, c.may)
			if c.change != nil {
				c.change(w)
			}
			r, f := w.Release(t.Context(), w.id, c.ask)
			var got fault.Kind
			if f != nil {
				got = f.Kind
			}
			if got != c.kind || f != nil && (!strings.Contains(f.Message, c.text) || r.Token != "") || f == nil && r.Token != secret {
				t.Fatalf("%+v, %v", r, f)
			}
			records := w.log.records()
			if len(records) != 1 || records[0].Phase != audit.PhaseCall || records[0].CallID != r.CallID || records[0].Agent != "a1" ||
				records[0].Outcome == "" || strings.Contains(string(records[0].Result)+string(records[0].Arguments)+records[0].Message, secret) {
				t.Errorf("records: %+v", records)
			}
			if f == nil && (records[0].CredentialID != "shelf/a1" || records[0].Scope != "book.read" || r.Narrowed || r.Note == "" || r.Present["header"] != "Authorization") {
				t.Errorf("%+v\n%+v", r, records[0])
			}
		})
	}
}

// No audit, no credential.
func TestReleaseWithoutALog(t *testing.T) {
	w := newWorld(t, nil)
	brokered(t, w, true)
	w.log.fail = func(audit.Record) bool { return true }
	if r, f := w.Release(t.Context(), w.id, tools.ReleaseRequest{Agent: "a1", Service: "shelf"}); f == nil || f.Kind != fault.Internal || r.Token != "" {
		t.Errorf("%+v, %v", r, f)
	}
}
