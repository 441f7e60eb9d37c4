package grafana

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/grafana"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

func TestHandlersFitTheirSchemas(t *testing.T) { toolstest.FitsSchemas(t, New()) }

func TestSchemasAreSmall(t *testing.T) { toolstest.Sizes(t, New(), 600) }

func TestProbe(t *testing.T) {
	w := sandboxed(t)
	who, err := w.svc.Probe(context.Background(), w.client())
	if err != nil || who != "organisation 1, Northwind Support" {
		t.Errorf("got %q, %v", who, err)
	}
	w.key = "glsa_wrong"
	if _, err := w.svc.Probe(context.Background(), w.client()); fault.From(err).Kind != fault.CredentialInvalid {
		t.Errorf("with a wrong token: %v", err)
	}
}

func TestWhoami(t *testing.T) {
	w := sandboxed(t)
	if me := must[Me](w, "grafana_whoami", `{}`); me.Org.ID != 1 || me.Orgs != nil || me.Version != "13.3.0" || !me.Images {
		t.Errorf("a service account: %+v", me)
	}
	w.as(double.Admin())
	me := must[Me](w, "grafana_whoami", `{}`)
	if len(me.Orgs) != 1 || me.Orgs[0] != (Org{2, "Northwind Labs", "Admin"}) || me.Org.Role != "Admin" {
		t.Errorf("a person: %+v", me)
	}
	if want := "also in organisation 2  «Northwind Labs»  Admin"; !strings.Contains(me.Text(), want) {
		t.Errorf("text %q", me.Text())
	}
}

// as makes calls with a name and a password.
func (w *world) as(name, password string) {
	scheme := w.svc.Auth[vault.TypeServiceToken]
	scheme.Prefix = "Basic "
	w.svc.Auth[vault.TypeServiceToken], w.key = scheme, base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// The organisation of the config goes along with every request of every tool, and
// nothing of another is seen.
func TestTheOrganisationGoesAlong(t *testing.T) {
	var without []string
	w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Grafana-Org-Id") != "2" {
			without = append(without, r.Method+" "+r.URL.Path)
		}
		r.Header.Set("X-Grafana-Org-Id", "1") // so that there is something to find
		r.URL.Path = strings.Replace(r.URL.Path, "/namespaces/org-2/", "/namespaces/default/", 1)
		double.New(atNoon).ServeHTTP(rw, r)
	}))
	w.as(double.Admin())
	w.params = map[string]string{"org_id": "2"}
	for _, f := range exampleFiles(t) {
		if _, err := w.call(f.Name, string(f.Example)); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if without != nil {
		t.Errorf("without the organisation: %v", without)
	}
}

func TestOrganisationsAreApart(t *testing.T) {
	w := sandboxed(t)
	w.as(double.Admin())
	if got := must[Finds](w, "grafana_search", `{}`); len(got.Items) != 7 {
		t.Errorf("in the first: %+v", got)
	}
	w.params = map[string]string{"org_id": "2"}
	if got := must[Finds](w, "grafana_search", `{}`); len(got.Items) != 1 || got.Items[0].UID != "labs-home" {
		t.Errorf("in the second: %+v", got)
	}
	if got := must[Sources](w, "grafana_list_datasources", `{}`); got.Total != 1 || got.Items[0].UID != "prom-labs" {
		t.Errorf("its data sources: %+v", got)
	}
	if got := must[Dashboard](w, "grafana_get_dashboard", `{"dashboard":"labs-home"}`); got.Title != "Labs" {
		t.Errorf("its dashboard: %+v", got)
	}
	w = sandboxed(t)
	w.params = map[string]string{"org_id": "2"}
	w.refused(fault.NotPermitted, "another organisation", "grafana_search", `{}`)
}

func TestOrgID(t *testing.T) {
	for value, ok := range map[string]bool{"1": true, "23": true, "0": false, "-1": false, "": false, "x": false, "1\r\nX: y": false, "99999999999": false} {
		if got := checkOrg(value) == nil; got != ok {
			t.Errorf("%q: %v", value, got)
		}
	}
}

func TestMissingPermissionsAreNamed(t *testing.T) {
	w := sandboxed(t)
	w.key = double.Viewer()
	w.refused(fault.NotPermitted, "alert.provisioning:read", "grafana_get_alert_rule", `{"rule":"exports-fail"}`)
	w.refused(fault.NotPermitted, "dashboards:write", "grafana_create_dashboard", `{"title":"x"}`)
	w.refused(fault.NotPermitted, "annotations:create", "grafana_create_annotation", `{"text":"x"}`)
	w.refused(fault.NotPermitted, "alert.instances:create", "grafana_create_silence", `{"matchers":["a=b"],"until":"1h","comment":"x"}`)
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		status     int
		kind       string
		body, says string
		want       fault.Kind
		code       string
	}{
		{401, "", `{"message":"Invalid API key","messageId":"api-key.invalid","statusCode":401}`, "refused the credential", fault.CredentialInvalid, "api-key.invalid"},
		{403, "", `{"message":"You'll need additional permissions. Permissions needed: datasources:read, folders:read"}`, "datasources:read, folders:read", fault.NotPermitted, ""},
		{403, "", `{"kind":"Status","status":"Failure","reason":"Forbidden","message":"this resource is managed by terraform","code":403}`, `"this resource is managed by terraform"`, fault.NotPermitted, "Failure"},
		{404, "", `{"message":"Not found"}`, "grafana_search", fault.NotFound, ""},
		{409, "", `{"kind":"Status","reason":"Conflict","status":"Failure"}`, "Read it again", fault.Conflict, "Failure"},
		{412, "", `{"message":"x","status":"version-mismatch"}`, "changed the dashboard since", fault.Conflict, "version-mismatch"},
		{412, "", `{"message":"x","status":"name-exists"}`, "of that title", fault.Conflict, "name-exists"},
		{412, "", `{"message":"x","status":"plugin-dashboard"}`, "plugin", fault.Conflict, "plugin-dashboard"},
		{412, "", `{}`, "conflicts", fault.Conflict, ""},
		{406, "", `{"message":"dashboard api version not supported, use /apis/x instead"}`, "dashboard api version", fault.InvalidArguments, ""},
		{400, "", `{"message":"bad request data"}`, `"bad request data"`, fault.InvalidArguments, ""},
		{429, "7", `{}`, "limiting the rate", fault.RateLimited, ""},
		{500, "", `{"message":"SELECT secret FROM x failed"}`, "error of its own", fault.UpstreamError, ""},
		{502, "", `<html><body>nginx</body></html>`, "not available", fault.UpstreamUnavailable, ""},
	} {
		w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if c.kind != "" {
				rw.Header().Set("Retry-After", c.kind)
			}
			rw.WriteHeader(c.status)
			_, _ = rw.Write([]byte(c.body))
		}))
		_, err := w.call("grafana_search", `{}`)
		f := fault.From(err)
		if f.Kind != c.want || !strings.Contains(f.Message, c.says) || f.Code != c.code || strings.Contains(f.Message, "secret") {
			t.Errorf("%d %s: %v (code %q)", c.status, c.body, f, f.Code)
		}
		toolstest.Harmless(t, f, 600)
	}
}
