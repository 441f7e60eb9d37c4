package store

import "context"

// Lister lists records; every Store is one.
type Lister interface {
	List(ctx context.Context, prefix, after string, limit int) ([]Item, error)
}

// page is how many records Each asks for at a time.
const page = 200

// Each calls f for every record whose key begins with prefix, in order of keys. An
// error ends it. f may change or remove the record that it is given.
func Each(ctx context.Context, s Lister, prefix string, f func(Item) error) error {
	for after := ""; ; {
		items, err := s.List(ctx, prefix, after, page)
		if err != nil {
			return err
		}
		for _, item := range items {
			if err := f(item); err != nil {
				return err
			}
			after = item.Key
		}
		if len(items) < page {
			return nil
		}
	}
}
