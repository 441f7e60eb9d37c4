package schemas

import (
	"encoding/json"
	"testing"
)

// What a model can hold: the bytes of tools/list, on average and of one tool.
const (
	maxAverage = 600
	maxOne     = 1400
)

func TestListingIsSmall(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, tool := range all {
		n := len(tool.Listing())
		total += n
		t.Logf("%5d %s", n, tool.Name)
		if n > maxOne {
			t.Errorf("%s takes %d bytes of tools/list, more than %d", tool.Name, n, maxOne)
		}
	}
	t.Logf("%d tools, %d bytes, %d on average", len(all), total, total/len(all))
	if total > maxAverage*len(all) {
		t.Errorf("%d bytes a tool on average, more than %d", total/len(all), maxAverage)
	}
}

func TestListing(t *testing.T) {
	tool, err := Parse([]byte(`{"name":"x_y","title":"T","service":"x","scope":"","description":"a < b",
		"annotations":{"readOnly":false,"destructive":false,"idempotent":true},"words":"never shown","example":{"a":"b"},
		"input":{"type":"object","properties":{
			"maxLength":{"type":"string","maxLength":5,"minLength":1,"description":"d"},
			"m":{"type":"object","maxProperties":4,"additionalProperties":{"type":"string","maxLength":9}},
			"n":{"type":"array","maxItems":3,"items":{"type":"object","properties":{"k":{"type":"string","x-sensitive":true}},"additionalProperties":false}},
			"e":{"enum":["maxLength",{"maxLength":1}],"default":12345678901234567890}},
			"required":["m"],"additionalProperties":false},
		"output":{"type":"object"}}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"x_y","title":"T","description":"a < b","inputSchema":{"type":"object","properties":{` +
		`"maxLength":{"type":"string","description":"d"},` +
		`"m":{"type":"object","additionalProperties":{"type":"string"}},` +
		`"n":{"type":"array","maxItems":3,"items":{"type":"object","properties":{"k":{"type":"string"}}}},` +
		`"e":{"enum":["maxLength",{"maxLength":1}],"default":12345678901234567890}},` +
		`"required":["m"]},"annotations":{"destructiveHint":false,"idempotentHint":true}}`
	if got := string(tool.Listing()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !json.Valid(tool.Listing()) {
		t.Error("no JSON")
	}
	tool.Annotations = Annotations{ReadOnly: true, Closed: true}
	if got, want := string(tool.WithInput(json.RawMessage(`{}`)).Listing()), `{"name":"x_y","title":"T","description":"a < b","inputSchema":{},"annotations":{"readOnlyHint":true,"openWorldHint":false}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
