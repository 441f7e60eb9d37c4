package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/audit/export"
	"toolvault/audit/many"
	"toolvault/schemas"
	"toolvault/schemas/near"
)

func auditExportCommand() *cobra.Command {
	var from sources
	var s selection
	var format, out string
	cmd := &cobra.Command{
		Use:     "export --format jsonl|csv|ocsf",
		Short:   "Write the log, or a part of it, for other programs: JSON lines, CSV, OCSF",
		Example: "  toolvault audit export --format csv --since 30d --out calls.csv\n  toolvault audit export --format ocsf --service slack | gzip > slack.ocsf.gz",
		Long: `Writes calls and events, oldest first, with intent and outcome of a write in one.

jsonl  one JSON document a line, as 'audit query -o json' prints them
csv    RFC 4180, with a header; a cell that a spreadsheet would take for a formula
       (it begins with = + - @, a tab or a line end) has an apostrophe before it,
       and so has one that begins with an apostrophe
ocsf   one event of the Open Cybersecurity Schema Framework a line: class API
       Activity (6003), schema version ` + export.SchemaVersion + `

With --out the file is there when it is whole, and not before.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(export.Formats(), format) {
				if m := near.Match(format, export.Formats()); m != "" && format != "" {
					return misuse(cmd, "--format: there is no %q; did you mean %q?", format, m)
				}
				return misuse(cmd, "--format must be one of %s", strings.Join(export.Formats(), ", "))
			}
			f, err := s.filter(cmd)
			if err != nil {
				return err
			}
			list, err := from.find(cmd)
			if err != nil {
				return err
			}
			tools, err := activities()
			if err != nil {
				return err
			}
			step, end := readMeter(cmd)
			if len(list) > 1 { // they are read in turns
				step = nil
			}
			var logs many.Logs
			for _, l := range list {
				logs = append(logs, l.log(step))
			}
			count := 0
			write := func(w io.Writer) error {
				x, err := export.New(format, w, export.Options{Version: programVersion(), Tools: tools, Name: list[0].name})
				if err != nil {
					return err
				}
				return logs.Oldest(cmd.Context(), f, func(e many.Entry) error {
					count++
					return x.Write(e)
				})
			}
			if out == "" {
				if onTerminal(cmd.OutOrStdout()) { // which acts on what strangers have written
					return misuse(cmd, "stdout is a terminal: write to a file with --out, or into a pipe; 'toolvault audit query' is for reading")
				}
				defer end()
				w := bufio.NewWriterSize(cmd.OutOrStdout(), 64<<10)
				if err := write(w); err != nil {
					_ = w.Flush() // whoever reads on has what came before
					return err
				}
				return w.Flush()
			}
			err = writeAtomically(out, write)
			end()
			if err != nil {
				return fmt.Errorf("--out: %w", err)
			}
			say(cmd, "Wrote %d entries to %s.", count, out)
			return nil
		},
	}
	from.flags(cmd)
	s.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "", "jsonl, csv or ocsf")
	cmd.Flags().StringVar(&out, "out", "", "write to this file, whole or not at all (default: stdout)")
	return cmd
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// activities are what the tools do, by their annotations and, of those that
// destroy, by their names.
func activities() (map[string]export.Activity, error) {
	all, err := schemas.Load()
	if err != nil {
		return nil, err
	}
	m := map[string]export.Activity{}
	for _, t := range all {
		switch {
		case t.Annotations.ReadOnly:
			m[t.Name] = export.Read
		case !t.Annotations.Destructive:
			m[t.Name] = export.Create
		case strings.Contains(t.Name, "_delete_") || strings.Contains(t.Name, "_remove_") || strings.Contains(t.Name, "_archive_"):
			m[t.Name] = export.Delete
		default:
			m[t.Name] = export.Update
		}
		m[t.Service+"_credential"] = export.Read // the broker's
	}
	return m, nil
}

// writeAtomically makes a file that is whole or not there; one that is there is
// replaced by it. Nobody but its owner may read it.
func writeAtomically(path string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		_ = tmp.Close()
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	w := bufio.NewWriterSize(tmp, 256<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(tmp.Name(), path)
}
