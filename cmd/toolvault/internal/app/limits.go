package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"toolvault/cmd/toolvault/internal/config"
	"toolvault/tools/limits"
)

// openBudgets makes what counts the calls of agents in the store. What limits refuse
// is counted by the sort of limit, of which there are nine: agents have no place in a
// label.
func (a *App) openBudgets(records limits.Store) *limits.Budgets {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "toolvault_limited_calls_total", Help: "Tool calls refused by a limit of their agent, by kind (calls, writes, bytes) and period (minute, hour, day).",
	}, []string{"kind", "per"})
	a.Metrics.registry.MustRegister(refused)
	a.Budgets = limits.New(limits.Options{
		Store: records, Now: time.Now, Logger: a.Logger,
		Refused: func(l limits.Limit) { refused.WithLabelValues(string(l.Kind), string(l.Per)).Inc() },
	})
	a.limit(a.Cfg)
	return a.Budgets
}

// limit puts the limits of a config in force.
func (a *App) limit(cfg *config.Config) {
	byAgent := map[string][]limits.Limit{}
	for _, agent := range cfg.Agents {
		byAgent[agent.ID] = agent.Limits
	}
	a.Budgets.Configure(cfg.Limits, byAgent)
}
