package main

import (
	"github.com/spf13/cobra"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/tools"
)

// offerFlags are the flags that say which tools are offered, and how.
type offerFlags struct {
	toolsets            string
	readOnly, discovery bool
}

func (f *offerFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.toolsets, "toolsets", "", "only the tools of these services, such as slack:read,hubspot (:read or :write for a part)")
	cmd.Flags().BoolVar(&f.readOnly, "read-only", false, "only tools that change nothing")
	cmd.Flags().BoolVar(&f.discovery, "discovery", false, "three tools (find_tools, describe_tool, call_tool) in place of a long list, which reach all others")
}

// words are the flags as somebody types them.
func (f *offerFlags) words() []string {
	var words []string
	if f.toolsets != "" {
		words = append(words, "--toolsets", f.toolsets)
	}
	if f.readOnly {
		words = append(words, "--read-only")
	}
	if f.discovery {
		words = append(words, "--discovery")
	}
	return words
}

// offer is what the flags ask for.
func (f *offerFlags) offer(cmd *cobra.Command) (tools.Offer, error) {
	o := tools.Offer{ReadOnly: f.readOnly, Discovery: f.discovery}
	if f.toolsets == "" && !cmd.Flags().Changed("toolsets") {
		return o, nil
	}
	sets, err := tools.ParseToolsets(f.toolsets, app.Services())
	if err != nil {
		return o, misuse(cmd, "--toolsets: %w", err)
	}
	if o.Toolsets = sets; o.Empty() {
		return o, misuse(cmd, "--read-only leaves no tool of --toolsets %s, which only change something: name a service or a :read, or leave --read-only out", f.toolsets)
	}
	return o, nil
}
