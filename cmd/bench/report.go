package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what one run has measured.
type report struct {
	Work        string
	Conns       []int
	Rows        []*row
	BinaryBytes int64         // of our program, stripped if the bench has built it; 0: not measured
	Sync        time.Duration // of one record by this disk
}

// row is one server.
type row struct {
	Server      string
	FirstAnswer time.Duration
	IdleKB      int64
	LoadedKB    int64
	Samples     map[int]*sample // by connections

	server *contender
}

func (r *row) load(ctx context.Context, conns int, s settings) error {
	got, err := loadServer(ctx, r.server, s.work, conns, s.duration)
	if err != nil {
		return err
	}
	kb, err := residentKB(r.server.pid)
	if err != nil {
		return err
	}
	r.LoadedKB = max(r.LoadedKB, kb)
	if r.Samples == nil {
		r.Samples = map[int]*sample{}
	}
	if r.Samples[conns] == nil {
		r.Samples[conns] = &sample{}
	}
	r.Samples[conns].add(got)
	return nil
}

// figures are the numbers of one server at one number of connections.
type figures struct {
	Server      string  `json:"server"`
	Tool        string  `json:"tool"`
	Conns       int     `json:"connections"`
	Calls       int     `json:"calls"`
	Failures    int     `json:"failures"`
	PerSecond   float64 `json:"calls_per_second"`
	P50         micros  `json:"p50_us"`
	P99         micros  `json:"p99_us"`
	CPU         micros  `json:"cpu_us_per_call"`
	RateRatio   float64 `json:"rate_ratio"` // to the first server: more is faster
	CPURatio    float64 `json:"cpu_ratio"`  // to the first server: less is cheaper
	FirstAnswer micros  `json:"start_to_first_answer_us"`
	IdleKB      int64   `json:"idle_kb"`
	LoadedKB    int64   `json:"loaded_kb"`
}

func (r *report) figures(of *row, conns int) figures {
	f := of.figures(conns)
	base := r.Rows[0].figures(conns)
	f.Tool = r.Work
	f.RateRatio, f.CPURatio = f.PerSecond/base.PerSecond, float64(f.CPU)/float64(max(base.CPU, 1))
	return f
}

func (r *row) figures(conns int) figures {
	s := r.Samples[conns]
	slices.Sort(s.times)
	calls := max(1, s.calls)
	f := figures{
		Server: r.Server, Conns: conns, Calls: s.calls, Failures: s.failures,
		PerSecond:   float64(s.calls) / s.took.Seconds(),
		CPU:         micros(s.cpu / time.Duration(calls)),
		FirstAnswer: micros(r.FirstAnswer), IdleKB: r.IdleKB, LoadedKB: r.LoadedKB,
	}
	if s.calls > 0 {
		f.P50, f.P99 = micros(s.times[s.calls/2]), micros(s.times[s.calls*99/100])
	}
	return f
}

func (r *report) printTables(out io.Writer) error {
	_, _ = fmt.Fprintf(out, "\n%s, every request different, every answer checked\n\n", r.Work)
	var table bytes.Buffer
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells ...string) {
		for _, c := range cells {
			_, _ = fmt.Fprint(tw, c, "\t")
		}
		_, _ = fmt.Fprintln(tw)
	}
	line("connections", "server", "calls/s", "p50 ms", "p99 ms", "CPU µs a call", "rate ratio", "CPU ratio", "calls", "failed")
	for _, n := range r.Conns {
		for _, of := range r.Rows {
			f := r.figures(of, n)
			line(fmt.Sprint(n), f.Server, fmt.Sprintf("%.0f", f.PerSecond), ms(f.P50), ms(f.P99), fmt.Sprintf("%.0f", float64(f.CPU)/1e3),
				fmt.Sprintf("%.2f", f.RateRatio), fmt.Sprintf("%.2f", f.CPURatio), fmt.Sprint(f.Calls), fmt.Sprint(f.Failures))
		}
		line(make([]string, 10)...) // an empty line would end the columns
	}
	line("", "server", "idle MB", "loaded MB", "first answer ms")
	for _, of := range r.Rows {
		line("", of.Server, mb(of.IdleKB), mb(of.LoadedKB), fmt.Sprintf("%.0f", float64(of.FirstAnswer)/1e6))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for l := range strings.Lines(table.String()) {
		_, _ = fmt.Fprintln(out, strings.TrimRight(l, " \n"))
	}
	_, err := fmt.Fprintf(out, "\nRatios are to %s: rate, more is better; CPU, less is better.\n", r.Rows[0].Server)
	if err != nil || r.BinaryBytes == 0 {
		return err
	}
	_, err = fmt.Fprintf(out, "The program has %.1f MB. One durable record on this disk: %s ms (the median of 51).\n", float64(r.BinaryBytes)/1e6, ms(micros(r.Sync)))
	if i := slices.IndexFunc(r.Rows, func(r *row) bool { return r.Server == ours }); err == nil && i > 0 {
		_, err = fmt.Fprintf(out, "Added to the median at one connection: %s ms.\n", ms(r.Rows[i].figures(1).P50-r.Rows[0].figures(1).P50))
	}
	return err
}

func ms(m micros) string { return fmt.Sprintf("%.3f", float64(m)/1e6) }
func mb(kb int64) string { return fmt.Sprintf("%.1f", float64(kb)*1024/1e6) }

// printJSON prints one document for each server and number of connections, and
// one for the program.
func (r *report) printJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	for _, n := range r.Conns {
		for _, of := range r.Rows {
			if err := enc.Encode(r.figures(of, n)); err != nil {
				return err
			}
		}
	}
	if r.BinaryBytes == 0 {
		return nil
	}
	return enc.Encode(map[string]any{"program_bytes": r.BinaryBytes, "sync_us": micros(r.Sync)})
}

func (r *report) failures() (n int) {
	for _, row := range r.Rows {
		for _, s := range row.Samples {
			n += s.failures
		}
	}
	return n
}

func (r *report) firstFailure() string {
	for _, row := range r.Rows {
		for _, n := range r.Conns {
			if s := row.Samples[n]; s != nil && s.first != "" {
				return fmt.Sprintf("%s at %d connections: %s", row.Server, n, s.first)
			}
		}
	}
	return ""
}
