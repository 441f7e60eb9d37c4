package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// ServeScript answers with a script for WriteScripted. Browsers keep it, and ask
// each time whether it is still the one.
func (s *Set) ServeScript(w http.ResponseWriter, r *http.Request, script []byte) {
	s.headers(w.Header(), nil)
	sum := sha256.Sum256(script)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(script))
}

// JSON answers a script's request. The value has to be one that encodes.
func (s *Set) JSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	s.headers(w.Header(), nil)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
