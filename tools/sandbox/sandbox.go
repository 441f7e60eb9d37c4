// Package sandbox holds in-memory doubles of the services, over real HTTP, for
// the demo, for "serve --sandbox" and for tests.
//
// A double is a working service with state, not a list of canned answers: it
// checks the credential and its scopes, pages, expires tokens, limits rates and
// fails on demand, and answers errors in the vendor's own shape.
package sandbox

import (
	"time"

	"toolvault/tools/sandbox/clearbit"
	"toolvault/tools/sandbox/double"
	"toolvault/tools/sandbox/googlecalendar"
	"toolvault/tools/sandbox/grafana"
	"toolvault/tools/sandbox/notion"
	"toolvault/tools/sandbox/salesforce"
	"toolvault/tools/sandbox/segment"
	"toolvault/tools/sandbox/weaviate"
)

// Services are the names of those that have a double: all that there are.
func Services() []string {
	return []string{
		"slack", "hubspot", "pinecone", "metabase", "salesforce", "notion", "weaviate", "segment", "clearbit", "google_calendar", "grafana",
	}
}

// Of is a double of a service, which goes by now if it has a clock; nil where there is
// none.
func Of(service string, now func() time.Time) *double.Double {
	switch service {
	case "slack":
		return newSlack(now)
	case "hubspot":
		return newHubSpot(now)
	case "pinecone":
		return NewPinecone()
	case "metabase":
		return NewMetabase()
	case "salesforce":
		return salesforce.New(now)
	case "notion":
		return notion.New(now)
	case "weaviate":
		return weaviate.New(now)
	case "segment":
		return segment.New(now)
	case "clearbit":
		return clearbit.New(now)
	case "google_calendar":
		return googlecalendar.New(now)
	case "grafana":
		return grafana.New(now)
	}
	return nil
}

// All is a double of every service.
func All(now func() time.Time) []*double.Double {
	var all []*double.Double
	for _, service := range Services() {
		all = append(all, Of(service, now))
	}
	return all
}
