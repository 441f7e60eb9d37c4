package sandbox

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/google/uuid"
)

// logIn begins a session for the editor, as POST /api/session does.
func (m *metabase) logIn(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, Password string }
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in); err != nil || in.Username == "" || in.Password == "" {
		metaInvalid(w, "username", "value must be a non-blank string.")
		return
	}
	if in.Username != m.username || in.Password != m.password {
		metaJSON(w, http.StatusUnauthorized, map[string]any{"errors": map[string]string{"password": "did not match stored password"}})
		return
	}
	id := uuid.NewString()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions = map[string]bool{}
	}
	m.sessions[id] = true
	metaJSON(w, http.StatusOK, map[string]string{"id": id})
}

// expire ends all sessions.
func (m *metabase) expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.sessions)
}

// known reports whether a key or a session is in force, and whether it may edit.
// The caller holds the lock.
func (m *metabase) known(h http.Header) (edit, ok bool) {
	switch key := h.Get("X-Api-Key"); key {
	case m.editor:
		return true, true
	case MetabaseReader:
		return false, true
	}
	ok = m.sessions[h.Get("X-Metabase-Session")]
	return ok, ok
}
