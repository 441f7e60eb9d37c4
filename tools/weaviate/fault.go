package weaviate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

const maxSaid = 300 // characters of the server's text that a model sees

// readFault maps the server's shapes of an error: {error: [{message}]}, {code,
// message} of what stands in front of it (refused keys, bodies that do not fit the
// description), and {errorCode, limit, value} of a plan's limits. What GraphQL says
// comes with a 200, and is looked at in query.go.
func readFault(r *upstream.Response) *fault.Error {
	named := *r
	named.Service = title
	f := upstream.StatusFault(&named)
	if f == nil {
		return nil
	}
	var e struct {
		Error []struct {
			Message string `json:"message"`
		} `json:"error"`
		Message   string `json:"message"`
		ErrorCode string `json:"errorCode"`
		Limit     string `json:"limit"`
	}
	if json.Unmarshal(r.Body, &e) != nil {
		return f
	}
	said := e.Message
	if len(e.Error) > 0 {
		said = e.Error[0].Message
	}
	switch {
	case r.Status == http.StatusTooManyRequests && e.ErrorCode == "USAGE_LIMIT_EXCEEDED":
		f.Kind, f.Code, f.Retryable = fault.NotPermitted, e.ErrorCode, false
		f.Message = fmt.Sprintf("The cluster has as many %s as its plan allows. A person has to make room or to raise the limit; trying again will not help.", upstream.Clean(e.Limit, 40))
		return f
	case r.Status == http.StatusUnauthorized:
		if strings.Contains(said, "no authentication scheme is configured") {
			f.Message = "This Weaviate server takes no credentials at all: it is open to everybody who reaches it. An admin has to switch on API keys or OIDC there."
		}
		return f
	}
	if told := explain(said); told != nil {
		told.Status, told.NotSent = f.Status, r.Status/100 == 4
		return told
	}
	if r.Status == http.StatusUnprocessableEntity {
		f.Kind = fault.InvalidArguments
	}
	if said != "" && (r.Status < 500 || r.Status == http.StatusInternalServerError) {
		f.Message += quotation(said)
	}
	return f
}

func quotation(said string) string {
	return " Weaviate said: " + upstream.Quote(upstream.Clean(said, maxSaid))
}

// saying is a text of the server that is known, and what the model is told instead.
type saying struct {
	form *pattern.Pattern
	kind fault.Kind
	told string // $1 is what the first group of form matched, cleaned
}

var sayings = []saying{
	{pattern.New(`this role must have the permission to .read_collections. on .\*. `), fault.NotPermitted,
		"Weaviate lets this key see some collections only, and searching and counting there needs the permission read_collections on all (*). An admin has to give it to the role. weaviate_list_objects without filters and weaviate_get_object work without."},
	{pattern.New(`has insufficient permissions to (\w+ \[\[?[^\]]{0,200}\])`), fault.NotPermitted,
		"The role of this Weaviate user does not allow it: it lacks $1. An admin of the cluster has to add that permission to the role."},
	{pattern.New(`has multi-tenancy enabled, but request was without tenant`), fault.InvalidArguments,
		"The collection keeps the objects of its tenants apart. Give tenant; weaviate_list_tenants shows them."},
	{pattern.New(`multi-tenancy disabled, but request was with tenant|multi-tenancy is not enabled`), fault.InvalidArguments,
		"The collection has no tenants. Leave tenant out."},
	{pattern.New(`(?:tenant not found: |shard not found: )"?([\w-]{0,64})`), fault.NotFound,
		"The collection has no tenant $1. weaviate_list_tenants shows them."},
	{pattern.New(`tenant not active: '?([\w-]{0,64})`), fault.Conflict,
		"The tenant $1 is not active, so its objects cannot be reached. weaviate_set_tenants with action activate changes that."},
	{pattern.New(`no api key found neither in request header: (X-[\w-]{1,40})`), fault.NotPermitted,
		"The server has no key for the provider of the model that makes the vectors ($1). An admin has to add it to the credential in the config (openai_key, cohere_key …). weaviate_search with mode keyword works without."},
	{pattern.New(`called without vectorizer`), fault.InvalidArguments,
		"The server makes no vectors of texts for this collection. Use mode keyword."},
	{pattern.New(`Unknown argument "nearText"`), fault.InvalidArguments,
		"The collection's vectorizer has no search by meaning alone. Use mode hybrid with alpha 1."},
	{pattern.New(`only stopwords provided`), fault.InvalidArguments,
		"A text to compare with has only words that are passed over (the, and, is …), or none. Give another."},
	{pattern.New(`Nullstate must be indexed`), fault.InvalidArguments,
		"The collection does not keep which properties are empty, so op empty does not work there."},
	{pattern.New(`(?:has no vector|vector not found)`), fault.NotFound,
		"There is no such object, or it has no vector. weaviate_get_object shows whether it is there."},
	{pattern.New(`maximum results exceeded`), fault.InvalidArguments,
		"Weaviate goes no further than 10,000 results. Narrow the filters."},
	{pattern.New(`no module with name "?([\w-]{0,60})`), fault.InvalidArguments,
		"The server has no vectorizer $1. weaviate_whoami lists its modules."},
	{pattern.New(`module is not enabled`), fault.NotPermitted,
		"The server has no storage to offload tenants to. Use action deactivate."},
	{pattern.New(`(?i)read-?only`), fault.NotPermitted,
		"The server takes no writes just now: it is read-only, mostly because its disk is full. The operator of the cluster has to look at it."},
	{pattern.New(`already exists|already in use`), fault.Conflict,
		"There is one of that name or id already."},
	{pattern.New(`Cannot query field|Unknown (?:argument|type)|no such prop`), fault.Conflict,
		"The collection has changed since it was looked at. Look at it with weaviate_get_collection and try again."},
	{pattern.New(`vectorize`), fault.UpstreamError,
		"The provider of the model that makes the vectors failed, or refused its key. weaviate_search with mode keyword works without."},
}

// explain makes of what the server said what a model can do about it; nil if it is
// nothing that is known.
func explain(said string) *fault.Error {
	for _, s := range sayings {
		m := s.form.FindStringSubmatch(said)
		if m == nil {
			continue
		}
		told := s.told
		if len(m) > 1 {
			told = strings.ReplaceAll(told, "$1", upstream.Clean(strings.NewReplacer("[", "", "]", "").Replace(m[1]), 200))
		}
		f := fault.New(s.kind, "%s", told)
		if s.kind == fault.UpstreamError || s.kind == fault.Conflict && strings.HasPrefix(told, "There is one") || s.kind == fault.InvalidArguments && len(m) > 1 {
			f.Message += quotation(said)
		}
		return f
	}
	return nil
}

// broken is the fault of an answer that lacks what it must have.
func broken() error {
	return fault.New(fault.UpstreamError, "Weaviate's answer lacks what it should hold. Try again later; if it stays so, tell the operator.")
}
