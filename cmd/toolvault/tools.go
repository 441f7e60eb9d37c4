package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

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

// listedTool is a tool in the list for programs.
type listedTool struct {
	Name        string              `json:"name"`
	Service     string              `json:"service"`
	Title       string              `json:"title"`
	Scope       string              `json:"scope"`
	Annotations schemas.Annotations `json:"annotations"`
	Bytes       int                 `json:"bytes"` // of its entry in tools/list
}

// needs is the scope of a tool as a token has it; "-" where it needs none.
func needs(t schemas.Tool) string {
	if t.Scope == "" {
		return "-"
	}
	return t.Service + ":" + t.Scope
}

func toolsListCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List every tool with the scope that it needs and its bytes in a model's list",
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
					if err := printJSON(cmd.OutOrStdout(), listedTool{t.Name, t.Service, t.Title, t.Scope, t.Annotations, len(t.Listing())}); err != nil {
						return err
					}
					continue
				}
				if t.Annotations.Irreversible {
					does = "writes for good"
				}
				rows = append(rows, []string{t.Name, does, needs(t), strconv.Itoa(len(t.Listing())), t.Title})
			}
			if o == "json" {
				return nil
			}
			return printTable(cmd.OutOrStdout(), []string{"TOOL", "DOES", "SCOPE", "BYTES", "TITLE"}, rows)
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
			_, _ = fmt.Fprintf(w, "%s: %s\n\n%s\n\nscope:        %s\nread-only:    %t\ndestructive:  %t\nidempotent:   %t\nirreversible: %t\nbytes:        %d in tools/list\n",
				t.Name, t.Title, t.Description, needs(t), t.Annotations.ReadOnly, t.Annotations.Destructive, t.Annotations.Idempotent, t.Annotations.Irreversible, len(t.Listing()))
			for _, part := range []struct {
				name   string
				schema json.RawMessage
			}{{"arguments", t.Input}, {"result", t.Output}, {"example", t.Example}} {
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
