package client

import "net/http"

// ParseDocument is what reads a document, for the fuzzer.
var ParseDocument = parseDocument

// FillSlots takes all fetches that may run at once.
func (r *Registry) FillSlots() {
	for range fetchesAtOnce {
		r.documents.slots <- struct{}{}
	}
}

// SetOwn makes c the client that gets what an admin names.
func (r *Registry) SetOwn(c *http.Client) { r.own = bounded(c) }
