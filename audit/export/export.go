// Package export writes the entries of an audit log in the forms that others read:
// JSON lines, CSV (RFC 4180), and OCSF's class API Activity.
//
// What stands in an entry was written by agents, their clients and the services:
// nothing of it can end a line or a cell, or be a formula where a person opens the
// file.
package export

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"toolvault/audit/many"
)

// The formats.
const (
	JSONLines = "jsonl"
	CSV       = "csv"
	OCSF      = "ocsf"
)

// Formats are the names that New takes.
func Formats() []string { return []string{JSONLines, CSV, OCSF} }

// Options are what an export has to know besides the entries.
type Options struct {
	Version string              // of the program, for OCSF's metadata.product
	Tools   map[string]Activity // what each tool does, for OCSF's activity_id
	Name    string              // of the log, where entries have none
}

// Activity is what a tool does to what it reaches.
type Activity int

// The activities, with the numbers of OCSF's activity_id of API Activity.
const (
	Unknown Activity = 0
	Create  Activity = 1
	Read    Activity = 2
	Update  Activity = 3
	Delete  Activity = 4
	other   Activity = 99
)

// Writer writes one entry after the other. It keeps none of them.
type Writer interface{ Write(many.Entry) error }

// New begins an export: what has to stand first is written.
func New(format string, w io.Writer, o Options) (Writer, error) {
	switch format {
	case JSONLines:
		return jsonLines{lines(w)}, nil
	case CSV:
		return newCSV(w)
	case OCSF:
		return &ocsf{enc: lines(w), o: o}, nil
	}
	return nil, fmt.Errorf("there is no format %q; there are: %s", format, strings.Join(Formats(), ", "))
}

// lines encodes one document a line.
func lines(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

// jsonLines are entries as "audit query -o json" prints them.
type jsonLines struct{ enc *json.Encoder }

func (j jsonLines) Write(e many.Entry) error { return j.enc.Encode(e) }
