package hubspot

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

const maxCustomTypes = 100

// customType is a type of record that the account has made.
type customType struct {
	id       string // 2-123
	full     string // p123_name
	name     string
	singular string
	plural   string
	about    string
	primary  string   // the property that is a record's name
	reads    []string // properties worth reading
	required []string
}

// kind reads a type of record: a standard one by its name, a custom one by its
// id, its name or its label.
func (s *service) kind(ctx context.Context, c *upstream.Client, word string) (kind, error) {
	if k, ok := standard(word); ok {
		return k, nil
	}
	if err := mistaken(word); err != nil {
		return kind{}, err
	}
	bare := kind{name: word, singular: word, typeID: word, custom: true, pipeline: "hs_pipeline", stage: "hs_pipeline_stage"}
	isID := customForm.MatchString(word)
	if !c.Allows("crm.objects.custom.read") && !c.Allows("crm.objects.custom.write") {
		if isID {
			return bare, nil // refused by what the call needs
		}
		return kind{}, noKind(word, nil)
	}
	types, err := s.customTypes(ctx, c)
	if err != nil {
		if isID {
			return bare, nil // HubSpot will say what it knows of it
		}
		return kind{}, err
	}
	for _, t := range types {
		if t.id == word || t.full == word {
			return t.kind(bare, word), nil
		}
	}
	if isID {
		return bare, nil
	}
	var all []names.Named
	for _, label := range []func(customType) string{
		func(t customType) string { return t.plural }, func(t customType) string { return t.singular }, func(t customType) string { return t.name },
	} {
		for _, t := range types {
			if strings.EqualFold(label(t), strings.TrimSpace(word)) {
				all = append(all, names.Named{ID: t.id, Name: label(t)})
			}
		}
		if len(all) > 0 {
			break
		}
	}
	if len(all) == 0 {
		return kind{}, noKind(word, types)
	}
	picked, err := names.Pick("custom type", word, all, "hubspot_list_object_types")
	if err != nil {
		return kind{}, err
	}
	for _, t := range types {
		if t.id == picked.ID {
			return t.kind(bare, t.id), nil
		}
	}
	return kind{}, noKind(word, types)
}

func (t customType) kind(k kind, name string) kind {
	k.name, k.singular, k.typeID, k.label = name, name, t.id, t.plural
	k.defaults = t.reads
	if t.primary != "" {
		k.title = []string{t.primary}
	}
	return k
}

func noKind(word string, types []customType) error {
	labels := kindNames()[:len(kinds)]
	for _, t := range types {
		labels = append(labels, t.plural, t.name)
	}
	shown := upstream.Clean(word, 60)
	if m := near.Match(word, labels); m != "" {
		return fault.New(fault.InvalidArguments, "%q is no type of record here. Did you mean %q?", shown, upstream.Clean(m, 60))
	}
	return fault.New(fault.InvalidArguments, "%q is no type of record here. Use contacts, companies, deals, tickets, or another that hubspot_list_object_types names.", shown)
}

// customTypes are the account's own types, kept for a while.
func (s *service) customTypes(ctx context.Context, c *upstream.Client) ([]customType, error) {
	return s.books.types.Get(c.CredentialKey(), func() ([]customType, error) {
		var got struct {
			Results []struct {
				ID       string `json:"objectTypeId"`
				Full     string `json:"fullyQualifiedName"`
				Name     string `json:"name"`
				About    string `json:"description"`
				Primary  string `json:"primaryDisplayProperty"`
				Labels   struct{ Singular, Plural string }
				Required []string `json:"requiredProperties"`
				Second   []string `json:"secondaryDisplayProperties"`
			} `json:"results"`
		}
		query := url.Values{"includePropertyDefinitions": {"false"}, "includeAssociationDefinitions": {"false"}, "includeAuditMetadata": {"false"}}
		if err := c.Get(ctx, schemasPath, query, &got); err != nil {
			return nil, err
		}
		var types []customType
		for _, r := range got.Results[:min(len(got.Results), maxCustomTypes)] {
			if !strings.HasPrefix(r.ID, "2-") || !customForm.MatchString(r.ID) {
				continue // a standard type is reached by its own name only
			}
			t := customType{
				id: r.ID, name: upstream.Clean(r.Name, 80), singular: upstream.Clean(r.Labels.Singular, 80), plural: upstream.Clean(r.Labels.Plural, 80),
				about: upstream.Clean(r.About, 200),
			}
			if customForm.MatchString(r.Full) {
				t.full = r.Full
			}
			if isProperty(r.Primary) {
				t.primary = r.Primary
			}
			for _, p := range append(append([]string{r.Primary}, r.Second...), r.Required...) {
				if isProperty(p) && len(t.reads) < 20 && !slices.Contains(t.reads, p) {
					t.reads = append(t.reads, p)
				}
			}
			for _, p := range r.Required {
				if isProperty(p) && len(t.required) < 20 {
					t.required = append(t.required, p)
				}
			}
			types = append(types, t)
		}
		return types, nil
	})
}

// kindOf finds the type of an id such as 0-1 or 2-123, of which HubSpot speaks in
// lists.
func (s *service) kindOf(ctx context.Context, c *upstream.Client, typeID string) kind {
	for _, k := range kinds {
		if k.typeID == typeID {
			return k
		}
	}
	if customForm.MatchString(typeID) {
		if k, err := s.kind(ctx, c, typeID); err == nil {
			return k
		}
	}
	return kind{name: upstream.Clean(typeID, 40), singular: typeID, typeID: typeID, custom: true}
}
