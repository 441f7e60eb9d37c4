package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/cmd/toolvault/internal/importfile"
)

// variables are those of the environment that the config refers to.
type variables struct {
	types     map[string]string   // of a credential's source: its type
	places    map[string][]string // where it stands: "toolvault.yaml:12"
	elsewhere map[string]bool     // something else than a credential needs it: it has to stay in the environment
}

func declaredVariables(a *app.App) variables {
	v := variables{types: map[string]string{}, places: map[string][]string{}, elsewhere: map[string]bool{}}
	for _, d := range a.Vault.Declarations() {
		if name, ok := strings.CutPrefix(d.Source, "env:"); ok {
			v.types[name] = d.Type
		}
	}
	for _, r := range a.Cfg.References() {
		switch {
		case r.Kind != "env":
		case v.types[r.Name] != "" && strings.Contains(r.Where, "credentials["):
			v.places[r.Name] = append(v.places[r.Name], fmt.Sprintf("%s:%d", a.Cfg.Path, r.Line))
		default:
			v.elsewhere[r.Name] = true
		}
	}
	return v
}

// explainImport says what to write into the config.
func explainImport(cmd *cobra.Command, items []importfile.Item, declared variables, printConfig bool) error {
	var rows [][]string
	for _, item := range items {
		if item.Variable == "" {
			continue
		}
		where := "-"
		if places := declared.places[item.Variable]; len(places) > 0 {
			where = strings.Join(places, ", ")
		}
		rows = append(rows, []string{item.Variable, item.Stored.Type, `source: "vault:` + item.Name + `"`, where})
	}
	if len(rows) > 0 {
		if err := printTable(cmd.OutOrStdout(), []string{"VARIABLE", "TYPE", "WRITE IN THE CONFIG", "INSTEAD OF env: AT"}, rows); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(declared.elsewhere)) {
			say(cmd, "Keep %s in the environment: the config needs it there.", name)
		}
		return nil
	}
	if printConfig {
		return printDeclarations(cmd.OutOrStdout(), items)
	}
	return nil
}

// printDeclarations writes the part of a config that declares what was imported.
func printDeclarations(w io.Writer, items []importfile.Item) error {
	byAgent := map[string][]importfile.Item{}
	for _, item := range items {
		byAgent[item.Agent] = append(byAgent[item.Agent], item)
	}
	var b strings.Builder
	b.WriteString("agents:\n")
	for _, agent := range slices.Sorted(maps.Keys(byAgent)) {
		b.WriteString("  - agentId: " + strconv.Quote(agent) + "\n    credentials:\n")
		for _, item := range byAgent[agent] {
			b.WriteString("      - { " + declaration(item) + " }\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func declaration(item importfile.Item) string {
	scope := item.Scope
	if scope == "" {
		scope = "read-only"
	}
	parts := []string{"service: " + item.Service, "type: " + item.Stored.Type, "source: " + strconv.Quote("vault:"+item.Name), "scope: " + strconv.Quote(scope)}
	for _, more := range [][2]string{{"user", item.User}, {"account", item.Account}, {"id", item.ID}, {"base_url", item.BaseURL}} {
		if more[1] != "" {
			parts = append(parts, more[0]+": "+strconv.Quote(more[1]))
		}
	}
	if item.Broker {
		parts = append(parts, "broker: true")
	}
	for _, name := range slices.Sorted(maps.Keys(item.Params)) {
		parts = append(parts, name+": "+strconv.Quote(item.Params[name]))
	}
	return strings.Join(parts, ", ")
}
