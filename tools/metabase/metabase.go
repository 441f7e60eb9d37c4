// Package metabase is the analytics tool Metabase: finding dashboards and
// questions, running them, running SQL that only reads, and naming dashboards.
//
// Every instance has its own base URL, which an admin sets. Metabase itself does
// not restrict the verbs of native SQL; guard.go does, on top of what the
// database user may. Vendor pages: www.metabase.com/docs/latest/api.
package metabase

import (
	"context"
	"time"

	"toolvault/auth/scope"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
	"toolvault/vault"
)

const (
	name  = "metabase"
	title = "Metabase"

	// sessionFor is how long a session lasts unless the instance says otherwise
	// (MAX_SESSION_AGE, www.metabase.com/docs/latest/configuring-metabase/environment-variables).
	sessionFor = 14 * 24 * time.Hour
)

// New returns the service. Its base URL is empty: there is no instance until an
// admin names one.
func New() tools.Service {
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
		Tools: []tools.Tool{
			tools.New("metabase_search", located(search)),
			tools.New("metabase_list_databases", located(listDatabases)),
			tools.New("metabase_get_dashboard", located(getDashboard)),
			tools.New("metabase_update_dashboard", located(updateDashboard)),
			tools.New("metabase_run_question", located(runQuestion)),
			tools.New("metabase_run_sql", located(runSQL)),
		},
		Probe: probe,
	}
}

// located runs a handler only where there is an instance to talk to.
func located[In, Out any](handler func(context.Context, *upstream.Client, In) (Out, error)) func(context.Context, *upstream.Client, In) (Out, error) {
	return func(ctx context.Context, c *upstream.Client, in In) (Out, error) {
		if c.BaseURL() == "" {
			var none Out
			return none, nowhere()
		}
		return handler(ctx, c, in)
	}
}

func nowhere() *fault.Error {
	f := fault.New(fault.UpstreamUnavailable, "No Metabase instance is set up. An admin has to set services.metabase.base_url in the config; trying again will not help.")
	f.Retryable, f.NotSent = false, true
	return f
}

// probe asks who the key belongs to. An administrator's key is worth a remark:
// it may do everything.
func probe(ctx context.Context, c *upstream.Client) (string, error) {
	if c.BaseURL() == "" {
		return "", nowhere()
	}
	var me struct {
		Name      string `json:"common_name"`
		Email     string `json:"email"`
		Superuser bool   `json:"is_superuser"`
	}
	if err := c.Get(ctx, "/api/user/current", nil, &me); err != nil {
		return "", err
	}
	if me.Name == "" && me.Email == "" {
		return "", fault.New(fault.UpstreamError, "Metabase answered without a user. Is the address really Metabase's?")
	}
	who := "user " + upstream.Clean(me.Name, 100)
	if me.Email != "" {
		who += " <" + upstream.Clean(me.Email, 200) + ">"
	}
	if me.Superuser {
		who += ", an administrator"
	}
	return who, nil
}
