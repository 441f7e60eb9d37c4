package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"toolvault/cmd/toolvault/internal/app"
	"toolvault/cmd/toolvault/internal/config"
)

// place are the flags that say where a toolvault lives.
type place struct {
	data, config string
	sandbox      bool
}

func (p *place) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.data, "data", "", "data folder (default $TOOLVAULT_DATA, or the user's data folder)")
	cmd.Flags().StringVar(&p.config, "config", os.Getenv("TOOLVAULT_CONFIG"), "config file (default $TOOLVAULT_CONFIG)")
}

func (p *place) sandboxFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.sandbox, "sandbox", false, "in-memory services and the agent "+app.SandboxAgent+" instead of real ones (agents and services of a config do not apply)")
}

func (p *place) open(ctx context.Context, more ...func(*app.Options)) (*app.App, error) {
	o := app.Options{Data: p.data, Config: p.config, Sandbox: p.sandbox, Version: programVersion(), Logger: newLogger(os.Stderr, slog.LevelWarn)}
	for _, f := range more {
		f(&o)
	}
	a, err := app.Open(ctx, o)
	return a, configMistake(err)
}

// configMistake makes misuse of a mistake in a config file.
func configMistake(err error) error {
	var bad *config.Error
	var several config.Errors
	if errors.As(err, &bad) || errors.As(err, &several) {
		return &usageError{err: err}
	}
	return err
}

// with opens the place for one command and closes it after.
func (p *place) with(cmd *cobra.Command, do func(*app.App) error, more ...func(*app.Options)) (err error) {
	a, err := p.open(cmd.Context(), more...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}

// newLogger logs for people on a terminal and for programs elsewhere.
func newLogger(w *os.File, level slog.Level) *slog.Logger {
	if term.IsTerminal(int(w.Fd())) && os.Getenv("NO_COLOR") == "" {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// output is the -o flag of every command that lists.
type output string

func (o *output) flag(cmd *cobra.Command) {
	*o = "table"
	cmd.Flags().VarP(o, "output", "o", "table for people, json for programs (one document a line)")
}

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "table|json" }
func (o *output) Set(s string) error {
	if s != "table" && s != "json" {
		return fmt.Errorf("must be table or json")
	}
	*o = output(s)
	return nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printTable aligns rows under a header.
func printTable(w io.Writer, header []string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, row := range rows {
		_, _ = fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	return tw.Flush()
}

// say tells the person what was done; it goes to stderr, so that stdout holds
// only what was asked for.
func say(cmd *cobra.Command, format string, args ...any) {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
