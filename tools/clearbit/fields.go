package clearbit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"toolvault/tools/upstream"
)

const (
	maxField  = 2_000  // characters of one field that was asked for
	maxFields = 20_000 // of all of them
)

// fieldsOf are the fields of a record that were asked for by their paths, such as
// "metrics.trafficRank", and the paths at which there is nothing.
func fieldsOf(record map[string]json.RawMessage, paths []string) (fields map[string]any, lacking []string) {
	room := maxFields
	for _, path := range paths {
		at := record
		var raw json.RawMessage
		steps := strings.Split(path, ".")
		for i, step := range steps {
			raw = at[step]
			if i < len(steps)-1 {
				at = nil
				_ = json.Unmarshal(raw, &at) // what is no object has no fields
			}
		}
		value := upstream.CleanJSON(raw, min(maxField, room))
		if value == nil || value == "" {
			lacking = append(lacking, path)
			continue
		}
		if fields == nil {
			fields = map[string]any{}
		}
		if s, ok := value.(string); ok {
			room -= len(s)
		}
		fields[path] = value
	}
	return fields, lacking
}

func lackingNote(lacking []string, such string) string {
	if len(lacking) == 0 {
		return ""
	}
	return fmt.Sprintf("Nothing at %s. Fields go by Clearbit's own names, such as %s.", strings.Join(lacking, ", "), such)
}

func writeFields(b *strings.Builder, fields map[string]any) {
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		fmt.Fprintf(b, "%s: %s\n", path, upstream.Quote(fmt.Sprint(fields[path])))
	}
}
