// Package metabase is the analytics tool Metabase: finding dashboards and
// questions, running them, querying tables with and without SQL, and building
// questions, dashboards, collections and alerts.
//
// Every instance has its own base URL, which an admin sets. Metabase itself does
// not restrict the verbs of native SQL; guard.go does, on top of what the
// database user may, and mbqlguard.go keeps SQL out of queries that are not SQL.
// Nothing is deleted for good, and no permission, user or public link is touched.
// Vendor pages: www.metabase.com/docs/latest/api.
package metabase

import (
	"slices"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "metabase"
	title = "Metabase"

	// sessionFor is how long a session lasts unless the instance says otherwise
	// (MAX_SESSION_AGE, www.metabase.com/docs/latest/configuring-metabase/environment-variables).
	sessionFor = 14 * 24 * time.Hour

	// believed is how long what a name means is kept.
	believed = 2 * time.Minute
)

// service is what calls share: what names meant a moment ago, by credential.
type service struct {
	now       func() time.Time
	ids       *names.Cache[int64]
	lists     *names.Cache[[]names.Named]
	instances *names.Cache[instance]
}

// New returns the service. Its base URL is empty: there is no instance until an
// admin names one.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{
		now: now, ids: names.NewCache[int64](now, believed), lists: names.NewCache[[]names.Named](now, believed).AtMost(256),
		instances: names.NewCache[instance](now, 10*time.Minute),
	}
	return tools.Service{
		Name:     name,
		Title:    title,
		Endpoint: upstream.Endpoint{Service: name, Fault: readFault},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "content.read", Aliases: []string{"dashboard.read", "question.read", "collection.read"}},
			scope.Def{Name: "data.read", Aliases: []string{"database.read"}},
			scope.Def{Name: "query.run", Aliases: []string{"question.run", "query"}},
			scope.Def{Name: "sql.run", Aliases: []string{"sql"}},
			scope.Def{Name: "question.write", Aliases: []string{"card.write"}, Write: true, Implies: []string{"content.read"}},
			scope.Def{Name: "dashboard.write", Write: true, Implies: []string{"content.read"}},
			scope.Def{Name: "collection.write", Write: true, Implies: []string{"content.read"}},
			scope.Def{Name: "alert.write", Write: true, Implies: []string{"content.read"}},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeServiceToken: {Header: "X-Api-Key"},
			vault.TypeAPIKey:       {Header: "X-Api-Key"},
			vault.TypeSession: {Header: "X-Metabase-Session", Login: &vault.Login{
				Path: "/api/session", Name: "username", Password: "password", Token: "id", Life: sessionFor,
			}},
		},
		Tools: slices.Concat(
			s.instanceTools(), s.searchTools(), s.collectionTools(), s.databaseTools(), s.tableTools(), s.fieldTools(),
			s.questionTools(), s.questionWriteTools(), s.runTools(), s.queryTools(), s.sqlTools(), s.exportTools(),
			s.dashboardTools(), s.dashboardRunTools(), s.dashboardWriteTools(), s.dashcardTools(), s.valuesTools(),
			s.itemTools(), s.historyTools(), s.alertTools(), s.saveAlertTools(), s.subscriptionTools(),
		),
		Probe: probe,
	}
}
