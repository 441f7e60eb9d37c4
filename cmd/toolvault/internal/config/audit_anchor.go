package config

import (
	"slices"
	"strings"
	"time"

	"toolvault/audit/anchor"
)

// Anchor is one place outside that checkpoints are given to: one of File, Webhook
// and Witness.
type Anchor struct {
	File    string        // a folder, or a file, as an absolute path
	Webhook string        // where to POST: "https://…", or "env:NAME" or "file:PATH" where the URL is a secret
	Secret  string        // "env:NAME" or "file:PATH": what a webhook is signed with; "": it is not
	Witness string        // the witness's submission prefix: "https://…"
	Key     string        // the witness's verifier key: name+hash+base64, which is public
	Every   time.Duration // the least between two checkpoints
}

const (
	anchorEvery    = 10 * time.Minute
	minAnchorEvery = time.Second
	maxAnchorEvery = 24 * time.Hour
)

func (r *reader) anchor(n *node, field string) {
	before := len(r.errs.all)
	m := r.mapping(n, field, "file", "webhook", "secret", "witness", "key", "every")
	a := Anchor{Every: anchorEvery}
	var kinds []string
	for _, kind := range []string{"file", "webhook", "witness"} {
		if m[kind] != nil {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) != 1 {
		if len(r.errs.all) == before {
			r.fail(n.at, field, "an anchor is one of file, webhook and witness: where checkpoints of the audit log are kept")
		}
		return
	}
	if s, ok := r.text(m["file"], field+".file"); ok {
		if len(s) > 4096 || strings.ContainsAny(s, "\n\x00") || IsReference(s) || strings.Contains(s, "://") {
			r.fail(m["file"].at, field+".file", "this must be the path of a folder, or of a file, on a disk that others own")
		}
		a.File = r.absolute(s)
	}
	if s, ok := r.text(m["webhook"], field+".webhook"); ok {
		switch _, err := endpointURL(s); {
		case IsReference(s):
			a.Webhook = r.reference(s, m["webhook"].at, field+".webhook", kindEnv, kindFile)
		case err != nil:
			r.fail(m["webhook"].at, field+".webhook", "%v", err)
		default:
			a.Webhook = s
		}
	}
	if s, ok := r.text(m["witness"], field+".witness"); ok {
		if _, err := endpointURL(s); err != nil {
			r.fail(m["witness"].at, field+".witness", "%v", err)
		}
		a.Witness = s
	}
	r.anchorKeys(&a, m, n.at, field)
	if m["every"] != nil {
		a.Every = r.duration(m["every"], field+".every", minAnchorEvery, maxAnchorEvery)
	}
	if len(r.errs.all) > before {
		return
	}
	same := func(b Anchor) bool { return a.File == b.File && a.Webhook == b.Webhook && a.Witness == b.Witness }
	if slices.ContainsFunc(r.Audit.Anchors, same) {
		r.fail(n.at, field, "this place stands twice")
		return
	}
	r.Audit.Anchors = append(r.Audit.Anchors, a)
}

// anchorKeys reads what stands beside a webhook or a witness, and nowhere else.
func (r *reader) anchorKeys(a *Anchor, m map[string]*node, at Position, field string) {
	if s, ok := r.text(m["secret"], field+".secret"); ok {
		a.Secret = r.reference(s, m["secret"].at, field+".secret", kindEnv, kindFile)
		if m["webhook"] == nil {
			r.fail(m["secret"].at, field+".secret", "secret needs a webhook beside it: it is what that is signed with")
		}
	}
	switch {
	case m["witness"] != nil:
		s, ok := r.required(m["key"], at, field, "a witness needs its key beside it: name+hash+base64, which whoever runs it has published")
		if !ok {
			return
		}
		if err := anchor.CheckKey(s); err != nil {
			r.fail(m["key"].at, field+".key", "%v", err)
		}
		a.Key = strings.TrimSpace(s)
	case m["key"] != nil:
		r.fail(m["key"].at, field+".key", "key needs a witness beside it: it is what that signs with")
	}
}
