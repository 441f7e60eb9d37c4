package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// catalogue compares our tools with the vendors' own servers: what a model has to
// read and write for the same everyday tasks, on the same doubles. See
// docs/compared.md.
func catalogue(ctx context.Context, args []string, out, log io.Writer) error {
	var program, npm, only string
	var update, same, discovery bool
	flags := flag.NewFlagSet("bench catalogue", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&npm, "vendors", "", "a folder in which npm has installed the vendors' servers (.ci/e2e/vendors does); without it their figures are the recorded ones")
	flags.StringVar(&program, "toolvault", "", "a toolvault program to measure, instead of one built from this tree")
	flags.StringVar(&only, "task", "", "only the task with this key, with every call on the log")
	flags.BoolVar(&discovery, "discovery", false, "with -task: ours with --discovery, too")
	flags.BoolVar(&same, "same", false, "print only whether theirs and ours leave the same state, with the jobs beyond the everyday ones")
	flags.BoolVar(&update, "update", false, "write docs/compared.md and, with -vendors, the record of their figures")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if same && npm == "" {
		return errors.New("-same runs the vendors' servers: say with -vendors where they are installed")
	}
	c, clean, err := prepare(ctx, program, npm)
	if err != nil {
		return err
	}
	defer clean()
	tasks := append(everyday(), rivals()...)
	c.discover = !same && only == "" || discovery
	if same {
		tasks = append(tasks, furtherJobs()...)
	}
	if only != "" {
		c.log = log
		tasks = slices.DeleteFunc(append(tasks, furtherJobs()...), func(t task) bool { return t.key != only })
		if len(tasks) == 0 {
			return fmt.Errorf("there is no task %q", only)
		}
	}
	if same {
		tasks = slices.DeleteFunc(tasks, func(t task) bool { return t.vendor == hosted })
	}
	outcomes := c.doAll(ctx, tasks)
	if same || only != "" {
		return printSame(out, outcomes)
	}
	for _, o := range outcomes {
		if err := o.err(); err != nil {
			return fmt.Errorf("%s: %w", o.task.key, err)
		}
	}
	page, err := c.page(ctx, outcomes)
	if err != nil {
		return err
	}
	if update {
		return page.write()
	}
	text, err := page.markdown()
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// everyday are the twenty tasks of the table, five a service.
func everyday() []task {
	var all []task
	for _, group := range []struct {
		service, vendor string
		tasks           []task
	}{
		{"slack", hosted, slackTasks()},
		{"hubspot", vendorHubSpot, hubspotTasks()},
		{"pinecone", vendorPinecone, pineconeTasks()},
		{"metabase", vendorMetabase, metabaseTasks()},
	} {
		for _, t := range group.tasks {
			t.service, t.vendor = group.service, group.vendor
			all = append(all, t)
		}
	}
	return all
}

// rivals are Slack's everyday tasks beside the server for it that most use.
func rivals() []task {
	var all []task
	for _, t := range slackTasks() {
		t.key, t.service, t.vendor, t.theirs, t.cannot = t.key+"-rival", "slack", rival, t.rival, ""
		if t.rival == nil {
			t.cannot = "has no tool for it"
		}
		all = append(all, t)
	}
	return all
}

// printSame says of each job whether theirs and ours left the same state.
func printSame(out io.Writer, outcomes []outcome) error {
	failed := 0
	for _, o := range outcomes {
		verdict := "same"
		switch {
		case o.err() != nil:
			verdict = "FAILED"
			failed++
		case !o.ran:
			verdict = "theirs not run"
		case !o.task.writes:
			verdict = "same: nothing changed, and both say what was asked"
		}
		_, _ = fmt.Fprintf(out, "%-22s %-34s %s\n", o.task.key, o.task.vendor, verdict)
		for _, e := range o.task.explained {
			_, _ = fmt.Fprintf(out, "%-22s but %s\n", "", e.why)
		}
		if err := o.err(); err != nil {
			_, _ = fmt.Fprintf(out, "%v\n", err)
		}
	}
	_, _ = fmt.Fprintf(out, "%d passed, %d failed\n", len(outcomes)-failed, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d jobs do not leave the same state", failed, len(outcomes))
	}
	return nil
}

// repository is the folder of go.mod, found upwards from where the bench runs.
func repository() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, e := os.Stat(filepath.Join(dir, "go.mod")); e == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			break
		}
	}
	return "", errors.New("run this inside the source tree of toolvault")
}
