package salesforce

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"toolvault/tools/pattern"
)

const (
	maxCollection = 200
	maxComposite  = 25
)

// saved is the state of the records, so that a change can be taken back.
type saved struct {
	records map[string][]*record
	fields  map[*record]map[string]any
	numbers map[string]int
}

func (o *org) save() saved {
	s := saved{map[string][]*record{}, map[*record]map[string]any{}, maps.Clone(o.numbers)}
	for name, list := range o.records {
		s.records[name] = append([]*record(nil), list...)
		for _, r := range list {
			s.fields[r] = maps.Clone(r.fields)
		}
	}
	return s
}

func (o *org) restore(s saved) {
	o.records, o.numbers = s.records, s.numbers
	for r, fields := range s.fields {
		r.fields = fields
	}
}

// collection is POST, PATCH and DELETE /composite/sobjects: a result a record, and
// HTTP 200 even where some fail.
func (o *org) collection(q request) (any, *fault) {
	var in struct {
		AllOrNone bool              `json:"allOrNone"`
		Records   []json.RawMessage `json:"records"`
	}
	if q.method == http.MethodDelete {
		in.AllOrNone = q.query.Get("allOrNone") == "true"
		for id := range strings.SplitSeq(q.query.Get("ids"), ",") {
			raw, _ := json.Marshal(map[string]string{"id": id})
			in.Records = append(in.Records, raw)
		}
	} else if json.Unmarshal(q.body, &in) != nil {
		return nil, refuse(400, "JSON_PARSER_ERROR", "The body must have records")
	}
	if len(in.Records) > maxCollection {
		return nil, refuse(400, "EXCEEDED_MAX_SIZE_REQUEST", "record batch size cannot exceed %d", maxCollection)
	}
	before := o.save()
	var out []answer
	bad := 0
	for _, raw := range in.Records {
		id, f := o.one(q, raw)
		if f != nil {
			bad++
			out = append(out, answer{"success": false, "errors": []answer{{"statusCode": f.code, "message": f.message, "fields": append([]string{}, f.fields...)}}})
			continue
		}
		out = append(out, answer{"id": id, "success": true, "errors": []any{}})
	}
	if bad > 0 && in.AllOrNone {
		o.restore(before)
		for i, one := range out {
			if one["success"] == true {
				out[i] = answer{"success": false, "errors": []answer{{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "Record rolled back because not all records were valid and the request was using AllOrNone header", "fields": []string{}}}}
			}
		}
	}
	return out, nil
}

// one is a record of a collection.
func (o *org) one(q request, raw json.RawMessage) (string, *fault) {
	var head struct {
		Attributes struct {
			Type string `json:"type"`
		} `json:"attributes"`
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &head) != nil || json.Unmarshal(raw, &fields) != nil {
		return "", refuse(400, "JSON_PARSER_ERROR", "a record must be an object")
	}
	var id string
	for name := range fields {
		if strings.EqualFold(name, "id") {
			_ = json.Unmarshal(fields[name], &id)
			delete(fields, name)
		}
	}
	ob := o.object(head.Attributes.Type)
	if q.method == http.MethodDelete {
		ob = o.ofID(id)
	}
	if ob == nil {
		return "", refuse(400, "INVALID_TYPE", "sObject type '%s' is not supported.", head.Attributes.Type)
	}
	body, _ := json.Marshal(fields)
	if q.method == http.MethodPost {
		r, f := o.create(ob, body, q.header)
		if f != nil {
			return "", f
		}
		return r.id, nil
	}
	r := o.find(ob.name, id)
	if r == nil {
		return "", refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
	}
	if q.method == http.MethodDelete {
		return r.id, o.remove(ob, r)
	}
	return r.id, o.update(ob, r, body)
}

// part is a request of a composite one.
type part struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	ReferenceID string            `json:"referenceId"`
	Body        json.RawMessage   `json:"body"`
	Headers     map[string]string `json:"httpHeaders"`
}

var (
	referenceForm = pattern.New(`@\{([A-Za-z]\w*)((?:\.\w+|\[\d+\])*)\}`)
	referenceID   = pattern.New(`^[A-Za-z]\w*$`)
)

// composite makes several requests one after the other, later ones with what came of
// earlier ones.
func (o *org) composite(body json.RawMessage) (any, *fault) {
	var in struct {
		AllOrNone bool   `json:"allOrNone"`
		Parts     []part `json:"compositeRequest"`
	}
	if json.Unmarshal(body, &in) != nil || len(in.Parts) == 0 || o.inside {
		return nil, refuse(400, "JSON_PARSER_ERROR", "The body must have compositeRequest")
	}
	if len(in.Parts) > maxComposite {
		return nil, refuse(400, "LIMIT_EXCEEDED", "Limit exceeded: a composite request may have at most %d subrequests", maxComposite)
	}
	o.inside = true
	defer func() { o.inside = false }()
	before, results := o.save(), map[string]any{}
	var out []answer
	bad := false
	seen := map[string]bool{}
	for _, p := range in.Parts {
		if !referenceID.MatchString(p.ReferenceID) || seen[p.ReferenceID] {
			o.restore(before)
			return nil, refuse(400, "JSON_PARSER_ERROR", "Provided referenceId ('%s') must start with a letter or a number, and it can contain only letters, numbers and underscores, and be unique", p.ReferenceID)
		}
		seen[p.ReferenceID] = true
		status, made := 0, any(nil)
		if bad && in.AllOrNone {
			status, made = failed(refuse(400, "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."))
		} else if status, made = o.part(p, results); status >= 300 {
			bad = true
		} else {
			results[p.ReferenceID] = plain(made)
		}
		out = append(out, answer{"body": made, "httpHeaders": answer{}, "httpStatusCode": status, "referenceId": p.ReferenceID})
	}
	if bad && in.AllOrNone {
		o.restore(before)
		for _, one := range out {
			if n, _ := one["httpStatusCode"].(int); n < 300 {
				one["httpStatusCode"], one["body"] = failed(refuse(400, "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."))
			}
		}
	}
	return answer{"compositeResponse": out}, nil
}

func (o *org) part(p part, results map[string]any) (int, any) {
	missing := ""
	put := func(text string, quote bool) string {
		return referenceForm.ReplaceAllStringFunc(text, func(m string) string {
			found := referenceForm.FindStringSubmatch(m)
			v, ok := walk(results[found[1]], found[2])
			if !ok {
				missing = fmt.Sprintf("Invalid reference specified. No value for %s found in %s", found[1]+found[2], found[1])
				return m
			}
			s := fmt.Sprint(v)
			if quote {
				b, _ := json.Marshal(s)
				s = strings.Trim(string(b), `"`)
			}
			return s
		})
	}
	address, body := put(p.URL, false), put(string(p.Body), true)
	if missing != "" {
		return failed(refuse(400, "PROCESSING_HALTED", "%s", missing))
	}
	u, err := url.Parse(address)
	if err != nil || !apiPath.MatchString(u.Path) {
		return failed(refuse(400, "BAD_REQUEST", "Malformed url"))
	}
	header := http.Header{}
	for k, v := range p.Headers {
		header.Set(k, v)
	}
	return o.route(request{p.Method, u.EscapedPath(), u.Query(), header, json.RawMessage(body)})
}

// plain is an answer as JSON has it.
func plain(v any) any {
	b, _ := json.Marshal(v)
	var out any
	_ = json.Unmarshal(b, &out)
	return out
}

// walk follows a path such as ".records[0].Id" into an answer.
func walk(v any, path string) (any, bool) {
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(at) {
				return nil, false
			}
			v = at[n]
		default:
			return nil, false
		}
	}
	return v, v != nil
}
