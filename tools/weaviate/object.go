package weaviate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

const (
	briefText = 600    // characters of one value in a list
	wholeText = 20_000 // and where there is one object
	maxAnswer = 50_000 // bytes of the values of one object
)

// Object is one object of a collection.
type Object struct {
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties"` // text, number, boolean; all else as its JSON
	Created    string         `json:"created,omitempty"`
	Updated    string         `json:"updated,omitempty"`
}

// objectModel is the wire's form.
type objectModel struct {
	Class      string                     `json:"class"`
	ID         string                     `json:"id"`
	Properties map[string]json.RawMessage `json:"properties"`
	Created    int64                      `json:"creationTimeUnix"`
	Updated    int64                      `json:"lastUpdateTimeUnix"`
}

func (m objectModel) object(most int) Object {
	return Object{ID: upstream.Clean(m.ID, 64), Properties: values(m.Properties, most), Created: stamp(m.Created), Updated: stamp(m.Updated)}
}

func stamp(ms int64) string {
	if ms <= 0 || ms > 253402300799999 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

// values are what a model sees of properties; what is not set is left out.
func values(raw map[string]json.RawMessage, most int) map[string]any {
	out := map[string]any{}
	for name, v := range raw {
		if !propertyName.MatchString(name) || name == additional {
			continue
		}
		if clean := valueOf(v, most); clean != nil {
			out[name] = clean
		}
	}
	return out
}

// valueOf is one value, fit for a model. A number beyond what programs can read stays
// as a text.
func valueOf(raw json.RawMessage, most int) any {
	clean := upstream.CleanJSON(raw, most)
	if n, ok := clean.(json.Number); ok {
		if _, err := n.Float64(); err != nil {
			return n.String()
		}
	}
	return clean
}

const additional = "_additional" // what GraphQL says of an object beside its properties

// text is a line a value, below the line of the object.
func (o Object) text(head string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", o.ID, head)
	for _, name := range slices.Sorted(maps.Keys(o.Properties)) {
		switch v := o.Properties[name].(type) {
		case string:
			fmt.Fprintf(&b, "  %s: %s\n", name, upstream.Quote(v))
		default:
			fmt.Fprintf(&b, "  %s: %v\n", name, v)
		}
	}
	return b.String()
}

// objectID reads an id as people have it: a UUID in any of its spellings, or at the
// end of a beacon or an address.
func objectID(word string) (string, error) {
	end := strings.TrimSpace(word)
	end = end[strings.LastIndexByte(end, '/')+1:]
	id, err := uuid.Parse(end)
	if err != nil {
		return "", refuse(fault.InvalidArguments, "%q is no id of an object: it is a UUID such as 7b2c1c36-0f3a-4f5e-9a55-0d6b8f0f2b11, as weaviate_search answers it.", upstream.Clean(word, 80))
	}
	return id.String(), nil
}

// selection is what a query asks of each object: the properties that are wanted, or
// all but references and blobs, which are long and say little.
func (col *collection) selection(wanted []string) (string, error) {
	var parts []string
	for _, word := range wanted {
		p, err := col.property(word)
		if err != nil {
			return "", err
		}
		parts = append(parts, p.selection())
	}
	if len(wanted) == 0 {
		for _, p := range col.properties {
			if p.kind != reference && p.kind != "blob" {
				parts = append(parts, p.selection())
			}
		}
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " "), nil
}

// selection is the property in a query, with what it is made of; "" where nothing of
// it can be asked for.
func (p property) selection() string {
	switch {
	case p.kind == reference:
		var all []string
		for _, t := range p.targets {
			if className.MatchString(t) {
				all = append(all, "... on "+t+"{_additional{id}}")
			}
		}
		return inner(p.name, all)
	case p.kind == "geoCoordinates":
		return p.name + "{latitude longitude}"
	case p.kind == "phoneNumber":
		return p.name + "{input internationalFormatted}"
	case p.element() == "object":
		var all []string
		for _, n := range p.nested {
			if s := n.selection(); s != "" {
				all = append(all, s)
			}
		}
		return inner(p.name, all)
	}
	return p.name
}

func inner(name string, parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return name + "{" + strings.Join(parts, " ") + "}"
}
