package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/hubspot"
	"toolvault/tools/idempotency"
	"toolvault/tools/slack"
	"toolvault/tools/trace"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

// answering is an upstream in this process, so that what is measured is ours.
type answering func(*http.Request) string

func (answer answering) RoundTrip(r *http.Request) (*http.Response, error) {
	body := answer(r)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

// nowhere is a collector that takes all at once.
type nowhere struct{}

func (nowhere) Export(context.Context, []*trace.Trace) error { return nil }

func likeHubSpotAndSlack(r *http.Request) string {
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch id {
	case "details":
		return `{"portalId":12345678,"accountType":"STANDARD","timeZone":"Europe/Berlin","uiDomain":"app.hubspot.com"}`
	case "auth.test":
		return `{"ok":true,"url":"https://bench.slack.com/","team":"bench","user":"bot","team_id":"T0123456789","user_id":"U0123456789"}`
	case "conversations.list":
		return `{"ok":true,"channels":[{"id":"C0123456789","name":"bench","is_channel":true,"is_member":true}],"response_metadata":{"next_cursor":""}}`
	case "conversations.info":
		return `{"ok":true,"channel":{"id":"C0123456789","name":"bench","is_channel":true,"is_member":true}}`
	case "chat.postMessage":
		return `{"ok":true,"channel":"C0123456789","ts":"1700000000.123456","message":{"type":"message"}}`
	}
	return `{"id":"` + id + `","properties":{"email":"customer-` + id + `@example.com","firstname":"Customer","lastname":"Number ` + id + `","hs_object_id":"` + id + `"},"createdAt":"2026-01-02T03:04:05.000Z","updatedAt":"2026-02-03T04:05:06.000Z","archived":false}`
}

// BenchmarkCall is the whole path of a call with everything on but the network:
// real schemas, policy, vault and durable audit log.
func BenchmarkCall(b *testing.B) {
	services := []tools.Service{hubspot.New(), slack.New()}
	files, err := schemas.Load()
	check(b, err)
	st, err := store.OpenSQLite(b.Context(), b.TempDir()+"/s.db")
	check(b, err)
	defer func() { _ = st.Close() }()
	keyring, err := vault.OpenKeyring(b.Context(), st, vault.NewMasterKey())
	check(b, err)
	upstreams, catalogs := map[string]vault.Service{}, scope.Catalogs{}
	for _, s := range services {
		upstreams[s.Name], catalogs[s.Name] = vault.Service{Schemes: s.Auth}, s.Scopes
	}
	v := vault.New(vault.Options{Store: st, Keyring: keyring})
	var declared []vault.Declaration
	for i, text := range []string{"crm.objects.contacts.read", "chat:write"} {
		s := services[i]
		granted, err := s.Scopes.Parse(text)
		check(b, err)
		_, err = v.Put(b.Context(), s.Name+"/bench", vault.Stored{Type: vault.TypeServiceToken, Secret: vault.NewSecret("bench-token-of-no-known-shape")})
		check(b, err)
		declared = append(declared, vault.Declaration{
			ID: s.Name + "/bench", Owner: vault.Owner{Agent: "a1"}, Service: s.Name,
			Type: vault.TypeServiceToken, Source: "vault:" + s.Name + "/bench", Scope: granted,
		})
	}
	v.Configure(declared, upstreams)
	running := make(chan error)
	ctx, stop := context.WithCancel(b.Context())
	go func() { running <- v.Run(ctx) }() // only then does it keep records in memory
	defer func() { stop(); <-running }()
	log, err := audit.Open(audit.Options{Dir: b.TempDir() + "/audit", Key: audit.NewKey(), Name: "bench"})
	check(b, err)
	defer func() { _ = log.Close() }()
	g, err := tools.NewGateway(tools.Options{
		Services: services, Schemas: files, Pool: upstream.NewPool(answering(likeHubSpotAndSlack), upstream.Unlimited), Vault: v, Log: log,
		Redactor: audit.NewRedactor(), Active: func(string) bool { return true }, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Ledger: idempotency.New(idempotency.Options{Store: st, Sealer: keyring, Now: time.Now}),
	})
	check(b, err)
	var shapes []auth.ToolShape
	for _, f := range files {
		shapes = append(shapes, auth.ToolShape{Name: f.Name, Service: f.Service, Input: f.Input})
	}
	policy, err := auth.CompilePolicy([]auth.Rule{
		{Tools: "hubspot_get_object", Allow: `args.object_type == "contacts"`},
		{Tools: "slack_post_message", Allow: `args.channel in ["C0123456789"]`},
	}, shapes)
	check(b, err)
	g.SetPolicies(map[string]*auth.Policy{"a1": policy})
	grants, err := catalogs.ParseGrants("hubspot:crm.objects.contacts.read slack:chat:write")
	check(b, err)
	id := auth.Identity{Agent: "a1", TokenID: "0192f0c1-0000-7000-8000-000000000000", Grants: grants}

	var n atomic.Int64
	var tracer *trace.Tracer // nil: off, as it is by default
	one := func(tool, arguments, key string) {
		i := n.Add(1)
		if key != "" {
			key += fmt.Sprint(i)
		}
		t := tracer.Begin(trace.Context{}, trace.Context{}, time.Now())
		r := g.Call(b.Context(), id, tools.Call{
			Trace: t,
			Tool:  tool, Arguments: json.RawMessage(fmt.Sprintf(arguments, 1000+i)), ToolCallID: fmt.Sprint(i),
			CorrelationID: "4bf92f3577b34da6a3ce929d0e0e4736", Client: tools.ClientInfo{Name: "bench", Version: "1"}, Transport: "http",
			IdempotencyKey: key,
		})
		if r.Failure != nil {
			b.Error(r.Failure)
		}
		t.End(time.Now(), "")
	}
	on := trace.New(trace.Options{Exporter: nowhere{}})
	sending := make(chan error)
	go func() { sending <- on.Run(ctx) }()
	defer func() { stop(); <-sending }()
	for _, c := range [][4]string{
		{"read", "hubspot_get_object", `{"object_type":"contacts","id":"%d"}`},
		{"write", "slack_post_message", `{"channel":"C0123456789","text":"message %d"}`},
		{"write-with-key", "slack_post_message", `{"channel":"C0123456789","text":"message %d"}`, "toolu_01AbCdEfGhIjKlMnOpQrStUv"},
		{"read-traced", "hubspot_get_object", `{"object_type":"contacts","id":"%d"}`},
	} {
		if tracer = nil; c[0] == "read-traced" {
			tracer = on
		}
		b.Run(c[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				one(c[1], c[2], c[3])
			}
		})
		b.Run(c[0]+"-64", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one(c[1], c[2], c[3])
				}
			})
		})
	}
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
