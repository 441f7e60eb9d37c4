package export

import (
	"strings"

	"toolvault/audit"
	"toolvault/audit/many"
)

// activity is what was done, and its caption.
func (w *ocsf) activity(e *many.Entry) (Activity, string) {
	a, known := w.o.Tools[e.Tool]
	switch {
	case e.Phase == audit.PhaseEvent:
		a = eventActivity(e.Event)
	case known:
	case e.Write:
		a = Update
	case e.Service != "":
		a = Read
	}
	switch a {
	case Create:
		return a, "Create"
	case Read:
		return a, "Read"
	case Update:
		return a, "Update"
	case Delete:
		return a, "Delete"
	case other:
		return a, e.Event // OCSF wants the source's own word
	}
	return Unknown, "Unknown"
}

// eventActivity tells by its last word what an event did: "credential.revoked".
func eventActivity(name string) Activity {
	_, did, _ := strings.Cut(name, ".")
	switch {
	case name == "":
		return Unknown
	case did == "minted" || did == "issued" || did == "added" || did == "stored" || did == "registered" || did == "invited" || did == "imported":
		return Create
	case did == "revoked" || did == "removed" || did == "erased" || did == "dropped" || strings.HasSuffix(did, "_removed") || strings.HasSuffix(did, "_ended"):
		return Delete
	case did == "put" || did == "refreshed" || did == "rotated" || did == "suspended" || did == "resumed" || did == "state":
		return Update
	}
	return other
}

// severityOf: what somebody has to look at is higher.
func severityOf(e *many.Entry) (int, string) {
	switch e.Status {
	case "ok", audit.StatusPending:
		return 1, "Informational"
	case "not_permitted", "refused", "credential_invalid", "internal", audit.StatusUnknown:
		return 3, "Medium"
	}
	return 2, "Low"
}

func statusOf(e *many.Entry) (int, string) {
	switch e.Status {
	case "ok":
		return 1, "Success"
	case audit.StatusUnknown:
		return 0, "Unknown"
	case audit.StatusPending:
		return 99, audit.StatusPending
	}
	if e.Event == "credential.state" { // the state that it is in from now on
		return 99, e.Status
	}
	return 2, "Failure"
}
