package weaviate

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

type tenant struct {
	Name   string `json:"name"`
	Status string `json:"activityStatus,omitempty"`
}

// oldNames are those that the server still answers for a status.
var oldNames = map[string]string{"": "HOT", "ACTIVE": "HOT", "HOT": "HOT", "INACTIVE": "COLD", "COLD": "COLD"}

// place checks whether the objects of a tenant can be reached; it returns what is
// wrong, in the words of the server.
func (c *class) place(tenant string) string {
	switch {
	case !c.MultiTenancy.Enabled && tenant != "":
		return fmt.Sprintf("class %s has multi-tenancy disabled, but request was with tenant", c.Class)
	case !c.MultiTenancy.Enabled:
		return ""
	case tenant == "":
		return fmt.Sprintf("class %s has multi-tenancy enabled, but request was without tenant", c.Class)
	}
	switch c.tenants[tenant] {
	case "":
		return fmt.Sprintf("tenant not found: %q", tenant)
	case "HOT":
		return ""
	}
	return fmt.Sprintf("tenant not active: '%s'", tenant)
}

func (r *request) multiTenant(action string) *class {
	k := r.c.find(r.PathValue("class"))
	if !r.allow(action, r.PathValue("class")) {
		return nil
	}
	switch {
	case k == nil:
		r.fail(http.StatusUnprocessableEntity, "failed to execute query: could not get tenants: could not get tenants: class not found")
		return nil
	case !k.MultiTenancy.Enabled:
		r.fail(http.StatusUnprocessableEntity, "failed to execute query: could not get tenants: could not get tenants: multi-tenancy is not enabled for class %q", k.Class)
		return nil
	}
	return k
}

func (r *request) listTenants() {
	if k := r.multiTenant("read_tenants"); k != nil {
		all := []tenant{}
		for _, name := range slices.Sorted(maps.Keys(k.tenants)) {
			all = append(all, tenant{name, k.tenants[name]})
		}
		r.ok(all)
	}
}

func (r *request) addTenants() {
	k := r.multiTenant("create_tenants")
	var all []tenant
	if k == nil || !r.body(&all) {
		return
	}
	for i, t := range all {
		if !tenantForm.MatchString(t.Name) {
			r.fail(http.StatusUnprocessableEntity, "tenant name at index %d:  '%s' is not a valid tenant name. should only contain alphanumeric characters (a-z, A-Z, 0-9), underscore (_), and hyphen (-), with a length between 1 and 64 characters", i, t.Name)
			return
		}
		if oldNames[t.Status] == "" {
			r.fail(http.StatusUnprocessableEntity, "invalid tenant activity status %q", t.Status)
			return
		}
	}
	for _, t := range all {
		if k.tenants[t.Name] == "" { // one that is there stays as it is
			k.tenants[t.Name] = oldNames[t.Status]
		}
	}
	r.ok(all)
}

func (r *request) updateTenants() {
	k := r.multiTenant("update_tenants")
	var all []tenant
	if k == nil || !r.body(&all) {
		return
	}
	for _, t := range all {
		switch {
		case t.Status == "OFFLOADED" || t.Status == "FROZEN":
			r.fail(http.StatusUnprocessableEntity, "can't offload tenants, because offload-s3 module is not enabled")
			return
		case oldNames[t.Status] == "" || t.Status == "":
			r.fail(http.StatusUnprocessableEntity, "invalid tenant activity status %q", t.Status)
			return
		case k.tenants[t.Name] == "":
			r.fail(http.StatusUnprocessableEntity, "updating schema: TYPE_UPDATE_TENANT: shard not found: %s", t.Name)
			return
		}
	}
	for i, t := range all {
		k.tenants[t.Name] = oldNames[t.Status]
		all[i].Status = oldNames[t.Status]
	}
	r.ok(all)
}

// deleteTenants passes over those that are not there.
func (r *request) deleteTenants() {
	k := r.multiTenant("delete_tenants")
	var names []string
	if k == nil || !r.body(&names) {
		return
	}
	for _, name := range names {
		delete(k.tenants, name)
		maps.DeleteFunc(k.objects, func(_ string, o *object) bool { return o.Tenant == name })
	}
	r.w.WriteHeader(http.StatusOK)
}
