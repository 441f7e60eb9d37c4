package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/audit"
	"toolvault/audit/index"
	"toolvault/audit/many"
	"toolvault/audit/stats"
	"toolvault/cmd/toolvault/internal/remote"
)

// sources are the flags that say which logs are read: that of this toolvault, or
// those of several folders and servers.
type sources struct {
	config  string
	data    []string
	servers []string
	token   string
}

func (s *sources) flags(cmd *cobra.Command) {
	s.localFlags(cmd)
	cmd.Flags().StringArrayVar(&s.servers, "server", nil, "URL of a toolvault whose log is read over its administrators' interface; several times too")
	cmd.Flags().StringVar(&s.token, "token", "", "where the token for the one --server is, with the scope audit:read: env:NAME or file:PATH (default: the sign-in of 'toolvault login URL --admin audit:read')")
}

// localFlags are those for folders alone.
func (s *sources) localFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.data, "data", nil, "data folder (default $TOOLVAULT_DATA, or the user's data folder); several times: their logs are read as one")
	cmd.Flags().StringVar(&s.config, "config", os.Getenv("TOOLVAULT_CONFIG"), "config file (default $TOOLVAULT_CONFIG)")
}

// source is one log: in a folder, or of a server.
type source struct {
	name   string // that it signs its checkpoints with; its place, where two have the same
	place  string // its data folder as the flag has it, or the server's URL
	dir    string // of the log; "": it is a server's
	remote *remote.Audit
}

// find lists the logs. There is at least one.
func (s *sources) find(cmd *cobra.Command) ([]source, error) {
	var list []source
	flags := s.data
	if len(flags) == 0 && len(s.servers) == 0 {
		flags = []string{""}
	}
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
		list = append(list, source{name: name, place: cmp.Or(data, filepath.Dir(dir)), dir: dir})
	}
	token, err := s.reveal(cmd)
	if err != nil {
		return nil, err
	}
	for _, url := range s.servers {
		server, err := remote.Discover(cmd.Context(), url)
		if err != nil {
			return nil, err
		}
		r := server.Audit(token)
		name, err := r.Name(cmd.Context())
		if err != nil {
			return nil, err
		}
		list = append(list, source{name: name, place: server.URL, remote: r})
	}
	return distinct(list), nil
}

// reveal is how to get the token; nil: from the sign-in that is kept. It never
// stands on the command line, where others of the machine could read it.
func (s *sources) reveal(cmd *cobra.Command) (func(context.Context, string) (string, error), error) {
	if s.token == "" {
		return nil, nil
	}
	if len(s.servers) == 0 {
		return nil, misuse(cmd, "--token is for --server, and there is none")
	}
	if len(s.servers) > 1 { // none of them is to see another's
		return nil, misuse(cmd, "--token is for one --server: for several, sign in to each ('toolvault login URL --admin audit:read')")
	}
	kind, name, _ := strings.Cut(s.token, ":")
	var token string
	switch {
	case kind == "env" && name != "":
		if token = os.Getenv(name); token == "" {
			return nil, misuse(cmd, "--token: the variable %s is not set", cell(name, 64))
		}
	case kind == "file" && name != "":
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--token: %w", err)
		}
		token = strings.TrimSpace(string(b))
	default:
		return nil, misuse(cmd, "--token must be env:NAME or file:PATH; a token on the command line could be read by others of this machine")
	}
	return func(_ context.Context, stale string) (string, error) {
		if stale != "" {
			return "", errors.New("the token is not accepted: it is malformed, expired, revoked, or not an administrator's of that server")
		}
		return token, nil
	}, nil
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

// distinct gives logs of the same name, such as copies, their places for names.
func distinct(list []source) []source {
	count := map[string]int{}
	for _, s := range list {
		count[s.name]++
	}
	for i, s := range list {
		if count[s.name] > 1 {
			list[i].name = s.place
		}
	}
	return list
}

// log is the source for reading its entries. progress may be nil.
func (s source) log(progress func(done, total int64)) many.Log {
	if s.remote != nil {
		return many.Log{Name: s.name, Oldest: s.remote.Oldest, Newest: s.remote.Newest}
	}
	return many.Log{
		Name: s.name,
		Oldest: func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
			return many.Oldest(ctx, s.dir, f, progress, fn)
		},
		Newest: func(ctx context.Context, f audit.Filter, fn func(audit.Entry) error) error {
			return index.Each(ctx, s.dir, f, nil, fn)
		},
	}
}

// count has a collector read the log.
func (s source) count(ctx context.Context, c *stats.Collector, f audit.Filter, progress func(done, total int64)) error {
	if s.remote == nil {
		return c.Read(ctx, s.dir, progress)
	}
	f.Limit = 0
	return s.remote.Oldest(ctx, f, func(e audit.Entry) error {
		c.TakeEntry(e)
		return nil
	})
}

// readMeter tells how far reading has come, of how many records.
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
	var names []string
	for _, s := range list {
		names = append(names, cell(s.name, 0))
	}
	if len(names) == 1 {
		return "log " + names[0]
	}
	return "logs " + strings.Join(names, ", ")
}
