package salesforce

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

func (s *service) recordTools() []tools.Tool {
	return []tools.Tool{tools.New("salesforce_get_record", s.getRecord)}
}

type getIn struct {
	Object   string   `json:"object"`
	ID       string   `json:"id"`
	External string   `json:"external_id_field"`
	Fields   []string `json:"fields"`
}

// getRecord reads all fields of a record, or some. Of the records that it refers to it
// tells the names too.
func (s *service) getRecord(ctx context.Context, c *upstream.Client, in getIn) (One, error) {
	o, err := s.object(ctx, c, in.Object)
	if err != nil {
		return One{}, err
	}
	var where string
	if in.External != "" {
		where, err = s.external(ctx, c, o, in.External, in.ID)
	} else if in.ID, err = s.recordID(ctx, c, o, "id", in.ID); err == nil {
		id, _ := literal(in.ID)
		where = "Id = " + id
	}
	if err != nil {
		return One{}, err
	}
	if len(in.Fields) > 0 || in.External != "" {
		r, err := s.read(ctx, c, o, where, in.Fields)
		if err != nil {
			return One{}, err
		}
		return One{Record: record(c, r, longValue)}, nil
	}
	var r row
	if err := c.Get(ctx, path(c, "sobjects", o.name, in.ID), nil, &r); err != nil {
		return One{}, err
	}
	if r.id == "" {
		return One{}, lacking("the record")
	}
	if r.object == "" {
		r.object = o.name
	}
	r.cells = slices.DeleteFunc(r.cells, func(c cell) bool { // of every record, and of no use
		return c.name == "SystemModstamp" || c.name == "IsDeleted" && string(c.raw) == "false"
	})
	return One{Record: record(c, s.called(ctx, c, o, r, where), longValue)}, nil
}

// read is the one record that a condition means.
func (s *service) read(ctx context.Context, c *upstream.Client, o *object, where string, asked []string) (row, error) {
	fields, err := s.selected(ctx, c, o, asked)
	if err != nil {
		return row{}, err
	}
	rows, _, _, err := run(ctx, c, selection{fields: fields, from: o.name, where: []string{where}, limit: 2}.String(), "")
	switch {
	case err != nil:
		return row{}, err
	case len(rows) == 0:
		return row{}, fault.New(fault.NotFound, "There is no such %s, or this user may not see it. Find it with salesforce_find_records or salesforce_search.", o.name)
	case len(rows) > 1:
		return row{}, fault.Wrong("Several records of %s have that value. Find the right one with salesforce_find_records.", o.name)
	case rows[0].id == "":
		return row{}, lacking("the record")
	}
	return rows[0], nil
}

const maxNames = 20 // of records that one refers to

// called adds to a record what the records are called that it refers to. Where that
// cannot be had it stays as it is.
func (s *service) called(ctx context.Context, c *upstream.Client, o *object, r row, where string) row {
	fields := []string{"Id"}
	for _, f := range o.fields {
		if n := nameOf(&f); n != "" && r.text(f.name) != "" && len(fields) <= maxNames {
			fields = append(fields, f.rel+"."+n)
		}
	}
	if len(fields) == 1 {
		return r
	}
	rows, _, _, err := run(ctx, c, selection{fields: fields, from: o.name, where: []string{where}, limit: 1}.String(), "")
	if err != nil || len(rows) == 0 {
		return r
	}
	for _, cell := range rows[0].cells {
		if strings.Contains(cell.name, ".") {
			r.cells = append(r.cells, cell)
		}
	}
	return r
}

// external is the condition that a field of another system's ids has a value.
func (s *service) external(ctx context.Context, c *upstream.Client, o *object, name, value string) (string, error) {
	f, err := o.field("external_id_field", name)
	if err != nil {
		return "", err
	}
	if !f.external && !f.unique {
		return "", fault.Wrong("external_id_field: %s is no external id of %s.%s", f.name, o.name, o.externals())
	}
	l, err := s.literal(ctx, c, "id", f, scalar{text: value, quoted: true})
	return f.name + " = " + l, err
}

// externals says which external ids there are.
func (o *object) externals() string {
	var all []string
	for _, f := range o.fields {
		if f.external {
			all = append(all, f.name)
		}
	}
	if all == nil {
		return " It has none."
	}
	return " There are: " + strings.Join(all[:min(len(all), 10)], ", ") + "."
}

// isID reports whether a text is an id of the object's records.
func (o *object) isID(word string) bool {
	return idForm.MatchString(word) && (o.prefix == "" || strings.HasPrefix(word, o.prefix))
}

// recordID is the id that a word means: one, the address of a page with one in it, or
// what the only record is called that is called so.
func (s *service) recordID(ctx context.Context, c *upstream.Client, o *object, argument, word string) (string, error) {
	word = strings.TrimSpace(word)
	if o.isID(word) {
		return word, nil
	}
	if u, err := url.Parse(word); err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") {
		for part := range strings.SplitSeq(u.Path, "/") {
			if o.isID(part) {
				return part, nil
			}
		}
		return "", fault.Wrong("%s: that address names no record of %s.", argument, o.name)
	}
	// One call may name a record many times.
	return s.ids.Get(key(c, c.CallID()+"\x00"+o.name+"\x00"+word), func() (string, error) { return s.named(ctx, c, o, argument, word) })
}

// named is the id of the record that is called so: by its name, its number, or the
// e-mail address of a person.
func (s *service) named(ctx context.Context, c *upstream.Client, o *object, argument, word string) (string, error) {
	by := o.nameField
	if strings.Contains(word, "@") && o.has("Email") != nil {
		by = "Email"
	}
	f := o.has(by)
	if f == nil || !f.filter || word == "" {
		return "", fault.Wrong("%s: %q is no id of a record of %s. Find it with salesforce_find_records.", argument, upstream.Clean(word, 60), o.name)
	}
	values := []string{word}
	if strings.Trim(word, "0123456789") == "" && len(word) < 8 { // auto numbers have zeros before them
		values = append(values, strings.Repeat("0", 8-len(word))+word)
	}
	var parts []string
	for _, v := range values {
		l, ok := literal(v)
		if !ok {
			return "", fault.Wrong("%s: it has control characters in it, which no name has.", argument)
		}
		parts = append(parts, l)
	}
	fields := []string{"Id", by}
	if o.nameField != by && o.nameField != "" {
		fields = append(fields, o.nameField)
	}
	rows, total, _, err := run(ctx, c, selection{fields: fields, from: o.name, where: []string{by + " IN (" + strings.Join(parts, ", ") + ")"}, limit: 10}.String(), "")
	if err != nil {
		return "", err
	}
	if len(rows) == 1 && rows[0].id != "" {
		return rows[0].id, nil
	}
	var all []names.Named
	for _, r := range rows {
		all = append(all, names.Named{ID: r.id, Name: word})
	}
	if total > 1 && len(all) > 1 {
		_, err := names.Pick(o.name, word, all, "salesforce_find_records")
		return "", err
	}
	nf := fault.New(fault.NotFound, "%s: there is no %s whose %s is %q, or this user may not see it. Find it with salesforce_search or salesforce_find_records.", argument, o.name, by, upstream.Clean(word, 80))
	nf.NotSent = true
	return "", nf
}

// refer is the id that a value of a reference means: an id, or what a record is called
// that the field can refer to.
func (s *service) refer(ctx context.Context, c *upstream.Client, argument string, f *field, word string) (string, error) {
	if f.kind == "id" || len(f.to) == 0 || idForm.MatchString(word) {
		if !idForm.MatchString(word) {
			return "", fault.Wrong("%s: %q is no id: one has 15 or 18 letters and digits.", argument, upstream.Clean(word, 60))
		}
		return word, nil
	}
	// An owner is a user or a queue, whom a task is about a contact or a lead.
	to := slices.DeleteFunc([]string{"User", "Group", "Contact", "Lead"}, func(o string) bool { return !slices.Contains(f.to, o) })
	if len(f.to) == 1 {
		to = f.to
	}
	if len(to) == 0 {
		return "", fault.Wrong("%s: %s can refer to several objects, so give the id.", argument, f.name)
	}
	var missing error
	for _, name := range to {
		o, err := s.object(ctx, c, name)
		if err != nil {
			return "", cmp.Or(missing, err)
		}
		id, err := s.recordID(ctx, c, o, argument, word)
		if nf := fault.From(err); nf == nil || nf.Kind != fault.NotFound {
			return id, err
		}
		missing = cmp.Or(missing, err)
	}
	return "", missing
}
