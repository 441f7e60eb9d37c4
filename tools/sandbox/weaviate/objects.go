package weaviate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// object is one object, in the wire's form.
type object struct {
	Class      string         `json:"class"`
	ID         string         `json:"id"`
	Created    int64          `json:"creationTimeUnix"`
	Updated    int64          `json:"lastUpdateTimeUnix"`
	Properties map[string]any `json:"properties"`
	Tenant     string         `json:"tenant,omitempty"`

	vectors map[string][]float64 // by the vector's name
}

func key(tenant, id string) string { return tenant + "/" + id }

// newObject is an object as it is sent.
type newObject struct {
	Class      string         `json:"class"`
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties"`
	Tenant     string         `json:"tenant"`
	Vector     []float64      `json:"vector"`
}

// store checks an object and puts it in; it returns it, or what is wrong and the
// status of that.
func (c *cluster) store(n newObject, providerKey string) (*object, int, string) {
	if n.Class == "" {
		return nil, http.StatusUnprocessableEntity, "invalid object: the given class is empty"
	}
	k, wrong := c.autoSchema(n.Class, n.Properties)
	if wrong != "" {
		return nil, http.StatusUnprocessableEntity, wrong
	}
	if wrong := k.place(n.Tenant); wrong != "" {
		return nil, http.StatusUnprocessableEntity, wrong
	}
	if wrong := k.fits(n.Properties); wrong != "" {
		return nil, http.StatusUnprocessableEntity, wrong
	}
	if n.ID == "" {
		c.issued++
		sum := sha256.Sum256([]byte(fmt.Sprint("object ", c.issued)))
		n.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(hex.EncodeToString(sum[:]))).String()
	}
	now := c.now().UnixMilli()
	o := &object{Class: k.Class, ID: strings.ToLower(n.ID), Created: now, Updated: now, Properties: map[string]any{}, Tenant: n.Tenant}
	for name, v := range n.Properties {
		if v != nil {
			o.Properties[name] = v
		}
	}
	if before := k.objects[key(n.Tenant, o.ID)]; before != nil {
		o.Created = before.Created
	}
	if wrong := k.vectorize(o, n.Vector, providerKey); wrong != "" {
		return nil, http.StatusInternalServerError, wrong
	}
	k.objects[key(n.Tenant, o.ID)] = o
	return o, 0, ""
}

// fits holds values against the types of their properties.
func (c *class) fits(properties map[string]any) string {
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p, v := c.property(name), properties[name]
		if p == nil || v == nil {
			continue
		}
		if p.isList() {
			list, ok := v.([]any)
			if !ok {
				return fmt.Sprintf("invalid %s array property '%s' on class '%s': not a %s array, but %s", p.element(), name, c.Class, p.element(), kindOf(v))
			}
			for _, one := range list {
				if wrong := c.fitsOne(p, one); wrong != "" {
					return wrong
				}
			}
			continue
		}
		if wrong := c.fitsOne(p, v); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (c *class) fitsOne(p *property, v any) string {
	s, isText := v.(string)
	n, isNumber := v.(float64)
	_, isBool := v.(bool)
	_, isObject := v.(map[string]any)
	says := func(kind, what string) string {
		return fmt.Sprintf("invalid %s property '%s' on class '%s': %s", kind, p.Name, c.Class, what)
	}
	switch p.element() {
	case "text":
		if !isText {
			return says("text", "not a string, but "+kindOf(v))
		}
	case "uuid":
		if _, err := uuid.Parse(s); !isText || err != nil {
			return says("uuid", fmt.Sprintf("requires a string of UUID format, but the given value is '%v'", v))
		}
	case "int":
		switch {
		case !isNumber:
			return says("integer", fmt.Sprintf("requires an integer, the given value is '%v'", v))
		case n != math.Trunc(n):
			return says("integer", fmt.Sprintf("the JSON number '%v' could not be converted to an int", v))
		}
	case "number":
		if !isNumber {
			return says("number", fmt.Sprintf("requires a float, the given value is '%v'", v))
		}
	case "boolean":
		if !isBool {
			return says("boolean", "not a bool, but "+kindOf(v))
		}
	case "date":
		if _, err := time.Parse(time.RFC3339, s); !isText || err != nil {
			return says("date", fmt.Sprintf("requires a string with a RFC3339 formatted date, but the given value is '%v'", v))
		}
	case "object":
		if !isObject {
			return says("object", "object must be a map, but got: "+kindOf(v))
		}
	}
	return ""
}

func kindOf(v any) string {
	switch v.(type) {
	case float64:
		return "json.Number"
	case []any:
		return "[]interface {}"
	case map[string]any:
		return "map[string]interface {}"
	}
	return fmt.Sprintf("%T", v)
}

func validID(id string) bool {
	_, err := uuid.Parse(id)
	return err == nil && len(id) == 36
}

func (r *request) badID(where, id string) {
	reply(r.w, http.StatusUnprocessableEntity, map[string]any{"code": 601, "message": fmt.Sprintf("%s must be of type uuid: %q", where, id)})
}

func (r *request) providerKey() string { return r.Header.Get("X-Cohere-Api-Key") }

func (r *request) createObject() {
	var n newObject
	if !r.body(&n) || !r.allow("create_data", n.Class) {
		return
	}
	if n.ID != "" && !validID(n.ID) {
		r.badID("id in body", n.ID)
		return
	}
	if k := r.c.find(n.Class); k != nil && k.objects[key(n.Tenant, n.ID)] != nil {
		r.fail(http.StatusUnprocessableEntity, "id '%s' already exists", n.ID)
		return
	}
	o, status, wrong := r.c.store(n, r.providerKey())
	if wrong != "" {
		r.fail(status, "%s", wrong)
		return
	}
	r.ok(withVector(o))
}

// withVector is an object as writes echo it.
func withVector(o *object) map[string]any {
	b, _ := json.Marshal(o)
	var m map[string]any
	_ = json.Unmarshal(b, &m)
	if v := o.vectors[""]; v != nil {
		m["vector"] = v
	}
	return m
}

// one finds the object of a path; it answers by itself where there is none.
func (r *request) one(action string) (*class, *object) {
	id, tenant := r.PathValue("id"), r.URL.Query().Get("tenant")
	switch {
	case !validID(id):
		r.badID("id in path", id)
		return nil, nil
	case !r.allow(action, r.PathValue("class")):
		return nil, nil
	}
	k := r.c.find(r.PathValue("class"))
	if k == nil {
		r.w.WriteHeader(http.StatusNotFound)
		return nil, nil
	}
	if wrong := k.place(tenant); wrong != "" {
		r.fail(http.StatusUnprocessableEntity, "repo: object by id: search index %s: determine shard: %s", strings.ToLower(k.Class), wrong)
		return nil, nil
	}
	o := k.objects[key(tenant, strings.ToLower(id))]
	if o == nil {
		r.w.WriteHeader(http.StatusNotFound)
	}
	return k, o
}

func (r *request) getObject() {
	if _, o := r.one("read_data"); o != nil {
		r.ok(o)
	}
}

func (r *request) deleteObject() {
	if k, o := r.one("delete_data"); o != nil {
		delete(k.objects, key(o.Tenant, o.ID))
		r.w.WriteHeader(http.StatusNoContent)
	}
}

// patchObject merges; null takes a value away. The tenant stands in the body.
func (r *request) patchObject() {
	var n newObject
	if !r.body(&n) {
		return
	}
	q := r.URL.Query()
	q.Set("tenant", n.Tenant)
	r.URL.RawQuery = q.Encode()
	_, o := r.one("update_data")
	if o == nil {
		return
	}
	k, wrong := r.c.autoSchema(o.Class, n.Properties)
	if wrong == "" {
		wrong = k.fits(n.Properties)
	}
	if wrong != "" {
		r.fail(http.StatusUnprocessableEntity, "msg:bad request code:400 err:%s", wrong)
		return
	}
	merged := maps.Clone(o.Properties)
	maps.Copy(merged, n.Properties)
	if _, status, wrong := r.c.store(newObject{Class: o.Class, ID: o.ID, Properties: merged, Tenant: o.Tenant}, r.providerKey()); wrong != "" {
		r.fail(status, "%s", wrong)
		return
	}
	r.w.WriteHeader(http.StatusNoContent)
}

const maxResults = 10_000 // QUERY_MAXIMUM_RESULTS

func (r *request) listObjects() {
	q := r.URL.Query()
	name, tenant := q.Get("class"), q.Get("tenant")
	if !r.user.may("read_data", name) {
		forbidden := r.user.forbidden("read_data", name)
		r.fail(http.StatusForbidden, "msg:%s code:403 err:%s", forbidden, forbidden)
		return
	}
	k := r.c.find(name)
	if k == nil {
		r.w.WriteHeader(http.StatusNotFound)
		return
	}
	limit, offset := 25, 0
	if q.Has("limit") {
		limit, _ = strconv.Atoi(q.Get("limit"))
	}
	offset, _ = strconv.Atoi(q.Get("offset"))
	if limit+offset > maxResults {
		r.fail(http.StatusUnprocessableEntity, "msg:offset or limit code:400 err:%s", tooMany(offset, limit))
		return
	}
	if wrong := k.place(tenant); wrong != "" {
		r.fail(http.StatusUnprocessableEntity, "msg:search index %s code:422 err:%s", strings.ToLower(k.Class), wrong)
		return
	}
	all := []*object{}
	for _, o := range k.of(tenant) {
		if o.ID > q.Get("after") {
			all = append(all, o)
		}
	}
	all = all[min(offset, len(all)):]
	all = all[:min(limit, len(all))]
	r.ok(map[string]any{"objects": all, "deprecations": []any{}, "totalResults": len(all)})
}

func tooMany(offset, limit int) string {
	return fmt.Sprintf("query maximum results exceeded: the total limit calculated from the provided offset '%d' and limit '%d' exceeds the configured value for QUERY_MAXIMUM_RESULTS '10000'. If you've supplied a negative offset or limit, this may be an underflow error", offset, limit)
}

// of are the objects of a tenant, in the order of their ids.
func (c *class) of(tenant string) []*object {
	var all []*object
	for _, o := range c.objects {
		if o.Tenant == tenant {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *object) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
