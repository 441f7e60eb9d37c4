// Package grafana is Grafana: dashboards, queries of data sources through Grafana
// (PromQL, LogQL, SQL), alert rules and silences, annotations, and a panel as an
// image.
//
// Every customer has a base URL of their own, which an admin sets. A dashboard is
// read and written at the version of the API that it is stored in: through another
// one Grafana converts it, and can lose panels on the way (load.go). A save names
// the version that was read, so that nobody's work is overwritten. Nothing is
// deleted, and no user, permission, data source or alert rule is touched.
// Vendor pages: grafana.com/docs/grafana/latest/developer-resources/api-reference.
package grafana

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
	"toolvault/vault"
)

const (
	name  = "grafana"
	title = "Grafana"

	believed = 2 * time.Minute  // how long what a name means is kept
	settled  = 10 * time.Minute // and what an instance can do
)

// service is what calls share: what is known of instances, by credential, base URL
// and organisation.
type service struct {
	now      func() time.Time
	settings *names.Cache[settings]
	versions *names.Cache[[]string]
	sources  *names.Cache[[]Source]
	places   *names.Cache[hit]
	routes   *names.Cache[string]
}

// New returns the service. Its base URL is empty: there is no instance until an
// admin names one.
func New() tools.Service { return newService(time.Now) }

func newService(now func() time.Time) tools.Service {
	s := &service{
		now: now, settings: names.NewCache[settings](now, settled), versions: names.NewCache[[]string](now, settled),
		sources: names.NewCache[[]Source](now, believed).AtMost(256), places: names.NewCache[hit](now, believed),
		routes: names.NewCache[string](now, settled),
	}
	org := []vault.Param{{Name: "org_id", Help: "the number of the organisation", Check: checkOrg}}
	return tools.Service{
		Name:     name,
		Title:    title,
		Endpoint: upstream.Endpoint{Service: name, Fault: readFault},
		Scopes: scope.NewCatalog(name,
			scope.Def{Name: "dashboards:read", Aliases: []string{"dashboard.read", "folders:read"}},
			scope.Def{Name: "datasources:read", Aliases: []string{"datasource.read"}},
			scope.Def{Name: "datasources:query", Aliases: []string{"metrics.read", "logs.read"}, Implies: []string{"datasources:read"}},
			scope.Def{Name: "alerts:read", Aliases: []string{"alert.read", "alert.rules:read", "alert.instances:read"}},
			scope.Def{Name: "annotations:read", Aliases: []string{"annotation.read"}},
			scope.Def{Name: "dashboards:write", Aliases: []string{"dashboard.write", "dashboards:create"}, Write: true, Implies: []string{"dashboards:read"}},
			scope.Def{Name: "silences:write", Aliases: []string{"silence.write", "alert.instances:write"}, Write: true, Implies: []string{"alerts:read"}},
			scope.Def{Name: "annotations:write", Aliases: []string{"annotation.write", "annotations:create"}, Write: true, Implies: []string{"annotations:read"}},
			scope.Def{Name: "query.run", Aliases: []string{"sql.run"}, Write: true, Implies: []string{"datasources:read"}},
		),
		Auth: map[string]vault.Scheme{
			vault.TypeServiceToken: {Header: "Authorization", Prefix: "Bearer ", Params: org},
			vault.TypeAPIKey:       {Header: "Authorization", Prefix: "Bearer ", Params: org},
			vault.TypeBasic:        {Params: org},
		},
		Tools: slices.Concat(
			s.instanceTools(), s.searchTools(), s.dashboardTools(), s.dashboardWriteTools(), s.sourceTools(), s.prometheusTools(),
			s.lokiTools(), s.labelTools(), s.queryTools(), s.alertTools(), s.silenceTools(), s.annotationTools(), s.renderTools(),
		),
		Probe: s.probe,
	}
}

// checkOrg holds what the config says of the organisation against Grafana's ids.
func checkOrg(value string) error {
	if n, err := strconv.ParseUint(value, 10, 31); err != nil || n == 0 {
		return errors.New("org_id is the number of an organisation, such as \"2\"")
	}
	return nil
}

// clock is what a time is relative to: now, in UTC. Which zone people see is a
// setting of each user and dashboard.
func (s *service) clock() when.Clock { return when.Clock{Now: s.now(), Zone: time.UTC} }
