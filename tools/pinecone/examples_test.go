package pinecone

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"toolvault/schemas"
	"toolvault/tools"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

// The example of each tool works on a fresh project, shows the tool doing its job,
// and does no more than the tool's annotations say; each request and answer fits
// the official description.
func TestExamples(t *testing.T) {
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range all {
		if file.Service != name {
			continue
		}
		n++
		t.Run(file.Name, func(t *testing.T) {
			double := sandbox.NewPinecone()
			w := against(t, double, toolstest.Answers())
			before := double.Snapshot()
			out, err := w.call(file.Name, string(file.Example))
			if err != nil {
				t.Fatal(err)
			}
			if text := out.(tools.Texter).Text(); strings.TrimSpace(text) == "" || len(text) > 20_000 {
				t.Errorf("text of %d bytes: %.200s", len(text), text)
			} else {
				t.Log(text)
			}
			after := double.Snapshot()
			added, lost := changes(before, after)
			a := file.Annotations
			switch {
			case a.ReadOnly && added+lost > 0:
				t.Errorf("read only, and %d things were added, %d changed or gone", added, lost)
			case !a.ReadOnly && added+lost == 0:
				t.Error("nothing was changed")
			case !a.ReadOnly && !a.Destructive && lost > 0:
				t.Errorf("it only adds, and %d things were changed or gone", lost)
			case a.Destructive && lost == 0:
				t.Error("destructive, and nothing was changed or gone")
			}
			if a.Idempotent {
				_, err := w.call(file.Name, string(file.Example))
				if again := double.Snapshot(); !maps.Equal(after, again) {
					t.Errorf("once more changes more (%v)", err)
				}
			}
		})
	}
	if n != len(New().Tools) {
		t.Errorf("%d files, %d tools", n, len(New().Tools))
	}
}

func changes(before, after map[string]string) (added, lost int) {
	for k, v := range after {
		if old, ok := before[k]; !ok {
			added++
		} else if old != v {
			lost++
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			lost++
		}
	}
	return added, lost
}

// A key that may only look sees its refusal explained by every tool that writes.
func TestWritesNeedAnEditorsKey(t *testing.T) {
	all, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if file.Service != name {
			continue
		}
		double := sandbox.NewPinecone()
		w := against(t, double)
		w.key = sandbox.PineconeReader
		before := double.Snapshot()
		_, err := w.call(file.Name, string(file.Example))
		if file.Annotations.ReadOnly != (err == nil) {
			t.Errorf("%s: %v", file.Name, err)
		}
		if err != nil && !strings.Contains(err.Error(), "role") {
			t.Errorf("%s: %v", file.Name, err)
		}
		if !maps.Equal(before, double.Snapshot()) {
			t.Errorf("%s wrote", file.Name)
		}
	}
}

// What nobody can bring back is marked so, and nothing else.
func TestIrreversible(t *testing.T) {
	all, _ := schemas.Load()
	var got []string
	for _, file := range all {
		if file.Service == name && file.Annotations.Irreversible {
			got = append(got, strings.TrimPrefix(file.Name, "pinecone_"))
		}
	}
	if want := []string{"delete_index", "delete_namespace", "delete_records"}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestListingIsSmall(t *testing.T) {
	all, _ := schemas.Load()
	total, n := 0, 0
	for _, file := range all {
		if file.Service == name {
			size := len(file.Listing())
			total, n = total+size, n+1
			if size > 1400 {
				t.Errorf("%s: %d bytes", file.Name, size)
			}
			if file.Words == "" || len(file.Words) > 200 || len(file.Example) == 0 {
				t.Errorf("%s: words of %d bytes, example of %d", file.Name, len(file.Words), len(file.Example))
			}
		}
	}
	if total > 600*n {
		t.Errorf("%d bytes on average", total/n)
	}
}

func TestWrongKindOfIndexIsExplained(t *testing.T) {
	w := sandboxed(t)
	for _, c := range []struct{ tool, args, want string }{
		{"search_records", `{"index":"product-images","text":"x"}`, "pinecone_query_vectors"},
		{"search_records", `{"index":"help-articles","text":"x"}`, "pinecone_search_documents"},
		{"query_vectors", `{"index":"help-articles","vector":[1,2]}`, "type dense_vector"},
		{"search_documents", `{"index":"support-tickets","query":"x"}`, "pinecone_search_records"},
		{"search_documents", `{"index":"product-images","query":"x"}`, "pinecone_query_vectors"},
		{"upsert_records", `{"index":"product-images","namespace":"n","records":[{"_id":"1","text":"x"}]}`, "pinecone_upsert_vectors"},
		{"upsert_records", `{"index":"help-articles","namespace":"n","records":[{"_id":"1","text":"x"}]}`, "pinecone_upsert_documents"},
		{"upsert_vectors", `{"index":"help-articles","namespace":"n","vectors":[{"id":"1","values":[1]}]}`, "pinecone_upsert_documents"},
		{"upsert_documents", `{"index":"faq","namespace":"n","documents":[{"_id":"1"}]}`, "pinecone_upsert_records"},
		{"update_record", `{"index":"help-articles","id":"art-1","values":[1]}`, "a vector is a field"},
		{"cascading_search", `{"indexes":[{"index":"product-images"}],"text":"x"}`, "pinecone_query_vectors"},
	} {
		_, err := w.call("pinecone_"+c.tool, c.args)
		if f := toolstest.FaultOf(t, err); f.Kind != "invalid_arguments" || !f.NotSent || !strings.Contains(f.Message, c.want) {
			t.Errorf("%s: %v", c.tool, err)
		}
	}
}

func TestNamespacesThatAreNotThere(t *testing.T) {
	w := sandboxed(t)
	for tool, more := range map[string]string{
		"pinecone_query_vectors":     `,"id":"img-chair-1"`,
		"pinecone_fetch_records":     `,"ids":["img-chair-1"]`,
		"pinecone_fetch_by_metadata": `,"filter":{"colour":"brown"}`,
		"pinecone_list_record_ids":   ``,
		"pinecone_delete_namespace":  `,"confirm":"seson-2024"`,
		"pinecone_delete_records":    `,"ids":["a"]`,
	} {
		out, err := w.call(tool, `{"index":"product-images","namespace":"seson-2024"`+more+`}`)
		said := fmt.Sprint(err)
		if err == nil {
			said = out.(tools.Texter).Text()
		}
		if !strings.Contains(said, `Did you mean "season-2024"?`) {
			t.Errorf("%s: %s", tool, said)
		}
	}
}
