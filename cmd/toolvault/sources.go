package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/many"
)

// sources are the flags that say which logs are read: that of this toolvault, or
// those of several folders.
type sources struct {
	config string
	data   []string
}

func (s *sources) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.data, "data", nil, "data folder (default $TOOLVAULT_DATA, or the user's data folder); several times: their logs are read as one")
	cmd.Flags().StringVar(&s.config, "config", os.Getenv("TOOLVAULT_CONFIG"), "config file (default $TOOLVAULT_CONFIG)")
}

// source is one log.
type source struct {
	name string // that it signs its checkpoints with; its folder, where two have the same
	dir  string // of the log
}

// find lists the logs. There is at least one.
func (s *sources) find() ([]source, error) {
	flags := s.data
	if len(flags) == 0 {
		flags = []string{""}
	}
	var list []source
	for _, data := range flags {
		p := place{data: data, config: s.config}
		dir, err := p.auditDir()
		if err != nil {
			return nil, err
		}
		name, err := logName(dir)
		if err != nil {
			return nil, err
		}
		list = append(list, source{name, dir})
	}
	return distinct(list), nil
}

// logName is the first line of a log's newest checkpoint; of an empty log it is its
// data folder.
func logName(dir string) (string, error) {
	_, note, err := audit.Newest(dir)
	name, _, _ := strings.Cut(string(note), "\n")
	if name == "" {
		name = filepath.Dir(dir)
	}
	return name, err
}

// distinct gives logs of the same name, such as copies, the names of their folders.
func distinct(list []source) []source {
	count := map[string]int{}
	for _, s := range list {
		count[s.name]++
	}
	for i, s := range list {
		if count[s.name] > 1 {
			list[i].name = filepath.Dir(s.dir)
		}
	}
	return list
}

// log is the source for reading its entries.
func (s source) log(progress func(done, total int64)) many.Log {
	return many.Log{Name: s.name, Oldest: func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
		return many.Oldest(ctx, s.dir, f, progress, fn)
	}}
}

// readMeter tells how far reading has come, of how many records; for one log only:
// those of several are read in turns.
func readMeter(cmd *cobra.Command) (step func(done, total int64), end func()) {
	var m *meter
	step = func(done, total int64) {
		if m == nil {
			m = newMeter(cmd.ErrOrStderr(), "records read", int(total))
		}
		m.step(int(done))
	}
	end = func() {
		if m != nil {
			m.end()
		}
	}
	return step, end
}

// together names the logs that are read as one.
func together(list []source) string {
	if len(list) == 1 {
		return "log " + cell(list[0].name, 0)
	}
	var names []string
	for _, s := range list {
		names = append(names, cell(s.name, 0))
	}
	return fmt.Sprintf("logs %s", strings.Join(names, ", "))
}
