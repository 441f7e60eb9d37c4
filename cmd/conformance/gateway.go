package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"toolvault/audit"
	"toolvault/auth"
	"toolvault/auth/scope"
	"toolvault/auth/server"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
	"toolvault/vault/store"
)

const agent = "conformance"

// fixture is what a fixture that is a plain call answers.
type fixture struct {
	text    string
	content []tools.Content
}

func (f fixture) Text() string             { return f.text }
func (f fixture) Content() []tools.Content { return f.content }

// plain are the fixtures that go the way of every call of the product.
var plain = []struct {
	name, description string
	answer            fixture
	failure           *fault.Error
}{
	{name: "test_simple_text", description: "Returns a simple text.", answer: fixture{text: "This is a simple text response for testing."}},
	{name: "test_image_content", description: "Returns an image.", answer: fixture{content: []tools.Content{image}}},
	{name: "test_audio_content", description: "Returns a sound.", answer: fixture{content: []tools.Content{
		{Type: "audio", MIME: "audio/wav", Data: decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")},
	}}},
	{name: "test_embedded_resource", description: "Returns an embedded resource.", answer: fixture{content: []tools.Content{
		{Type: "resource", URI: "test://embedded-resource", MIME: "text/plain", Text: "This is an embedded resource content."},
	}}},
	{name: "test_multiple_content_types", description: "Returns text, an image and a resource.", answer: fixture{
		text: "Multiple content types test:",
		content: []tools.Content{image, {
			Type: "resource", URI: "test://mixed-content-resource", MIME: "application/json", Text: `{"test":"data","value":123}`,
		}},
	}},
	{name: "test_error_handling", description: "Fails on purpose.",
		failure: fault.New(fault.UpstreamError, "This tool intentionally returns an error for testing")},
}

// imagePNG is one transparent pixel.
const imagePNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="

var image = tools.Content{Type: "image", MIME: "image/png", Data: decode(imagePNG)}

func decode(text string) []byte {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err) // a mistake in a literal
	}
	return b
}

// service is the fixtures as one more service.
func service() (tools.Service, []schemas.Tool, error) {
	s := tools.Service{
		Name: "test", Title: "Test", Endpoint: upstream.Endpoint{Service: "test", BaseURL: "http://127.0.0.1:1"},
		Scopes: scope.NewCatalog("test", scope.Def{Name: "fixtures.read"}),
		Auth:   map[string]vault.Scheme{vault.TypeAPIKey: vault.Bearer},
	}
	var files []schemas.Tool
	for _, p := range plain {
		s.Tools = append(s.Tools, tools.New(p.name, func(context.Context, *upstream.Client, struct{}) (fixture, error) {
			if p.failure != nil {
				return fixture{}, p.failure
			}
			return p.answer, nil
		}))
		file, err := schemas.Parse(fmt.Appendf(nil, `{"name":%q,"title":%[1]q,"service":"test","scope":"fixtures.read","description":%q,
			"annotations":{"readOnly":true,"destructive":false,"idempotent":true},"input":{"type":"object","properties":{}}}`, p.name, p.description))
		if err != nil {
			return tools.Service{}, nil, err
		}
		files = append(files, file)
	}
	return s, files, nil
}

// stack is the product's own: store, vault, tokens, authorization server, audit log
// and gateway, in a folder.
type stack struct {
	gateway *tools.Gateway
	guard   *auth.Guard
	oauth   *server.Server
	secret  vault.Secret // of the agent, at the authorization server
	store   store.Store
	log     *audit.Log
}

func newStack(ctx context.Context, dir, publicURL string, logger *slog.Logger) (*stack, error) {
	st, err := store.OpenSQLite(ctx, filepath.Join(dir, "store.db"))
	if err != nil {
		return nil, err
	}
	keyring, err := vault.OpenKeyring(ctx, st, vault.NewMasterKey())
	if err != nil {
		return nil, err
	}
	s, files, err := service()
	if err != nil {
		return nil, err
	}
	granted, err := s.Scopes.Parse(scope.ReadOnly)
	if err != nil {
		return nil, err
	}
	v := vault.New(vault.Options{Store: st, Keyring: keyring, Logger: logger})
	if _, err := v.Put(ctx, "test/key", vault.Stored{Type: vault.TypeAPIKey, Secret: vault.NewMasterKey()}); err != nil {
		return nil, err
	}
	v.Configure([]vault.Declaration{{
		ID: "test/key", Owner: vault.Owner{Agent: agent}, Service: s.Name, Type: vault.TypeAPIKey, Source: "vault:test/key", Scope: granted,
	}}, map[string]vault.Service{s.Name: {Schemes: s.Auth}})
	log, err := audit.Open(audit.Options{Dir: filepath.Join(dir, "audit"), Key: audit.NewKey(), Name: "conformance", Logger: logger})
	if err != nil {
		return nil, err
	}
	made := &stack{store: st, log: log}
	if err := made.authorize(ctx, keyring, s, publicURL, logger); err != nil {
		return nil, err
	}
	made.gateway, err = tools.NewGateway(tools.Options{
		Services: []tools.Service{s}, Schemas: files, Pool: upstream.NewPool(nil), Vault: v, Log: log, Redactor: audit.NewRedactor(),
		Active: func(string) bool { return true }, Now: time.Now, Logger: logger,
	})
	return made, err
}
