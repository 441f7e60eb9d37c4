package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
)

// verifyEach proves several logs, each by itself: by its own key, which is the one
// that stands in the same place among --key as its folder among --data, or that of
// its folder. One that cannot be read keeps none of the others from being proved.
func verifyEach(cmd *cobra.Command, o output, from sources, keys []string) error {
	for _, other := range []string{"head", "since", "anchor", "witness", "witness-age", "proof"} {
		if cmd.Flags().Changed(other) {
			return misuse(cmd, "--%s is of one log: with several, leave it out, or verify them one by one", other)
		}
	}
	if len(keys) > 0 && len(keys) != len(from.data) {
		return misuse(cmd, "there are %d --data and %d --key: give a key for each folder, in the same order", len(from.data), len(keys))
	}
	bad := false
	for i, data := range from.data {
		p := place{data: data, config: from.config}
		key := ""
		if len(keys) > 0 {
			key = keys[i]
		}
		v, err := p.verifyNamed(cmd, key)
		bad = bad || err != nil || !v.good()
		if err == nil {
			err = v.print(cmd, o)
		} else {
			err = v.fail(cmd, o, err)
		}
		if err != nil {
			return err
		}
	}
	if bad {
		return &exitError{1}
	}
	return nil
}

// namedVerdict is a verdict with the log that it is of.
type namedVerdict struct {
	Log  string `json:"log,omitempty"` // as its newest checkpoint says
	Data string `json:"data"`          // its data folder
	verdict
}

func (p *place) verifyNamed(cmd *cobra.Command, key string) (namedVerdict, error) {
	v := namedVerdict{Data: p.data}
	dir, err := p.auditDir()
	if err != nil {
		return v, err
	}
	v.Data = filepath.Dir(dir)
	if v.Log, err = logName(dir); err != nil {
		return v, err
	}
	v.Report, _, err = p.verify(cmd, dir, key, "", nil)
	return v, err
}

// head is what stands before the verdict.
func (v *namedVerdict) head() string {
	if v.Log == "" || v.Log == v.Data {
		return cell(v.Data, 0)
	}
	return fmt.Sprintf("%s in %s", cell(v.Log, 0), cell(v.Data, 0))
}

func (v *namedVerdict) print(cmd *cobra.Command, o output) error {
	w := cmd.OutOrStdout()
	if o == "json" {
		return printJSON(w, v)
	}
	_, _ = fmt.Fprintf(w, "%s: ", v.head())
	return v.verdict.print(w, o)
}

// fail tells what kept a log from being verified.
func (v *namedVerdict) fail(cmd *cobra.Command, o output, reason error) error {
	if o == "json" {
		return printJSON(cmd.OutOrStdout(), struct {
			Log   string `json:"log,omitempty"`
			Data  string `json:"data"`
			Error string `json:"error"`
		}{v.Log, v.Data, reason.Error()})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: NOT VERIFIED: %s\n", v.head(), cell(reason.Error(), 0))
	return err
}
