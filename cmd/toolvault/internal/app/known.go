package app

import (
	"toolvault/auth"
	"toolvault/cmd/toolvault/internal/config"
	"toolvault/schemas"
	"toolvault/tools"
)

// loadConfig reads a config file and holds it against what this program knows;
// no path means the defaults.
func loadConfig(path string) (*config.Config, error) {
	if path == "" {
		return config.Default(), nil
	}
	k, err := Known()
	if err != nil {
		return nil, err
	}
	return config.Load(path, k)
}

// Known is what this program knows, and a config file is held against.
func Known() (config.Known, error) {
	all, err := schemas.Load()
	if err != nil {
		return config.Known{}, err
	}
	return known(catalogue(), all), nil
}

func known(services []tools.Service, all []schemas.Tool) config.Known {
	irreversible := map[string]bool{}
	for _, t := range all {
		irreversible[t.Name] = t.Annotations.Irreversible
	}
	return config.Known{
		Catalogs: Catalogs(),
		Tools:    irreversible,
		Types:    credentialTypes(services),
		Schemes:  schemes(services),
		Rules: func(_ string, rules []auth.Rule) error {
			_, err := auth.CompilePolicy(rules, shapes(all))
			return err
		},
	}
}

// shapes are the tools as a policy is checked against them.
func shapes(all []schemas.Tool) []auth.ToolShape {
	list := make([]auth.ToolShape, len(all))
	for i, t := range all {
		list[i] = auth.ToolShape{Name: t.Name, Service: t.Service, Input: t.Input}
	}
	return list
}
