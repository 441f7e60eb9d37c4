package main

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"toolvault/auth"
	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/fault"
)

// gateway serves the fixtures that are plain calls, the way every call of the
// product goes.
type gateway struct{}

var plain = []struct {
	name, description string
	result            tools.Result
}{
	{"test_simple_text", "Returns a simple text.", tools.Result{Text: "This is a simple text response for testing."}},
	{"test_image_content", "Returns an image.", tools.Result{Content: []tools.Content{image}}},
	{"test_audio_content", "Returns a sound.", tools.Result{Content: []tools.Content{
		{Type: "audio", MIME: "audio/wav", Data: decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")},
	}}},
	{"test_embedded_resource", "Returns an embedded resource.", tools.Result{Content: []tools.Content{
		{Type: "resource", URI: "test://embedded-resource", MIME: "text/plain", Text: "This is an embedded resource content."},
	}}},
	{"test_multiple_content_types", "Returns text, an image and a resource.", tools.Result{
		Text: "Multiple content types test:",
		Content: []tools.Content{image, {
			Type: "resource", URI: "test://mixed-content-resource", MIME: "application/json", Text: `{"test":"data","value":123}`,
		}},
	}},
	{"test_error_handling", "Fails on purpose.", tools.Result{
		Failure: fault.New(fault.UpstreamError, "This tool intentionally returns an error for testing"),
	}},
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

func (gateway) List(auth.Identity) []schemas.Tool {
	var list []schemas.Tool
	for _, t := range plain {
		list = append(list, schemas.Tool{
			Name: t.name, Description: t.description, Service: "conformance",
			Annotations: schemas.Annotations{ReadOnly: true, Idempotent: true},
			Input:       json.RawMessage(`{"type":"object","properties":{}}`),
		})
	}
	return list
}

func (gateway) Missing(auth.Identity, tools.Call) (string, bool) { return "", false }

func (gateway) Call(_ context.Context, _ auth.Identity, c tools.Call) tools.Result {
	for _, t := range plain {
		if t.name == c.Tool {
			r := t.result
			r.CallID = "conformance"
			return r
		}
	}
	return tools.Result{CallID: "conformance", Failure: fault.New(fault.NotFound, "There is no such fixture.")}
}
