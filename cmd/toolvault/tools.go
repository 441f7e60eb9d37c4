package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"toolvault/schemas"
	"toolvault/schemas/near"
)

func toolsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "tools", Short: "Show the tools that there are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(toolsListCommand(), toolsDescribeCommand())
	return cmd
}

func toolsListCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List every tool with the scope that it needs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := schemas.Load()
			if err != nil {
				return err
			}
			var rows [][]string
			for _, t := range all {
				does := "reads"
				if t.Write() {
					does = "writes"
				}
				if o == "json" {
					if err := printJSON(cmd.OutOrStdout(), t); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []string{t.Name, does, t.Service + ":" + orDash(t.Scope), t.Title})
			}
			if o == "json" {
				return nil
			}
			return printTable(cmd.OutOrStdout(), []string{"TOOL", "DOES", "SCOPE", "TITLE"}, rows)
		},
	}
	o.flag(cmd)
	return cmd
}

func toolsDescribeCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "describe NAME",
		Short: "Show what a model sees of a tool",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := schemas.Load()
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(t schemas.Tool) bool { return t.Name == args[0] })
			if i < 0 {
				var names []string
				for _, t := range all {
					names = append(names, t.Name)
				}
				if m := near.Match(args[0], names); m != "" {
					return misuse(cmd, "there is no tool %q; did you mean %q?", args[0], m)
				}
				return misuse(cmd, "there is no tool %q: 'toolvault tools list' shows them all", args[0])
			}
			t := all[i]
			if o == "json" {
				return printJSON(cmd.OutOrStdout(), t)
			}
			w := cmd.OutOrStdout()
			_, _ = fmt.Fprintf(w, "%s: %s\n\n%s\n\nscope:        %s:%s\nread-only:    %t\ndestructive:  %t\nidempotent:   %t\n",
				t.Name, t.Title, t.Description, t.Service, orDash(t.Scope), t.Annotations.ReadOnly, t.Annotations.Destructive, t.Annotations.Idempotent)
			for _, part := range []struct {
				name   string
				schema json.RawMessage
			}{{"arguments", t.Input}, {"result", t.Output}} {
				if len(part.schema) == 0 {
					continue
				}
				var v any
				if err := json.Unmarshal(part.schema, &v); err != nil {
					return err
				}
				pretty, err := json.MarshalIndent(v, "", "  ")
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintf(w, "\n%s:\n%s\n", part.name, pretty)
			}
			return nil
		},
	}
	o.flag(cmd)
	return cmd
}
