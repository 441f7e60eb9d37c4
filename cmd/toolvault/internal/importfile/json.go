package importfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/schemas/near"
	"toolvault/vault"
)

// members are the keys of an object, with their values as they stand.
type members map[string]json.RawMessage

// readMembers reads an object in which no key stands twice.
func readMembers(raw json.RawMessage) (members, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("this must be an object")
	}
	m := members{}
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.New("this must be an object")
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("the key %s stands twice", show(key))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("this must be an object")
		}
		m[key] = value
	}
	return m, nil
}

// only refuses keys that are none of those.
func (m members) only(keys ...string) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if slices.Contains(keys, key) {
			continue
		}
		text := fmt.Sprintf("the key %s is not known", show(key))
		if meant := near.Match(key, keys); meant != "" {
			return fmt.Errorf("%s; did you mean %q?", text, meant)
		}
		return fmt.Errorf("%s: the keys here are %s", text, strings.Join(keys, ", "))
	}
	return nil
}

// text is a member that is a text; "" where there is none.
func (m members) text(key string) (string, error) {
	raw, ok := m[key]
	if !ok || string(raw) == "null" {
		return "", nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("%s must be a text", key)
	}
	return s, nil
}

// texts reads several at once.
func (m members) texts(into map[string]*string) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(into)) {
		var err error
		*into[key], err = m.text(key)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func readJSON(b []byte, o Options) ([]Item, error) {
	var wrong mistakes
	var items []Item
	seen := map[string]Item{}
	lines := counter{text: b, line: 1}
	d := json.NewDecoder(bytes.NewReader(b))
	notJSON := func() error {
		wrong.add(lines.at(d.InputOffset()), "from here on it is not JSON")
		return wrong.err()
	}
	if _, err := d.Token(); err != nil {
		return nil, notJSON()
	}
	for d.More() {
		line := lines.next(d.InputOffset())
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, notJSON()
		}
		if len(items) == vault.MaxImport {
			return nil, fmt.Errorf("it has more than %d credentials: divide it", vault.MaxImport)
		}
		item, err := o.item(raw)
		item.Line = line
		if err != nil {
			for err := range each(err) {
				wrong.add(line, "%w", err)
			}
			continue
		}
		if other, twice := seen[item.Name]; twice {
			if !sameSecret(other.Stored, item.Stored) {
				wrong.add(line, "vault:%s stands on line %d too, with another secret", item.Name, other.Line)
			}
			continue // two agents share one
		}
		seen[item.Name] = item
		items = append(items, item)
	}
	if _, err := d.Token(); err != nil {
		return nil, notJSON()
	}
	if d.More() {
		wrong.add(lines.next(d.InputOffset()), "something stands after the list")
	}
	if len(items) == 0 && len(wrong.all) == 0 {
		return nil, errors.New("the list is empty")
	}
	return items, wrong.err()
}

func sameSecret(a, b vault.Stored) bool {
	return a.Type == b.Type && a.Secret.Reveal() == b.Secret.Reveal() && a.Refresh.Reveal() == b.Refresh.Reveal()
}

// each goes over the errors that were joined.
func each(err error) func(func(error) bool) {
	return func(yield func(error) bool) {
		all, ok := err.(interface{ Unwrap() []error })
		if !ok {
			yield(err)
			return
		}
		for _, err := range all.Unwrap() {
			if !yield(err) {
				return
			}
		}
	}
}

// item reads one credential of the list.
func (o Options) item(raw json.RawMessage) (Item, error) {
	var item Item
	m, err := readMembers(raw)
	if err != nil {
		return item, fmt.Errorf("a credential: %w", err)
	}
	var typ, source string
	err = m.texts(map[string]*string{
		"agentId": &item.Agent, "user": &item.User, "account": &item.Account, "service": &item.Service,
		"type": &typ, "source": &source, "scope": &item.Scope, "id": &item.ID, "base_url": &item.BaseURL,
	})
	if raw, ok := m["broker"]; ok && json.Unmarshal(raw, &item.Broker) != nil {
		err = errors.Join(err, errors.New("broker must be true or false"))
	}
	if err != nil {
		return item, err
	}
	keys := []string{"agentId", "user", "account", "service", "type", "source", "scope", "id", "base_url", "broker", "secret"}
	item.Params = map[string]string{}
	for _, p := range slices.Concat(vault.Params(typ), o.Schemes[item.Service][typ].Params) {
		keys = append(keys, p.Name)
		value, err := m.text(p.Name)
		if err != nil {
			return item, err
		}
		if value != "" {
			item.Params[p.Name] = value
		}
	}
	if err := m.only(keys...); err != nil {
		return item, err
	}
	for _, k := range []struct{ key, value, what string }{
		{"agentId", item.Agent, "whose the credential is"}, {"service", item.Service, "what it is for"}, {"type", typ, "of what type it is"},
	} {
		if k.value == "" {
			return item, fmt.Errorf("%s is missing: %s", k.key, k.what)
		}
	}
	if err := o.fits(item.Service, typ); err != nil {
		return item, err
	}
	item.Name = item.Service + "/" + item.Agent
	for _, more := range []string{item.User, item.Account} {
		if more != "" {
			item.Name += "/" + more
		}
	}
	if source != "" {
		name, ok := strings.CutPrefix(source, "vault:")
		if !ok {
			return item, errors.New("source must be vault:NAME: an import puts secrets into the vault")
		}
		item.Name = name
	}
	if err := vault.CheckName(item.Name); err != nil {
		if source == "" {
			return item, errors.New("no name in the vault can be made of service, agentId, user and account: give one with source, vault:NAME (small letters, digits and . _ @ - in parts divided by slashes)")
		}
		return item, errors.New("source is no name in the vault: write vault:NAME with small letters, digits and . _ @ - in parts divided by slashes")
	}
	if len(m["secret"]) == 0 {
		return item, errors.New("secret is missing")
	}
	if item.Stored, err = o.secret(typ, m["secret"]); err != nil {
		return item, fmt.Errorf("secret: %w", err)
	}
	item.Stored.User = item.User
	return item, nil
}

// fits holds a service and a type against what the program knows.
func (o Options) fits(service, typ string) error {
	if o.Types == nil {
		return nil
	}
	types, ok := o.Types[service]
	if !ok {
		all := slices.Sorted(maps.Keys(o.Types))
		if meant := near.Match(service, all); meant != "" {
			return fmt.Errorf("there is no service %s; did you mean %q?", show(service), meant)
		}
		return fmt.Errorf("there is no service %s: the services are %s", show(service), strings.Join(all, ", "))
	}
	if !slices.Contains(types, typ) {
		return fmt.Errorf("%s takes no credential of type %s: it takes %s", service, show(typ), strings.Join(slices.Sorted(slices.Values(types)), ", "))
	}
	return nil
}

// counter finds the line of an offset; offsets only grow.
type counter struct {
	text []byte
	done int
	line int
}

func (c *counter) at(offset int64) int {
	end := min(int(offset), len(c.text))
	if end > c.done {
		c.line += bytes.Count(c.text[c.done:end], []byte{'\n'})
		c.done = end
	}
	return c.line
}

// next is the line of the next value after an offset.
func (c *counter) next(offset int64) int {
	i := int(offset)
	for i < len(c.text) && strings.IndexByte(" \t\r\n,", c.text[i]) >= 0 {
		i++
	}
	return c.at(int64(i))
}
