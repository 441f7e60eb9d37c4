package sandbox

import (
	"net/http"
	"slices"
	"strings"

	"toolvault/tools/sandbox/double"
)

// HubSpotPrivateApp makes a token like a private app's that may do all that the
// sandbox's app may.
func HubSpotPrivateApp(d *double.Double) string { return HubSpotToken(d, hubspotScopes...) }

// legacy registers the paths of before the dated API: v3 and v4, which HubSpot
// answers until 2027 and which other programs still call. It is the same portal: a
// request is passed on to the dated API. What that does not have is engagements v1
// (hubspot_legacy_engagements.go) and what a private app's token may do.
func (p *hubspotPortal) legacy() {
	for old, dated := range map[string]string{
		"/crm/v3/objects/":        "/crm/objects/" + hubspotVersion + "/",
		"/crm/v4/objects/":        "/crm/objects/" + hubspotVersion + "/",
		"/crm/v3/properties/":     "/crm/properties/" + hubspotVersion + "/",
		"/crm/v3/pipelines/":      "/crm/pipelines/" + hubspotVersion + "/",
		"/crm/v3/owners":          "/crm/owners/" + hubspotVersion,
		"/crm/v3/owners/":         "/crm/owners/" + hubspotVersion + "/",
		"/crm/v4/associations/":   "/crm/associations/" + hubspotVersion + "/",
		"/account-info/v3/":       "/account-info/" + hubspotVersion + "/",
		"/crm-object-schemas/v3/": "/crm-object-schemas/" + hubspotVersion + "/",
	} {
		p.mux.HandleFunc(old, func(w http.ResponseWriter, r *http.Request) {
			moved := r.Clone(r.Context())
			moved.URL.Path, moved.URL.RawPath = dated+strings.TrimPrefix(r.URL.Path, old), ""
			p.mux.ServeHTTP(w, moved)
		})
	}
	p.mux.HandleFunc("POST /oauth/v2/private-apps/get/access-token-info", p.signed(nil, p.legacyTokenInfo))
	p.legacyEngagements()
}

// legacyTokenInfo says whose a private app's token is and what it may do.
func (p *hubspotPortal) legacyTokenInfo(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Key string `json:"tokenKey"`
	}
	if !p.body(w, r, &in) {
		return
	}
	t := p.tokens[in.Key]
	if t == nil {
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "The token is not known", nil)
		return
	}
	p.send(w, http.StatusOK, answer{"userId": 71920000, "hubId": hubspotPortalID, "appId": 2817043, "scopes": slices.Clone(t.scopes)})
}
