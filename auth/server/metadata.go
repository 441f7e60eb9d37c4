package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"toolvault/auth"
	"toolvault/auth/client"
	"toolvault/auth/dpop"
)

// offline is the scope with which a client asks for a refresh token (OpenID Connect
// Core 1.0 section 11).
const offline = "offline_access"

// metadata describes the server (RFC 8414 section 2, with what the later
// specifications add; OpenID Connect Discovery 1.0 section 3 for clients that look
// there: there are no ID tokens).
type metadata struct {
	Issuer               string   `json:"issuer"`
	Authorization        string   `json:"authorization_endpoint"`
	Token                string   `json:"token_endpoint"`
	Keys                 string   `json:"jwks_uri"`
	Registration         string   `json:"registration_endpoint,omitempty"`
	Introspection        string   `json:"introspection_endpoint"`
	Revocation           string   `json:"revocation_endpoint"`
	DeviceAuthorization  string   `json:"device_authorization_endpoint"`
	Scopes               []string `json:"scopes_supported"`
	ResponseTypes        []string `json:"response_types_supported"`
	ResponseModes        []string `json:"response_modes_supported"`
	Grants               []string `json:"grant_types_supported"`
	GrantProfiles        []string `json:"authorization_grant_profiles_supported,omitempty"` // draft-ietf-oauth-identity-assertion-authz-grant
	AuthMethods          []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms       []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	Challenges           []string `json:"code_challenge_methods_supported"`
	AnnouncesIssuer      bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	ClientMetadata       bool     `json:"client_id_metadata_document_supported"`
	DPoP                 []string `json:"dpop_signing_alg_values_supported"` // RFC 9449 section 5.1
	Subjects             []string `json:"subject_types_supported"`
	IDTokenAlgorithms    []string `json:"id_token_signing_alg_values_supported"`
}

func (s *Server) describe() metadata {
	proving := []string{client.AuthBasic, client.AuthPost, client.AuthKey}
	m := metadata{
		Issuer: s.PublicURL, Authorization: s.PublicURL + AuthorizePath, Token: s.PublicURL + TokenPath, Keys: s.PublicURL + KeysPath,
		Introspection: s.PublicURL + IntrospectPath, Revocation: s.PublicURL + RevokePath, DeviceAuthorization: s.PublicURL + DeviceAuthPath,
		Scopes: s.scopes(), ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		Grants:      []string{client.GrantCode, client.GrantRefresh, client.GrantOwn, client.GrantExchange, client.GrantAssertion, client.GrantDevice},
		AuthMethods: append([]string{client.AuthNone}, proving...), AuthAlgorithms: assertionAlgorithms(),
		IntrospectionMethods: proving, RevocationMethods: append([]string{client.AuthNone}, proving...),
		Challenges: []string{"S256"}, AnnouncesIssuer: true, ClientMetadata: s.Metadata, DPoP: dpop.Algorithms(),
		Subjects: []string{"public"}, IDTokenAlgorithms: []string{string(jose.EdDSA)},
	}
	if s.Register != nil {
		m.Registration = s.PublicURL + RegisterPath
	}
	if s.Issuers != nil {
		m.GrantProfiles = []string{"urn:ietf:params:oauth:grant-profile:id-jag"}
	}
	return m
}

// scopes are all words that a client may ask for.
func (s *Server) scopes() []string {
	var words []string
	for service, catalog := range s.Catalogs {
		for _, name := range append([]string{"read-only", "read-write"}, catalog.Names()...) {
			words = append(words, service+":"+name)
		}
	}
	slices.Sort(words)
	return append(append(words, auth.AdminScopes()...), offline)
}

func (s *Server) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(s.describe())
	if err != nil {
		http.Error(w, "The metadata could not be written.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body)
}

// serveKeys is the JWK Set (RFC 7517 section 5). It may be kept for as long as a
// new key is shown before it signs.
func (s *Server) serveKeys(w http.ResponseWriter, _ *http.Request) {
	keys, goodFor := s.Tokens.Keys()
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		http.Error(w, "The keys could not be written.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(goodFor.Seconds())))
	_, _ = w.Write(body)
}

// target is which of our resources a request is about (RFC 8707 section 2): the
// tools, or their administration. Scheme and host are compared without case, and a
// slash at the end does not count (MCP, "Canonical Server URI").
func (s *Server) target(wanted []string) (admin bool, err error) {
	if len(wanted) > 1 {
		return false, invalidTarget("A token is for one resource: ask for one at a time.")
	}
	if len(wanted) == 0 {
		return false, nil
	}
	switch canonical(wanted[0]) {
	case canonical(s.resource()):
		return false, nil
	case canonical(s.admin()):
		return true, nil
	}
	return false, invalidTarget("The resource is not one of this server's: it is %s, or %s to administer.", s.resource(), s.admin())
}

func canonical(uri string) string {
	scheme, rest, ok := strings.Cut(strings.TrimSuffix(uri, "/"), "://")
	if !ok {
		return uri
	}
	host, path, _ := strings.Cut(rest, "/")
	return strings.ToLower(scheme) + "://" + strings.ToLower(host) + "/" + path
}
