package segment

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"toolvault/tools"
	"toolvault/tools/fault"
	sandbox "toolvault/tools/sandbox/segment"
	"toolvault/tools/toolstest"
	"toolvault/vault"
)

func TestSchemasFit(t *testing.T) {
	toolstest.FitsSchemas(t, New())
	toolstest.Sizes(t, New(), 600)
}

// The example of each tool works on workspaces as they start, in both regions'
// shapes, and each request and answer of the Public API fits the description.
func TestExamples(t *testing.T) {
	n := 0
	for _, tool := range slices.Sorted(maps.Keys(sandboxed(t).files)) {
		n++
		t.Run(tool, func(t *testing.T) {
			w := sandboxed(t)
			out, err := w.call(tool, string(w.files[tool].Example))
			if err != nil {
				t.Fatal(err)
			}
			text := out.(tools.Texter).Text()
			if strings.TrimSpace(text) == "" || len(text) > 20_000 {
				t.Errorf("text of %d bytes: %.200s", len(text), text)
			}
			t.Log(text)
		})
	}
	if n != len(New().Tools) {
		t.Errorf("%d files, %d tools", n, len(New().Tools))
	}
}

// Nothing that the workspace keeps secret comes out of any tool: write keys, and the
// settings of destinations and sources.
func TestWriteKeysAndSettingsAreNeverShown(t *testing.T) {
	w := sandboxed(t)
	var all strings.Builder
	for tool, file := range w.files {
		for _, args := range []string{string(file.Example), `{"source":"Website"}`, `{"source":"support_app"}`, `{}`, `{"plan":"Northwind product","with_schema":true}`} {
			out, err := w.call(tool, args)
			if err == nil {
				fmt.Fprintf(&all, "%+v\n%s\n", out, out.(tools.Texter).Text())
			}
			fmt.Fprintf(&all, "%v\n", err)
		}
	}
	if !strings.Contains(all.String(), "1 write key") {
		t.Error("no source was shown at all")
	}
	for _, secret := range sandbox.Secrets() {
		if strings.Contains(all.String(), secret) {
			t.Errorf("a secret of the workspace came out: %.8s…", secret)
		}
	}
}

// Each API is called with its own credential, at its own host of the credential's
// region, and with the version that the path is there in.
func TestEachAPIHasItsHostAndCredential(t *testing.T) {
	for _, region := range []string{"", "us", "eu"} {
		d := sandbox.New(atMoment)
		var got []string
		w := against(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			api, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			got = append(got, strings.Join([]string{api, kind, r.Header.Get("Accept"), r.Header.Get("Content-Type")}, " "))
			d.ServeHTTP(rw, r)
		}))
		w.region = region
		end := ""
		if region == "eu" {
			w.keys, end = sandbox.Of("eu"), ".eu"
		}
		must[Accepted](w, "segment_track", `{"event":"Ticket Opened","user_id":"usr_2043"}`)
		must[Profile](w, "segment_get_profile", `{"profile":"usr_2043"}`)
		must[Destinations](w, "segment_list_destinations", `{}`)
		must[Switched](w, "segment_set_destination_enabled", `{"destination":"HubSpot","enabled":false}`)
		must[Volumes](w, "segment_delivery_overview", `{"source":"Website","stage":"successfully-received"}`)
		first := "v1"
		if end != "" {
			first = "tracking.eu"
		}
		const json = "application/json"
		want := []string{
			first + " Basic " + json + " " + json, "profiles" + end + " Basic " + json + " ",
			"public" + end + " Bearer " + v1 + " ", "public" + end + " Bearer " + v1 + " ",
			"public" + end + " Bearer " + v1 + " " + v1, "public" + end + " Bearer " + v1 + " ", "public" + end + " Bearer " + v1beta + " ",
		}
		if !slices.Equal(got, want) {
			t.Errorf("region %q:\n%s\nwant\n%s", region, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// The hosts are the vendor's own, and an admin's where one is set.
func TestHosts(t *testing.T) {
	e := New().Endpoint
	for api, want := range map[string]string{
		"tracking.eu": "https://events.eu1.segmentapis.com", "profiles": "https://profiles.segment.com", "profiles.eu": "https://profiles.euw1.segment.com",
		"public": "https://api.segmentapis.com", "public.eu": "https://eu1.api.segmentapis.com",
	} {
		if e.APIs[api] != want {
			t.Errorf("%s: %s", api, e.APIs[api])
		}
	}
	if e.BaseURL != "https://api.segment.io" || len(e.APIs) != 5 {
		t.Errorf("%s %v", e.BaseURL, e.APIs)
	}
}

func TestTheOtherRegionRefuses(t *testing.T) {
	w := sandboxed(t)
	w.region = "eu" // with the credentials of the workspace in the United States
	w.refused("segment_get_profile", `{"profile":"usr_2041"}`, fault.CredentialInvalid, "other region", `"eu"`)
	w.refused("segment_list_sources", `{}`, fault.CredentialInvalid, "Public API token", "other region")
	before := w.double.Snapshot()
	must[Accepted](w, "segment_track", `{"event":"Ticket Opened","user_id":"usr_2043"}`) // is lost, as there
	if !maps.Equal(before, w.double.Snapshot()) {
		t.Error("an event of a foreign write key was kept")
	}
}

func TestProbe(t *testing.T) {
	w := sandboxed(t)
	for scope, want := range map[string]string{
		"profile.read": "space " + w.keys.Space + ", region us", "source.read": "workspace Northwind (", "tracking.write": "not checked",
	} {
		c := w.client(scope)
		c.Permit(func(s string) bool { return s == scope })
		who, err := w.svc.Probe(t.Context(), c)
		if err != nil || !strings.Contains(who, want) {
			t.Errorf("%s: %q %v", scope, who, err)
		}
	}
	before := w.double.Requests()
	c := w.client("tracking.write")
	c.Permit(func(s string) bool { return s == "tracking.write" })
	if _, err := w.svc.Probe(t.Context(), c); err != nil || w.double.Requests() != before {
		t.Errorf("a write key was tried: %v", err)
	}
	w.keys.ProfileToken, w.keys.PublicToken = "wrong", "wrong"
	for _, scope := range []string{"profile.read", "source.read"} {
		_, err := w.svc.Probe(t.Context(), w.client(scope))
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.CredentialInvalid {
			t.Errorf("%s: %v", scope, err)
		}
	}
}

// A type of credential can grant what its API does, and nothing else.
func TestTypesGrantTheirOwnScopes(t *testing.T) {
	svc := New()
	all, err := svc.Scopes.Parse("read-write")
	if err != nil {
		t.Fatal(err)
	}
	for typ, want := range map[string]string{vault.TypeWriteKey: "tracking.write", vault.TypeProfileToken: "profile.read"} {
		got, err := svc.Grantable(typ, "read-write")
		if err != nil || got.String() != want {
			t.Errorf("%s grants %q (%v), want %q", typ, got, err, want)
		}
	}
	for _, typ := range []string{vault.TypeServiceToken, vault.TypeClientCredentials} {
		got, err := svc.Grantable(typ, "read-write")
		if err != nil || strings.Contains(got.String(), "tracking") || strings.Contains(got.String(), "profile") || !strings.Contains(got.String(), "regulation.write") {
			t.Errorf("%s grants %q of %q (%v)", typ, got, all, err)
		}
	}
}
