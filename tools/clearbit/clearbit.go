// Package clearbit is the data that Clearbit has of people and companies, for those
// who still hold a key: who an e-mail address is, what a company does, whose network
// an IP address is of, who works at a domain.
//
// Clearbit is HubSpot's since December 2023 and gives out no keys any more; hosts
// have been taken off the net one after another. So every failure that says that
// something is gone for good is told apart from "there is no such record", and names
// what took its place: see retired in fault.go.
//
// A lookup is billed, found or not, and may be queued (202): see lookup.go. Vendor
// pages: clearbit.com/docs, help.clearbit.com ("What is a 202 Status Code?").
package clearbit

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name   = "clearbit"
	title  = "Clearbit"
	person = "https://person.clearbit.com"

	// apiVersion pins the shape of answers; without it an account gets the version
	// that it began with.
	apiVersion = "2019-12-19"

	callTime = 90 * time.Second // of a call: a lookup, and a minute of waiting
	streams  = 62 * time.Second // the streaming hosts hold a request for 60 s

	missingFor = 24 * time.Hour // how long "no match" is believed
)

// The names of the further APIs.
const (
	company       = "company"
	personStream  = "person-stream"
	companyStream = "company-stream"
	reveal        = "reveal"
	prospector    = "prospector"
	autocomplete  = "autocomplete"
)

// service is what the handlers share.
type service struct {
	now     func() time.Time
	streams time.Duration
	missing *names.Cache[time.Time] // by lookup: when Clearbit said that it has no record
}

// New returns the service. It remembers lookups that had no match, so one value
// should serve all calls.
func New() tools.Service { return newService(time.Now, streams) }

func newService(now func() time.Time, streams time.Duration) tools.Service {
	s := &service{now: now, streams: streams, missing: names.NewCache[time.Time](now, missingFor)}
	key := vault.Bearer
	key.Check = checkKey
	return tools.Service{
		Name:    name,
		Title:   title,
		Timeout: callTime,
		Endpoint: upstream.Endpoint{
			Service: name,
			BaseURL: person,
			APIs: map[string]string{
				company:       "https://company.clearbit.com",
				personStream:  "https://person-stream.clearbit.com",
				companyStream: "https://company-stream.clearbit.com",
				reveal:        "https://reveal.clearbit.com",
				prospector:    "https://prospector.clearbit.com",
				autocomplete:  "https://autocomplete.clearbit.com",
			},
			Header: http.Header{"Api-Version": {apiVersion}},
			Limits: limits,
			Fault:  s.readFault,
		},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "enrich.read", Aliases: []string{"enrich", "enrichment.read"}},
			scope.Def{Name: "reveal.read", Aliases: []string{"reveal"}},
			scope.Def{Name: "prospect.read", Aliases: []string{"prospector.read", "prospector"}},
			scope.Def{Name: "suggest.read", Aliases: []string{"suggest", "autocomplete"}},
		),
		Auth:  map[string]vault.Scheme{vault.TypeAPIKey: key, vault.TypeServiceToken: key},
		Tools: slices.Concat(s.enrichTools(), s.revealTools(), s.nameTools(), s.prospectTools()),
		Probe: s.probe,
	}
}

// checkKey turns a publishable key away before anything is sent with it: it is for
// Reveal in web pages, and every API refuses it.
func checkKey(key vault.Secret) error {
	if !strings.HasPrefix(key.Reveal(), "pk_") {
		return nil
	}
	return fault.New(fault.CredentialInvalid, "This Clearbit key begins with pk_: it is the publishable one, for web pages, and nothing was sent with it. A person has to put in the secret key of the account, which begins with sk_; trying again will not help.")
}

// limits: 600 requests a minute of each API, but for streaming and Reveal (help
// article "What are Clearbit's API rate limits?"). The bucket is filled so that no
// minute has more. Autocomplete is cached at the edge and takes no key.
func limits(c *upstream.Client, req *upstream.Request) []upstream.Limit {
	api := req.API
	switch api {
	case "":
		api = "person"
	case company, prospector:
	default:
		return nil
	}
	return []upstream.Limit{{
		Key: "clearbit " + c.AccountKey() + " " + api, Burst: 60, Every: time.Minute / 540,
		Says: "Clearbit takes 600 requests a minute of its " + api + " API",
	}}
}

// probe looks a person up without saying whom: the key is judged first, and what
// then is refused for want of an address is not billed.
func (s *service) probe(ctx context.Context, c *upstream.Client) (string, error) {
	err := c.Do(ctx, upstream.Request{Path: peoplePath, Read: true}, nil)
	if f := fault.From(err); f != nil && f.Kind != fault.InvalidArguments {
		return "", s.gone(c, "", err)
	}
	return "an account that Clearbit still serves", nil
}
