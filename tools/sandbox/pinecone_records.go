package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const pineconeBatch = 96

func (p *pinecone) upsert(w http.ResponseWriter, r *http.Request, ix *pineIndex) {
	if r.Header.Get("Content-Type") != "application/x-ndjson" {
		pineText(w, http.StatusUnsupportedMediaType, "Content-Type must be application/x-ndjson")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
	if err != nil {
		pineRPC(w, http.StatusBadRequest, 3, "Request size exceeds the maximum of 2MB.")
		return
	}
	lines, message := ix.lines(body)
	if message != "" { // all or nothing
		pineRPC(w, http.StatusBadRequest, 3, message)
		return
	}
	s := p.write(ix, r.PathValue("ns"))
	for _, l := range lines {
		s.records[l.id] = ix.record(l.fields)
	}
	s.written(w)
	w.WriteHeader(http.StatusCreated)
}

// record is what an integrated index keeps of fields: their vector as well.
func (ix *pineIndex) record(fields map[string]any) pineRecord {
	text, _ := fields[ix.textField].(string)
	rec := ix.embed(text)
	rec.fields = fields
	return rec
}

type pineLine struct {
	id     string
	fields map[string]any
}

// lines reads NDJSON; message says what is wrong with it.
func (ix *pineIndex) lines(body []byte) (lines []pineLine, message string) {
	sc := bufio.NewScanner(bytes.NewReader(body))
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		if len(bytes.TrimSpace(sc.Bytes())) == 0 {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		dec.UseNumber()
		fields := map[string]any{}
		if dec.Decode(&fields) != nil {
			return nil, "Invalid JSON in line " + strconv.Itoa(len(lines)+1)
		}
		id, _ := fields["_id"].(string)
		if id == "" {
			id, _ = fields["id"].(string)
		}
		delete(fields, "_id")
		if id == "" || len(id) > 512 {
			return nil, "Record is missing a valid _id"
		}
		if text, _ := fields[ix.textField].(string); text == "" {
			return nil, "Record " + id + " is missing the field " + ix.textField + " of the index's field_map"
		}
		if wrong := pineMetadataWrong(fields); wrong != "" {
			return nil, wrong
		}
		lines = append(lines, pineLine{id, fields})
	}
	switch {
	case len(lines) == 0:
		return nil, "No records in the request"
	case len(lines) > pineconeBatch:
		return nil, "Batch size exceeds " + strconv.Itoa(pineconeBatch)
	}
	return lines, ""
}

func pineconeMetadata(v any) bool {
	switch v := v.(type) {
	case string, json.Number, bool, int:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { _, ok := e.(string); return !ok })
	}
	return false
}

func pineconeWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127)
	})
}
