package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"toolvault/vault/store"
)

// turnedDown notes that a service has refused a secret that nothing here can renew.
// It is told once, and stands on the record of one that is in the vault. The
// credential is still used: only the service can tell when it takes the secret
// again.
func (v *Vault) turnedDown(ctx context.Context, c *Credential, state State, reason string) {
	d, version := c.decl, c.Version
	name, kept := strings.CutPrefix(d.Source, "vault:")
	if !kept {
		if _, told := v.refusals.LoadOrStore(d.ID, true); told {
			return
		}
		v.changed(ctx, d, version, state, reason)
		return
	}
	s, at, err := v.read(ctx, name)
	if err != nil || s.State.Bad() || s.replaces(c.presented) {
		return // it stands there already, or somebody has put in another
	}
	s.State, s.Reason, s.Failed = state, reason, v.clock().UTC()
	switch err := v.write(ctx, name, s, at+1, nil); {
	case errors.Is(err, store.ErrConflict): // the next call sees what is there now
	case err != nil:
		v.log.Warn("the state of a credential could not be put on record", "credential", d.ID, "error", err)
	default:
		v.changed(ctx, d, at+1, state, reason)
	}
}

// suspected reports whether the service had refused what is stored, or what came
// from elsewhere.
func (v *Vault) suspected(d Declaration, s Stored) bool {
	if s.State.Bad() {
		return s.Refresh.Empty() && kinds[d.Type].obtain == nil
	}
	_, told := v.refusals.Load(d.ID)
	return told
}

// Suspect reports whether the service had refused this credential when it was
// resolved: then it is worth a call of Accepted where it does not any more.
func (c *Credential) Suspect() bool { return c.suspect && !c.Former }

// Accepted notes that a service took a credential that it had refused before.
func (v *Vault) Accepted(ctx context.Context, c *Credential) {
	d, version := c.decl, c.Version
	if name, ok := strings.CutPrefix(d.Source, "vault:"); ok {
		s, at, err := v.read(ctx, name)
		if err != nil || !v.suspected(d, s) || s.replaces(c.presented) {
			return
		}
		s.State, s.Reason = StateOK, ""
		if v.write(ctx, name, s, at+1, nil) != nil {
			return // the next call tries again
		}
		version = at + 1
	} else if _, told := v.refusals.LoadAndDelete(d.ID); !told {
		return
	}
	v.changed(ctx, d, version, StateOK, fmt.Sprintf("%s accepts it again", d.Service))
}
