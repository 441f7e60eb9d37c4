package weaviate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

func (s *service) writeTools() []tools.Tool {
	return []tools.Tool{
		tools.New("weaviate_upsert_objects", s.upsertObjects),
		tools.New("weaviate_update_object", s.updateObject),
		tools.New("weaviate_delete_objects", s.deleteObjects),
	}
}

type upsertObjectsIn struct {
	Collection string `json:"collection"`
	Objects    []struct {
		ID         string                     `json:"id"`
		Properties map[string]json.RawMessage `json:"properties"`
	} `json:"objects"`
	Tenant string `json:"tenant"`
}

// Failed is an object that was not written, and why.
type Failed struct {
	Index   int    `json:"index"` // in the call, from 0
	ID      string `json:"id"`
	Message string `json:"message"`
}

// Upserted is the answer of weaviate_upsert_objects.
type Upserted struct {
	Collection string   `json:"collection"`
	IDs        []string `json:"ids"` // of those that were written
	Failed     []Failed `json:"failed,omitempty"`
}

// Text is what was written, and what was not.
func (u Upserted) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d objects are in %s: %s\n", len(u.IDs), u.Collection, list(u.IDs, 100))
	for _, f := range u.Failed {
		fmt.Fprintf(&b, "Not written: object %d (%s): %s\n", f.Index, f.ID, f.Message)
	}
	return b.String()
}

// newObject is an Object of the REST API, as it is sent.
type newObject struct {
	Class      string                     `json:"class"`
	ID         string                     `json:"id"`
	Properties map[string]json.RawMessage `json:"properties"`
	Tenant     string                     `json:"tenant,omitempty"`
}

// upsertObjects writes objects in one batch. Each has to fit the schema by name: the
// server would make a property, or a whole collection, of a misspelt one. An object
// without an id gets one that follows from what is in it, so that the same again is
// the same object.
func (s *service) upsertObjects(ctx context.Context, c *upstream.Client, in upsertObjectsIn) (Upserted, error) {
	batch := make([]newObject, len(in.Objects))
	seen := map[string]int{}
	for i, o := range in.Objects {
		id := idOf(in.Collection, in.Tenant, o.Properties)
		if o.ID != "" {
			var err error
			if id, err = objectID(o.ID); err != nil {
				return Upserted{}, err
			}
		}
		if first, twice := seen[id]; twice {
			return Upserted{}, refuse(fault.InvalidArguments, "Objects %d and %d are the same: one would take the place of the other. Leave one out.", first, i)
		}
		seen[id] = i
		batch[i] = newObject{in.Collection, id, o.Properties, in.Tenant}
	}
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) error {
		if err := col.forTenant(in.Tenant); err != nil {
			return err
		}
		for _, o := range batch {
			if err := col.writable(o.Properties); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Upserted{}, err
	}
	var results []struct {
		ID     string `json:"id"`
		Result struct {
			Status string `json:"status"`
			Errors struct {
				Error []struct {
					Message string `json:"message"`
				} `json:"error"`
			} `json:"errors"`
		} `json:"result"`
	}
	body := struct {
		Objects []newObject `json:"objects"`
	}{batch}
	if err := c.Do(ctx, upstream.Request{Path: "/v1/batch/objects", JSON: body}, &results); err != nil {
		return Upserted{}, err
	}
	if len(results) != len(batch) {
		return Upserted{}, broken()
	}
	out := Upserted{Collection: col.name, IDs: []string{}}
	var first *fault.Error
	for i, r := range results {
		if r.Result.Status == "SUCCESS" {
			out.IDs = append(out.IDs, batch[i].ID)
			continue
		}
		said := "it did not say why"
		if e := r.Result.Errors.Error; len(e) > 0 {
			said = e[0].Message
		}
		f := whyNot(said)
		out.Failed = append(out.Failed, Failed{Index: i, ID: batch[i].ID, Message: f.Message})
		if first == nil {
			first = f
		}
	}
	if len(out.IDs) == 0 {
		first.Message, first.NotSent = "None of the objects was written. The first one: "+first.Message, true
		return Upserted{}, first
	}
	return out, nil
}

func whyNot(said string) *fault.Error {
	if f := explain(said); f != nil {
		return f
	}
	return fault.New(fault.InvalidArguments, "%s", upstream.Quote(upstream.Clean(said, maxSaid)))
}

// idOf is an id that follows from an object's contents (UUID version 5, RFC 9562
// section 5.5).
func idOf(collection, tenant string, properties map[string]json.RawMessage) string {
	b, _ := json.Marshal(properties) // in the order of the names; texts and raw JSON always encode
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(collection+"\n"+tenant+"\n"+string(b))).String()
}

// writable refuses properties that the collection does not have.
func (col *collection) writable(properties map[string]json.RawMessage) error {
	for name := range properties {
		p, err := col.property(name)
		if err != nil {
			f := fault.From(err)
			f.Message += " weaviate_add_property makes a new one."
			return f
		}
		if p.kind == reference {
			return refuse(fault.InvalidArguments, "%s is a reference to other objects, which these tools do not set. Leave it out.", p.name)
		}
	}
	return nil
}

type updateObjectIn struct {
	Collection string                     `json:"collection"`
	ID         string                     `json:"id"`
	Properties map[string]json.RawMessage `json:"properties"`
	Tenant     string                     `json:"tenant"`
}

// Updated is the answer of weaviate_update_object.
type Updated struct {
	Collection string   `json:"collection"`
	ID         string   `json:"id"`
	Properties []string `json:"properties"` // that were set
}

// Text says what was set.
func (u Updated) Text() string {
	return fmt.Sprintf("Set %s of %s in %s.", strings.Join(u.Properties, ", "), u.ID, u.Collection)
}

func (s *service) updateObject(ctx context.Context, c *upstream.Client, in updateObjectIn) (Updated, error) {
	id, err := objectID(in.ID)
	if err != nil {
		return Updated{}, err
	}
	col, err := s.checked(ctx, c, in.Collection, func(col *collection) error {
		if err := col.forTenant(in.Tenant); err != nil {
			return err
		}
		return col.writable(in.Properties)
	})
	if err != nil {
		return Updated{}, err
	}
	err = c.Do(ctx, upstream.Request{
		Method: http.MethodPatch, Path: "/v1/objects/" + col.name + "/" + id,
		JSON: newObject{col.name, id, in.Properties, in.Tenant},
	}, nil)
	if err != nil {
		return Updated{}, noObject(err, col, id)
	}
	return Updated{col.name, id, sorted(in.Properties)}, nil
}
