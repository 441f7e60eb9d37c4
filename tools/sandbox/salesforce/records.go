package salesforce

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools/pattern"
)

// record is one of an object's: texts, numbers (float64) and truths by field. What
// is not there is null.
type record struct {
	id     string
	fields map[string]any
}

const stampForm = "2006-01-02T15:04:05.000+0000"

// insert adds a record as it is.
func (o *org) insert(ob *object, fields map[string]any, when time.Time) *record {
	r := &record{o.newID(ob), maps.Clone(fields)}
	stamp := when.UTC().Format(stampForm)
	r.fields["Id"], r.fields["IsDeleted"] = r.id, false
	r.fields["CreatedDate"], r.fields["CreatedById"] = stamp, botID
	for _, f := range ob.fields {
		if f.auto {
			o.numbers[ob.name+" auto"]++
			n := strconv.Itoa(o.numbers[ob.name+" auto"])
			r.fields[f.name] = strings.Repeat("0", max(0, 8-len(n))) + n
		}
		if _, ok := r.fields[f.name]; !ok && f.kind == "boolean" {
			r.fields[f.name] = false
		}
	}
	o.records[ob.name] = append(o.records[ob.name], r)
	o.derive(ob, r, when)
	return r
}

// derive sets what follows from other fields.
func (o *org) derive(ob *object, r *record, when time.Time) {
	stamp := when.UTC().Format(stampForm)
	r.fields["LastModifiedDate"], r.fields["SystemModstamp"], r.fields["LastModifiedById"] = stamp, stamp, botID
	text := func(name string) string { s, _ := r.fields[name].(string); return s }
	switch ob.name {
	case "Contact", "Lead", "User":
		r.fields["Name"] = strings.TrimSpace(text("FirstName") + " " + text("LastName"))
	case "Case":
		closed := text("Status") == "Closed"
		r.fields["IsClosed"] = closed
		if !closed {
			delete(r.fields, "ClosedDate")
		} else if r.fields["ClosedDate"] == nil {
			r.fields["ClosedDate"] = stamp
		}
	case "Opportunity":
		r.fields["IsClosed"], r.fields["IsWon"] = strings.HasPrefix(text("StageName"), "Closed"), text("StageName") == "Closed Won"
	}
}

// find is a record by its id, of 15 or 18 characters; nil where there is none.
func (o *org) find(object, id string) *record {
	for _, r := range o.records[object] {
		if r.id == id || len(id) == 15 && r.id[:15] == id {
			return r
		}
	}
	return nil
}

// rows is all below /sobjects/NAME.
func (o *org) rows(q request, parts []string) (int, any, *fault) {
	ob := o.object(parts[0])
	if ob == nil {
		return 0, nil, unknownObject(parts[0])
	}
	switch {
	case len(parts) == 2 && parts[1] == "describe" && q.method == http.MethodGet:
		return 200, o.describe(ob), nil
	case len(parts) == 1 && q.method == http.MethodPost:
		r, f := o.create(ob, q.body, q.header)
		if f != nil {
			return 0, nil, f
		}
		return 201, answer{"id": r.id, "success": true, "errors": []any{}}, nil
	case len(parts) == 2:
		return o.row(q, ob, o.find(ob.name, parts[1]), parts[1])
	case len(parts) == 3 && q.method == http.MethodPatch:
		return o.upsert(q, ob, parts[1], parts[2])
	case len(parts) == 3 && q.method == http.MethodGet:
		found, f := o.byExternal(ob, parts[1], parts[2])
		if f != nil || found == nil {
			return o.row(q, ob, found, parts[2])
		}
		return o.row(q, ob, found, found.id)
	}
	return 0, nil, refuse(405, "METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed", q.method)
}

// row is one record.
func (o *org) row(q request, ob *object, r *record, id string) (int, any, *fault) {
	if r == nil {
		if len(id) != 15 && len(id) != 18 {
			return 0, nil, refuse(400, "MALFORMED_ID", "malformed id %s", id)
		}
		if q.method == http.MethodDelete && o.numbers["gone "+id] > 0 {
			return 0, nil, refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
		}
		return 0, nil, refuse(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: %s", id)
	}
	switch q.method {
	case http.MethodGet:
		out, f := o.shown(ob, r, q.query.Get("fields"))
		return 200, out, f
	case http.MethodPatch:
		if since := q.header.Get("If-Unmodified-Since"); since != "" {
			t, err := http.ParseTime(since)
			at, _ := time.Parse(stampForm, r.fields["LastModifiedDate"].(string))
			if err != nil || at.Truncate(time.Second).After(t) {
				return 0, nil, refuse(412, "PRECONDITION_FAILED", "The resource has been modified since %s", since)
			}
		}
		return 204, nil, o.update(ob, r, q.body)
	case http.MethodDelete:
		return 204, nil, o.remove(ob, r)
	}
	return 0, nil, refuse(405, "METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed. Allowed are HEAD,GET,PATCH,DELETE", q.method)
}

// shown is a record with all fields, or those that are asked for.
func (o *org) shown(ob *object, r *record, asked string) (answer, *fault) {
	out := answer{"attributes": attributes(ob, r)}
	if asked == "" {
		for _, f := range ob.fields {
			out[f.name] = r.fields[f.name]
		}
		return out, nil
	}
	for name := range strings.SplitSeq(asked, ",") {
		f := ob.field(strings.TrimSpace(name))
		if f == nil {
			return nil, noColumn(ob, name)
		}
		out[f.name] = r.fields[f.name]
	}
	return out, nil
}

func attributes(ob *object, r *record) answer {
	return answer{"type": ob.name, "url": "/services/data/v66.0/sobjects/" + ob.name + "/" + r.id}
}

func (o *org) remove(ob *object, r *record) *fault {
	if ob.locked || ob.keeps {
		return refuse(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
	}
	o.records[ob.name] = slices.DeleteFunc(slices.Clone(o.records[ob.name]), func(x *record) bool { return x == r })
	o.numbers["gone "+r.id] = 1
	return nil
}

func (o *org) create(ob *object, body json.RawMessage, header http.Header) (*record, *fault) {
	if ob.locked {
		return nil, refuse(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: %s", ob.label)
	}
	fields, f := o.checked(ob, body)
	if f != nil {
		return nil, f
	}
	var missing []string
	for _, fl := range ob.fields {
		if v := fields[fl.name]; fl.required && (v == nil || v == "") {
			missing = append(missing, fl.name)
		}
	}
	if missing != nil {
		f := refuse(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [%s]", strings.Join(missing, ", "))
		f.fields = missing
		return nil, f
	}
	if f := o.rules(ob, nil, fields); f != nil {
		return nil, f
	}
	if !strings.Contains(strings.ReplaceAll(header.Get("Sforce-Duplicate-Rule-Header"), " ", ""), "allowSave=true") {
		if f := o.duplicates(ob, fields); f != nil {
			return nil, f
		}
	}
	if ob.field("OwnerId") != nil && fields["OwnerId"] == nil {
		fields["OwnerId"] = o.caller.user
	}
	for k, v := range fields {
		if v == nil {
			delete(fields, k)
		}
	}
	return o.insert(ob, fields, o.now()), nil
}

func (o *org) update(ob *object, r *record, body json.RawMessage) *fault {
	if ob.locked {
		return refuse(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
	}
	fields, f := o.checked(ob, body)
	if f != nil {
		return f
	}
	for k, v := range fields {
		if fl := ob.field(k); fl.required && (v == nil || v == "") {
			f := refuse(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [%s]", k)
			f.fields = []string{k}
			return f
		}
	}
	after := maps.Clone(r.fields)
	maps.Copy(after, fields)
	if f := o.rules(ob, r, after); f != nil {
		return f
	}
	for k, v := range fields {
		r.fields[k] = v
		if v == nil || v == "" {
			delete(r.fields, k)
		}
	}
	o.derive(ob, r, o.now())
	return nil
}

func (o *org) byExternal(ob *object, name, value string) (*record, *fault) {
	f := ob.field(name)
	if f == nil || !f.external && f.kind != "id" {
		return nil, refuse(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: %s", name)
	}
	for _, r := range o.records[ob.name] {
		if s, _ := r.fields[f.name].(string); s != "" && strings.EqualFold(s, value) {
			return r, nil
		}
	}
	return nil, nil
}

func (o *org) upsert(q request, ob *object, name, value string) (int, any, *fault) {
	r, f := o.byExternal(ob, name, value)
	if f != nil {
		return 0, nil, f
	}
	var fields map[string]any
	if json.Unmarshal(q.body, &fields) != nil {
		return 0, nil, refuse(400, "JSON_PARSER_ERROR", "the body must be an object")
	}
	if _, there := fields[ob.field(name).name]; there {
		return 0, nil, refuse(400, "INVALID_FIELD", "The %s field should not be specified in the sobject data.", ob.field(name).name)
	}
	if r != nil {
		return 200, answer{"id": r.id, "success": true, "errors": []any{}, "created": false}, o.update(ob, r, q.body)
	}
	fields[ob.field(name).name] = value
	body, _ := json.Marshal(fields)
	if r, f = o.create(ob, body, q.header); f != nil {
		return 0, nil, f
	}
	return 201, answer{"id": r.id, "success": true, "errors": []any{}, "created": true}, nil
}

var emailForm = pattern.New(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
