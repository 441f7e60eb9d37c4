package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

// hubspotPortal is an account of HubSpot: records, associations, owners, tokens.
// It speaks the dated API, developers.hubspot.com/docs/api-reference.
type hubspotPortal struct {
	now func() time.Time
	mux *http.ServeMux

	mu         sync.Mutex
	records    map[string][]*hubspotRecord   // by type
	links      map[hubspotLink]bool          // both directions
	labelled   map[hubspotLink][]int         // what labels a link has, by the id that they have in its direction
	properties map[string][]*hubspotProperty // by type
	pipelines  map[string][]hubspotPipeline  // by type
	lists      []*hubspotList
	owners     []hubspotOwner
	tokens     map[string]*hubspotToken // by access token
	refresh    map[string][]string      // scopes, by refresh token
	issued     int
	nextID     int64

	consents *double.Consents
}

type hubspotRecord struct {
	id               string
	properties       map[string]string
	created, updated time.Time
	archived         bool
	mergedInto       string // the record that it is a part of now
	changes          []hubspotChange
}

// hubspotChange is a value that a property of a record got.
type hubspotChange struct {
	name, value string
	at          time.Time
}

type hubspotLink struct{ fromType, from, toType, to string }

type hubspotOwner struct{ id, first, last, email, team string }

type hubspotToken struct {
	scopes  []string
	expires time.Time // zero: never
}

const (
	hubspotVersion  = "2026-09"
	hubspotPortalID = 48219057
	hubspotClientID = "6f0c1c1e-4c0b-4f43-9a3d-2d1c6c0f7a11"
	hubspotTokenTTL = 30 * time.Minute

	hubspotAuthorize = "/oauth/authorize"
)

// hubspotScopes are what the app of the sandbox has been granted.
var hubspotScopes = []string{
	"oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write",
	"crm.objects.deals.read", "crm.objects.deals.write", "tickets", "crm.objects.owners.read", "sales-email-read", "automation",
	"crm.objects.line_items.read", "crm.objects.line_items.write", "crm.objects.custom.read", "crm.objects.custom.write", "crm.lists.read", "crm.lists.write",
	"crm.schemas.contacts.write", "crm.schemas.companies.write", "crm.schemas.deals.write", "crm.schemas.custom.write",
}

// NewHubSpot returns a double of HubSpot. Secret is an OAuth access token of
// thirty minutes, Refresh gets new ones; ExpireTokens ends all that are out.
func NewHubSpot() *double.Double { return newHubSpot(time.Now) }

func newHubSpot(now func() time.Time) *double.Double {
	p := &hubspotPortal{now: now, records: map[string][]*hubspotRecord{}, links: map[hubspotLink]bool{}, labelled: map[hubspotLink][]int{}, tokens: map[string]*hubspotToken{}}
	p.refresh = map[string][]string{hubspotRefresh(): hubspotScopes}
	p.consents = double.NewConsents("HubSpot", hubspotClientID, hubspotScopes, now)
	p.seedProperties()
	p.seedPipelines()
	p.seed()
	p.seedActivity()
	p.routes()
	return &double.Double{
		Service: "hubspot", Handler: p,
		Secret: p.issue(hubspotScopes), Refresh: hubspotRefresh(),
		ClientID: hubspotClientID, ClientSecret: double.Fake("hubspot client secret", 36),
		Authorize: hubspotAuthorize, ExpireTokens: p.expire, Snapshot: p.snapshot,
	}
}

func hubspotRefresh() string { return "na1-" + double.Fake("hubspot refresh", 36) }

// HubSpotToken makes a token like a private app's: it never ends and has only
// these scopes.
func HubSpotToken(d *double.Double, scopes ...string) string {
	p := d.Handler.(*hubspotPortal)
	p.mu.Lock()
	defer p.mu.Unlock()
	t := "pat-" + "na1-" + double.Fake("hubspot private app "+strings.Join(scopes, " "), 36)
	p.tokens[t] = &hubspotToken{scopes: scopes}
	return t
}

// HubSpotAdd puts a record into the double, associated with others by their types and
// ids ("contacts 84512314187"), and returns its id.
func HubSpotAdd(d *double.Double, kind string, properties map[string]string, with ...string) string {
	p := d.Handler.(*hubspotPortal)
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.add(kind, p.now(), properties)
	for _, other := range with {
		toType, to, _ := strings.Cut(other, " ")
		p.link(kind, r.id, toType, to)
	}
	return r.id
}

// HubSpotRecord is the properties of a record of the double, or nil.
func HubSpotRecord(d *double.Double, kind, id string) map[string]string {
	p := d.Handler.(*hubspotPortal)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.find(kind, "hs_object_id", id); r != nil {
		copied := map[string]string{}
		for k, v := range r.properties {
			copied[k] = v
		}
		return copied
	}
	return nil
}

func (p *hubspotPortal) issue(scopes []string) string {
	p.issued++
	t := "C" + double.Fake(fmt.Sprintf("hubspot access %d", p.issued), 80)
	p.tokens[t] = &hubspotToken{scopes: scopes, expires: p.now().Add(hubspotTokenTTL)}
	return t
}

func (p *hubspotPortal) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tokens {
		if !t.expires.IsZero() {
			t.expires = p.now().Add(-time.Minute)
		}
	}
}

func (p *hubspotPortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	w.Header().Set("X-HubSpot-Correlation-Id", p.correlation(r))
	p.mux.ServeHTTP(w, r)
}

func (p *hubspotPortal) correlation(r *http.Request) string {
	f := strings.ToLower(double.Fake("correlation "+r.Method+r.URL.String()+p.now().String(), 32))
	return f[:8] + "-" + f[8:12] + "-" + f[12:16] + "-" + f[16:20] + "-" + f[20:]
}

func (p *hubspotPortal) routes() {
	p.mux = http.NewServeMux()
	const version = hubspotVersion
	objects := "/crm/objects/" + version + "/{type}"
	p.mux.HandleFunc("GET "+objects, p.object("read", p.list))
	p.mux.HandleFunc("POST "+objects+"/batch/read", p.object("read", p.batchRead))
	p.mux.HandleFunc("POST "+objects+"/batch/archive", p.object("write", p.batchArchive))
	for _, verb := range []string{"create", "update", "upsert"} {
		p.mux.HandleFunc("POST "+objects+"/batch/"+verb, p.object("write", p.batchWrite(verb)))
	}
	p.mux.HandleFunc("POST "+objects+"/merge", p.object("write", p.merge))
	p.mux.HandleFunc("GET "+objects+"/{id}/associations/{to}", p.between("read", p.listLinks))
	p.mux.HandleFunc("PUT "+objects+"/{id}/associations/{to}/{toID}", p.between("write", p.associateLabelled))
	p.mux.HandleFunc("DELETE "+objects+"/{id}/associations/{to}/{toID}", p.between("write", p.disassociate))
	links := "/crm/associations/" + version + "/{type}/{to}"
	p.mux.HandleFunc("GET "+links+"/labels", p.between("read", p.listLabels))
	p.mux.HandleFunc("POST "+links+"/batch/read", p.between("read", p.batchReadLinks))
	p.mux.HandleFunc("POST "+links+"/batch/associate/default", p.between("write", p.batchLink("default")))
	p.mux.HandleFunc("POST "+links+"/batch/create", p.between("write", p.batchLink("create")))
	p.mux.HandleFunc("POST "+links+"/batch/archive", p.between("write", p.batchUnlink))
	p.mux.HandleFunc("POST "+links+"/batch/labels/archive", p.between("write", p.batchLink("labels")))
	properties := "/crm/properties/" + version + "/{type}"
	p.mux.HandleFunc("GET "+properties, p.about("read", p.listProperties))
	p.mux.HandleFunc("POST "+properties, p.about("write", p.createProperty))
	p.mux.HandleFunc("GET "+properties+"/groups", p.about("read", p.listGroups))
	p.mux.HandleFunc("GET "+properties+"/{name}", p.about("read", p.readProperty))
	p.mux.HandleFunc("PATCH "+properties+"/{name}", p.about("write", p.updateProperty))
	p.mux.HandleFunc("GET /crm/pipelines/"+version+"/{type}", p.about("read", p.listPipelines))
	p.mux.HandleFunc("GET /crm/pipelines/"+version+"/{type}/{pipeline}", p.about("read", p.readPipeline))
	own := []string{"crm.schemas.custom.read", "crm.objects.custom.read"}
	p.mux.HandleFunc("GET /crm-object-schemas/"+version+"/schemas", p.signed(own, p.listSchemas))
	p.mux.HandleFunc("GET /crm-object-schemas/"+version+"/schemas/{type}", p.signed(own, p.readSchema))
	lists := "/crm/lists/" + version
	p.mux.HandleFunc("POST "+lists+"/search", p.signed([]string{"crm.lists.read"}, p.searchLists))
	p.mux.HandleFunc("GET "+lists+"/{list}", p.signed([]string{"crm.lists.read"}, p.readList))
	p.mux.HandleFunc("GET "+lists+"/{list}/memberships", p.signed([]string{"crm.lists.read"}, p.listMembers))
	p.mux.HandleFunc("PUT "+lists+"/{list}/memberships/add-and-remove", p.signed([]string{"crm.lists.write"}, p.changeMembers))
	p.mux.HandleFunc("POST "+objects+"/search", p.object("read", p.search))
	p.mux.HandleFunc("GET "+objects+"/{id}", p.object("read", p.read))
	p.mux.HandleFunc("POST "+objects, p.object("write", p.create))
	p.mux.HandleFunc("PATCH "+objects+"/{id}", p.object("write", p.update))
	p.mux.HandleFunc("DELETE "+objects+"/{id}", p.object("write", p.archive))
	p.mux.HandleFunc("PUT "+objects+"/{id}/associations/default/{to}/{toID}", p.object("write", p.associate))
	p.mux.HandleFunc("GET /crm/owners/"+hubspotVersion, p.signed([]string{"crm.objects.owners.read"}, p.listOwners))
	p.mux.HandleFunc("GET /crm/owners/"+hubspotVersion+"/{id}", p.signed([]string{"crm.objects.owners.read"}, p.readOwner))
	p.mux.HandleFunc("GET /account-info/"+hubspotVersion+"/details", p.signed(nil, p.details))
	p.mux.HandleFunc("POST /oauth/"+hubspotVersion+"/token", p.token)
	p.mux.HandleFunc("POST /oauth/"+hubspotVersion+"/token/revoke", p.revoke)
	p.mux.HandleFunc("POST "+hubspotAuthorize, p.consents.Answered)
	p.mux.HandleFunc("GET "+hubspotAuthorize, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		p.consents.Show(w, r, double.Words(q.Get("scope")), double.Words(q.Get("optional_scope")), nil)
	})
	p.flows()
	p.legacy() // hubspot_legacy.go
	p.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found", nil)
	})
}

// fail answers in HubSpot's shape of an error.
func (p *hubspotPortal) fail(w http.ResponseWriter, status int, category, message string, extra answer) {
	body := answer{"status": "error", "message": message, "correlationId": w.Header().Get("X-HubSpot-Correlation-Id"), "category": category}
	for k, v := range extra {
		body[k] = v
	}
	p.send(w, status, body)
}

func (p *hubspotPortal) send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// signed checks the token and that it has any of the scopes.
func (p *hubspotPortal) signed(scopes []string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		secret, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		t := p.tokens[secret]
		switch {
		case t == nil || !bearer:
			p.fail(w, http.StatusUnauthorized, "INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview", nil)
		case !t.expires.IsZero() && !p.now().Before(t.expires):
			p.fail(w, http.StatusUnauthorized, "EXPIRED_AUTHENTICATION", fmt.Sprintf("The OAuth token used to make this call expired %d minute(s) ago.", int(p.now().Sub(t.expires).Minutes())), nil)
		case len(scopes) > 0 && !slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(t.scopes, s) }):
			p.fail(w, http.StatusForbidden, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.", answer{
				"errors": []answer{{"message": "One or more of the following scopes are required.", "context": answer{"requiredGranularScopes": scopes}}},
				"links":  answerOf("scopes", "https://developers.hubspot.com/scopes"),
			})
		default:
			next(w, r)
		}
	}
}

// object checks the type of record and the scopes that it needs.
func (p *hubspotPortal) object(verb string, next func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind := hubspotType(r.PathValue("type"))
		if kind == "" {
			p.signed(nil, func(w http.ResponseWriter, r *http.Request) {
				p.fail(w, http.StatusBadRequest, "VALIDATION_ERROR", "Unable to infer object type from: "+r.PathValue("type"), nil)
			})(w, r)
			return
		}
		p.signed(hubspotKindScopes(kind, verb), func(w http.ResponseWriter, r *http.Request) { next(w, r, kind) })(w, r)
	}
}

func (p *hubspotPortal) details(w http.ResponseWriter, _ *http.Request) {
	p.send(w, http.StatusOK, answer{
		"portalId": hubspotPortalID, "accountType": "STANDARD", "timeZone": "Europe/Berlin", "companyCurrency": "EUR", "additionalCurrencies": []string{},
		"utcOffset": "+01:00", "utcOffsetMilliseconds": 3600000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
	})
}
