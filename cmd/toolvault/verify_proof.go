package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"toolvault/audit/anchor"
	"toolvault/audit/proof"
)

// readUpTo reads a file that has a bound; "-" is stdin.
func readUpTo(cmd *cobra.Command, flag, path string, most int64) ([]byte, error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%s: %s is larger than %d bytes", flag, path, most)
	}
	return text, nil
}

// proofVerdict is what verify --proof tells programs.
type proofVerdict struct {
	Valid  bool   `json:"valid"`
	Reason string `json:"reason,omitempty"` // why not
	*proof.Report
}

// verifyProof checks a file that 'audit prove' has written. It opens no data
// folder, no config and no store.
func verifyProof(cmd *cobra.Command, o output, path, key string, witnesses []string) error {
	if key == "" {
		return misuse(cmd, "--proof needs --key KEY, the key of the log that you have written down: a proof that brings its own key proves nothing")
	}
	if err := proof.CheckKey(key); err != nil {
		return misuse(cmd, "--key: %w", err)
	}
	for _, w := range witnesses {
		if err := anchor.CheckKey(w); err != nil {
			return misuse(cmd, "--witness: %w", err)
		}
	}
	text, err := readUpTo(cmd, "--proof", path, proof.MaxFile)
	if err != nil {
		return err
	}
	report, err := proof.Verify(text, key, witnesses...)
	w := cmd.OutOrStdout()
	switch {
	case o == "json" && err == nil:
		return printJSON(w, proofVerdict{Valid: true, Report: report})
	case o == "json":
		err = errors.Join(printJSON(w, proofVerdict{Reason: err.Error()}), &exitError{1})
		return err
	case err != nil:
		_, _ = fmt.Fprintf(w, "NOT VALID: %s\n", cell(err.Error(), 0))
		return &exitError{1}
	}
	_, err = fmt.Fprintln(w, proved(report))
	return err
}

// proved says in a sentence what a proof shows.
func proved(r *proof.Report) string {
	var numbers, absent []string
	for _, p := range r.Records {
		numbers = append(numbers, fmt.Sprintf("%d (%s)", p.Index, phaseCell(p)))
		if p.Body == proof.BodyAbsent {
			absent = append(absent, fmt.Sprint(p.Index))
		}
	}
	what, are := "record", "is"
	if len(numbers) > 1 {
		what, are = "records", "are"
	}
	text := fmt.Sprintf("Valid: %s %s %s in the log %s, under the signed root of %d records", what, strings.Join(numbers, ", "), are, cell(r.Log, 0), r.TreeSize)
	if r.CallID != "" {
		text += ", of the call " + cell(r.CallID, 0)
	}
	for _, c := range r.Cosigned {
		text += fmt.Sprintf("; cosigned by %s at %s", cell(c.Witness, 0), c.Time.Format("2006-01-02 15:04:05 MST"))
	}
	text += "."
	if len(absent) > 0 {
		text += fmt.Sprintf(" Arguments, result, user and message of %s are not in the file.", strings.Join(absent, ", "))
	}
	return text
}

func phaseCell(p proof.Proved) string {
	if p.Record.Event != "" {
		return cell(p.Record.Event, 0)
	}
	return cell(string(p.Record.Phase), 0)
}
