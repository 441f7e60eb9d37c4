package pinecone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"toolvault/schemas/near"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// target is an index that a call works on.
type target struct {
	s     *service
	c     *upstream.Client
	name  string
	known        // where it is and what it is
	sure  bool   // the host was looked up, or has answered, in this call
	space string // the namespace that the call works on, for what is said of errors
}

var indexName = pattern.New(`^[a-z0-9-]{1,45}$`)

// target finds an index by its name, from memory or by asking the control plane.
func (s *service) target(ctx context.Context, c *upstream.Client, index, space string) (*target, error) {
	t := &target{s: s, c: c, name: index, space: space}
	if ix, ok := s.hosts.get(keyFor(c, index)); ok {
		t.known = ix
		return t, nil
	}
	model, err := s.describe(ctx, c, index)
	if err != nil {
		var f *fault.Error
		if errors.As(err, &f) && f.Kind == fault.NotPermitted {
			f.Message += " The key has to be allowed to describe the index as well (a control-plane viewer role), since that names the index's host."
		}
		return nil, err
	}
	t.known, err = s.learn(c, index, model)
	t.sure = true
	return t, err
}

// checked is target where a call depends on what the index is: what is remembered of
// it may be of an index that was deleted and made anew since, so that a check which
// fails by memory is made again by what the control plane says now.
func (s *service) checked(ctx context.Context, c *upstream.Client, index, space string, check func(*target) error) (*target, error) {
	t, err := s.target(ctx, c, index, space)
	if err != nil {
		return nil, err
	}
	wrong := check(t)
	if wrong == nil {
		return t, nil
	}
	if !t.sure {
		s.hosts.drop(keyFor(c, index))
		if t, err = s.target(ctx, c, index, space); err != nil {
			return nil, err
		}
		wrong = check(t)
	}
	return t, wrong
}

// describe asks the control plane about an index and, where it has no model of its
// own, what schema it has. Only the newer API tells of that; one that does not know
// the newer API has no indexes with a schema.
func (s *service) describe(ctx context.Context, c *upstream.Client, index string) (indexModel, error) {
	if !indexName.MatchString(index) {
		return indexModel{}, s.noIndex(ctx, c, index, nil)
	}
	var m, newer indexModel
	path := "/indexes/" + url.PathEscape(index)
	err := c.Get(ctx, path, nil, &m)
	missing := asNotFound(err)
	if err != nil && missing == nil || err == nil && m.Embed != nil {
		return m, err
	}
	err = c.Do(ctx, upstream.Request{Path: path, Read: true, Header: version(documents)}, &newer)
	switch {
	case missing != nil && err != nil:
		s.hosts.drop(keyFor(c, index))
		return indexModel{}, s.noIndex(ctx, c, index, missing)
	case missing != nil:
		return newer, nil // the older API does not show it
	case err != nil && !refused(err):
		return indexModel{}, err // what kind of index it is would be a guess
	}
	m.Schema = newer.Schema
	return m, nil
}

func asNotFound(err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.NotFound {
		return f
	}
	return nil
}

// refused reports whether a service has understood a request and does not do it,
// rather than being unable to just now.
func refused(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Status/100 == 4 && f.Kind != fault.RateLimited && f.Kind != fault.CredentialInvalid
}

// noIndex says that there is no index of the name, and which could be meant.
func (s *service) noIndex(ctx context.Context, c *upstream.Client, index string, missing *fault.Error) error {
	list, err := allIndexes(ctx, c)
	if err != nil {
		if missing != nil {
			return missing
		}
		return err
	}
	var all, like []string
	for _, m := range list {
		all = append(all, m.Name)
		if word := strings.ToLower(strings.TrimSpace(index)); len(word) >= 3 && strings.Contains(m.Name, strings.ReplaceAll(word, " ", "-")) {
			like = append(like, m.Name)
		}
	}
	if m := near.Match(index, all); m != "" && len(like) == 0 {
		like = []string{m}
	}
	// An index is called by its whole name, and what is nearly one is only proposed:
	// rules of policies go by the name.
	f := fault.New(fault.NotFound, "There is no index %q here. %s", upstream.Clean(index, 80), proposal(like, all, "pinecone_list_indexes"))
	f.NotSent = true
	if missing != nil {
		f.Status, f.Code = missing.Status, missing.Code
	}
	return f
}

// proposal says what could be meant: those that are like it, or all if they are few.
func proposal(like, all []string, list string) string {
	const few = 8
	switch {
	case len(like) == 1:
		return fmt.Sprintf("Did you mean %q?", upstream.Clean(like[0], 80))
	case len(like) > 1 && len(like) <= few:
		return fmt.Sprintf("Did you mean one of %s?", upstream.Clean(strings.Join(like, ", "), 400))
	case len(all) == 0:
		return "There is none at all that this key can see."
	case len(all) <= few:
		return fmt.Sprintf("There are: %s.", upstream.Clean(strings.Join(all, ", "), 400))
	}
	return fmt.Sprintf("Find the right one with %s.", list)
}

// learn vets what the control plane said of an index and remembers it.
func (s *service) learn(c *upstream.Client, index string, m indexModel) (known, error) {
	if !m.Status.Ready {
		s.hosts.drop(keyFor(c, index))
		f := fault.New(fault.Conflict, "The index %s is not ready (%s). Try again in a minute.", index, upstream.Clean(m.Status.State, 40))
		f.Retryable = true
		return known{}, f
	}
	base, err := pin(c.BaseURL(), m.Host)
	if err != nil {
		return known{}, err
	}
	ix := known{base: base, facts: m.facts()}
	s.hosts.put(keyFor(c, index), ix)
	return ix, nil
}

// do runs a request against the index's own host, in the version of the API that
// the index was made with. An index that was made anew has a new host: where the
// remembered one fails, it is looked up again, and the request repeated if it went
// astray and certainly did nothing.
func (t *target) do(ctx context.Context, req upstream.Request, out any) error {
	req.Host, req.Header = t.base, version(t.kind)
	err := t.c.Do(ctx, req, out)
	var f *fault.Error
	if !errors.As(err, &f) || !astray(f) {
		t.sure = t.sure || err == nil
		return err
	}
	key := keyFor(t.c, t.name)
	t.s.hosts.drop(key)
	if t.sure || !(req.Read || f.NotSent || f.Kind == fault.NotFound) {
		return t.missing(ctx, f)
	}
	again, lookup := t.s.target(ctx, t.c, t.name, t.space)
	if lookup != nil {
		return err
	}
	moved := again.base != t.base
	t.known, t.sure = again.known, true
	if !moved {
		return t.missing(ctx, f)
	}
	req.Host = t.base
	return t.c.Do(ctx, req, out)
}

// version is the header that a kind of index needs; nil: that of all requests.
func version(kind string) http.Header {
	if kind == documents {
		return http.Header{versionHeader: {documentsVersion}}
	}
	return nil
}

// astray reports whether a failure may mean that the host is no longer the
// index's: no answer at all, or one that knows no such thing.
func astray(f *fault.Error) bool {
	return f.Kind == fault.NotFound || f.Kind == fault.UpstreamUnavailable && f.Status == 0
}

// missing makes of "not found" what there is instead, where the namespace may be
// what is missing.
func (t *target) missing(ctx context.Context, f *fault.Error) error {
	if f.Kind != fault.NotFound || t.space == "" {
		return f
	}
	if note := t.otherSpaces(ctx); note != "" {
		g := *f
		g.Message = note
		return &g
	}
	return f
}

// otherSpaces says, of a namespace that the index does not have, which it has; ""
// if it has it, or nobody may know.
func (t *target) otherSpaces(ctx context.Context) string {
	stats, err := t.stats(ctx)
	if err != nil {
		return ""
	}
	var all []string
	for _, n := range stats.spaces {
		if n.Name == t.space {
			return ""
		}
		all = append(all, n.Name)
	}
	shown := upstream.Clean(t.space, 80)
	if len(all) == 0 {
		return fmt.Sprintf("The index %s has no records yet, and no namespace %q.", t.name, shown)
	}
	var like []string
	if m := near.Match(t.space, all); m != "" {
		like = []string{m}
	}
	return fmt.Sprintf("The index %s has no namespace %q. %s", t.name, shown, proposal(like, all, "pinecone_list_namespaces"))
}

// nothing is the note of a read that found nothing: what to look at.
func (t *target) nothing(ctx context.Context, filtered bool) string {
	if note := t.otherSpaces(ctx); note != "" {
		return note
	}
	if filtered {
		return "Nothing matches the filter. Names of fields are exact, a text equals only the very same text, and a number is no text; a read without the filter shows which fields there are."
	}
	return ""
}
