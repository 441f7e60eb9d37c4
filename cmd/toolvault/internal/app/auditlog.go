package app

import (
	"compress/gzip"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"toolvault/audit"
	"toolvault/audit/proof"
	"toolvault/audit/tile"
	"toolvault/auth"
)

// What administrators may keep of a log's files, each for itself: they are behind
// a token. A tile never changes; a checkpoint does all the time.
const (
	keepTile       = "private, max-age=31536000, immutable"
	keepCheckpoint = "private, max-age=1"
)

// auditProof answers what 'audit prove' writes.
func (h *admin) auditProof(w http.ResponseWriter, r *http.Request, _ auth.Admin) {
	var o proof.Options
	q, err := url.ParseQuery(r.URL.RawQuery)
	for name, values := range q {
		if name != "without_body" || len(values) > 1 {
			err = errors.New("odd")
		}
	}
	if text := q.Get("without_body"); text != "" && err == nil {
		o.WithoutBody, err = strconv.ParseBool(text)
	}
	if err != nil {
		writeAdminError(w, http.StatusBadRequest, "invalid_request", "The query takes without_body, true or false.")
		return
	}
	text, err := proof.Make(r.Context(), AuditDir(h.app.Dir), r.PathValue("call_id"), o)
	if errors.Is(err, proof.ErrNotFound) {
		writeAdminError(w, http.StatusNotFound, "not_found", "The log has no such call.")
		return
	}
	if err != nil {
		h.logFailed(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
}

// auditCheckpoint answers the newest signed checkpoint: with auditTile, the log as
// c2sp.org/tlog-tiles has it.
func (h *admin) auditCheckpoint(w http.ResponseWriter, _ *http.Request, _ auth.Admin) {
	_, note, err := audit.Newest(AuditDir(h.app.Dir))
	if err != nil {
		h.logFailed(w, err)
		return
	}
	if note == nil {
		writeAdminError(w, http.StatusNotFound, "not_found", "The log is empty: it has no checkpoint yet.")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", keepCheckpoint)
	_, _ = w.Write(note)
}

// auditTile answers a tile or a bundle of entries.
func (h *admin) auditTile(w http.ResponseWriter, r *http.Request, _ auth.Admin) {
	level, n, width, ok := tile.ParsePath("tile/" + r.PathValue("path"))
	if !ok || r.URL.RawQuery != "" {
		writeAdminError(w, http.StatusNotFound, "not_found", "That is no path of a tile (c2sp.org/tlog-tiles).")
		return
	}
	var b []byte
	var err error
	dir := AuditDir(h.app.Dir)
	if level == tile.Entries {
		b, err = tile.Bundle(r.Context(), dir, n, width)
	} else {
		var t *tile.Tree
		if t, err = tile.Open(r.Context(), dir, nil); err == nil {
			b, err = t.Tile(level, n, width)
		}
	}
	if errors.Is(err, tile.ErrNone) {
		writeAdminError(w, http.StatusNotFound, "not_found", "The log has no such tile.")
		return
	}
	if err != nil {
		h.logFailed(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", keepTile)
	if level != tile.Entries { // hashes do not get smaller
		_, _ = w.Write(b)
		return
	}
	w.Header().Set("Vary", "Accept-Encoding")
	if !takesGzip(r) {
		_, _ = w.Write(b)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(b)
	_ = z.Close()
}

// takesGzip reports whether a request asks for gzip (RFC 9110, section 12.5.3),
// with no more than what clients write.
func takesGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(strings.Join(r.Header["Accept-Encoding"], ","), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && !strings.HasPrefix(weight, "q=0.000")
		}
	}
	return false
}

func (h *admin) logFailed(w http.ResponseWriter, err error) {
	h.app.Logger.Error("the audit log could not be read for an administrator", "error", err)
	if errors.Is(err, tile.ErrMisfit) || errors.Is(err, fs.ErrNotExist) {
		writeAdminError(w, http.StatusInternalServerError, "server_error", "The log cannot be proved just now: the operator finds out why with 'toolvault audit verify'.")
		return
	}
	w.Header().Set("Retry-After", "5")
	writeAdminError(w, http.StatusServiceUnavailable, "temporarily_unavailable", "The log cannot be read just now. Try again in a few seconds.")
}
