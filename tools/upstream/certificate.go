package upstream

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"toolvault/tools/fault"
)

// Certified is a Credential that may be a client certificate. A connection that was
// made with one carries its authority, so it is never used for another credential.
type Certified interface {
	Credential
	// TLS is how to connect with the certificate, nil where there is none. What it
	// points to must not change.
	TLS() *tls.Config
}

const (
	maxCertified = 256             // transports with a certificate
	certifiedFor = 2 * time.Minute // after its last use a transport is let go, and the key with it
)

// certificates keeps a transport for each credential that is a certificate.
type certificates struct {
	mu    sync.Mutex
	byKey map[certificateKey]*certificate
}

type certificateKey struct {
	credential string // Credential.Key
	public     bool   // guarded: to public addresses only
}

// certificate is the transport of one.
type certificate struct {
	transport *http.Transport
	config    *tls.Config
	used      time.Time
	end       *time.Timer
}

// same reports whether two ways to connect show the same certificate and trust the
// same CAs. Of a certificate the key follows.
func same(a, b *tls.Config) bool {
	return slices.EqualFunc(a.Certificates, b.Certificates, func(x, y tls.Certificate) bool {
		return slices.EqualFunc(x.Certificate, y.Certificate, bytes.Equal)
	}) && a.RootCAs.Equal(b.RootCAs)
}

// transport returns the transport of a credential for its certificate. When the
// certificate is another than the last time, connections that were made with the
// old one are closed as soon as nothing is under way on them.
func (c *certificates) transport(key certificateKey, config *tls.Config, make func() *http.Transport) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.byKey[key]
	if found != nil && !same(found.config, config) {
		c.drop(key, found)
		found = nil
	}
	if found == nil {
		if c.byKey == nil {
			c.byKey = map[certificateKey]*certificate{}
		}
		if len(c.byKey) >= maxCertified {
			c.dropOldest()
		}
		found = &certificate{transport: make(), config: config}
		found.transport.TLSClientConfig = config.Clone()
		c.byKey[key] = found
		found.end = time.AfterFunc(certifiedFor, func() { c.expire(key, found) })
	}
	found.used = time.Now()
	found.end.Reset(certifiedFor)
	return found.transport
}

// drop lets a transport go. What is under way on it ends as it would have.
func (c *certificates) drop(key certificateKey, one *certificate) {
	delete(c.byKey, key)
	one.end.Stop()
	one.transport.CloseIdleConnections()
}

func (c *certificates) dropOldest() {
	var key certificateKey
	var oldest *certificate
	for k, one := range c.byKey {
		if oldest == nil || one.used.Before(oldest.used) {
			key, oldest = k, one
		}
	}
	if oldest != nil {
		c.drop(key, oldest)
	}
}

func (c *certificates) expire(key certificateKey, one *certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[key] == one && time.Since(one.used) >= certifiedFor {
		c.drop(key, one)
	}
}

// certified is the carrier of a request whose credential is a certificate, in the
// place of the one that all others share.
func (p *Pool) certified(cred Credential, shared http.RoundTripper, service string, u *url.URL) (http.RoundTripper, *fault.Error) {
	has, ok := cred.(Certified)
	if !ok {
		return shared, nil
	}
	config := has.TLS()
	if config == nil {
		return shared, nil
	}
	if u.Scheme != "https" {
		f := fault.New(fault.CredentialInvalid, "The credential of %s is a client certificate, which only an https address can be shown. The operator has to check its base_url.", service)
		f.NotSent = true
		return nil, f
	}
	public := p.public != nil && shared == p.public
	return p.certificates.transport(certificateKey{cred.Key(), public}, config, func() *http.Transport {
		if public {
			return newTransport(newGuard().Safe)
		}
		return newTransport(nil)
	}), nil
}
