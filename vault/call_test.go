package vault

import (
	"net/http"
	"testing"

	"toolvault/audit"
)

// TestWhatIsDoneForACallNamesIt: a refresh, one that fails, and the state that
// follows.
func TestWhatIsDoneForACallNamesIt(t *testing.T) {
	call := audit.Call{ID: "call-1", CorrelationID: "trace-1"}
	for name, broken := range map[string]bool{"refreshed": false, "refused": true} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t)
			k.put(t, "slack/a", Stored{Type: TypeOAuthToken, Refresh: NewSecret("refresh-0")})
			if broken {
				k.issuer.answer = func(w http.ResponseWriter, _ int) bool {
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
					return true
				}
			}
			if _, err := k.Resolve(audit.WithCall(t.Context(), call), oauth); (err != nil) != broken {
				t.Fatal(err)
			}
			events := k.seen()
			if len(events) == 0 {
				t.Fatal("nothing was told")
			}
			for _, e := range events {
				if e.Call != call {
					t.Errorf("%s is of %+v", e.Kind, e.Call)
				}
			}
		})
	}
}
