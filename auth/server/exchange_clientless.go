package server

import (
	"encoding/json"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
)

// clientless answers a token exchange of somebody who names no client. RFC 8693
// section 2.1 leaves it to the server whether it asks for one; the library always
// does. A workload has none, and what it brings says who it is; anybody else learns
// that they have to be a client.
func (s *Server) clientless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Form.Get("grant_type") != client.GrantExchange {
			next.ServeHTTP(w, r)
			return
		}
		sent, err := sentCredentials(r.Header, r.Form)
		if err == nil && sent != nil {
			next.ServeHTTP(w, r)
			return
		}
		var answer tokenAnswer
		if err == nil {
			answer, err = s.exchange(r.Context(), nil, r.Header, r.Form)
		}
		if err != nil {
			op.WriteError(w, r, err, nil)
			return
		}
		body, err := json.Marshal(answer)
		if err != nil {
			op.WriteError(w, r, err, nil)
			return
		}
		_, _ = w.Write(body)
	})
}
