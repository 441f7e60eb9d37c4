package upstream

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"toolvault/tools/fault"
)

// authority is a CA that issues certificates to clients and servers.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	c := a.issue(t, "test CA")
	a.cert, a.key = c.Leaf, c.PrivateKey.(crypto.Signer)
	return a
}

// issue makes a certificate; the first one is the CA's own.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// bank is a service that wants a client certificate, and says for each request whose
// it was and over which connection it came.
type bank struct {
	*httptest.Server
	ca     *authority
	mu     sync.Mutex
	open   map[string]bool // connections by the client's address
	closed int
}

func newBank(t *testing.T, http2 bool, version uint16) *bank {
	b := &bank{ca: newAuthority(t), open: map[string]bool{}}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{
			"name": r.TLS.PeerCertificates[0].Subject.CommonName, "connection": r.RemoteAddr, "proto": r.Proto,
		})
	}))
	b.EnableHTTP2 = http2
	b.TLS = &tls.Config{
		Certificates: []tls.Certificate{b.ca.issue(t, "bank")}, MaxVersion: version,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: b.ca.pool(),
	}
	b.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of each client that it turns away
	b.Config.ConnState = func(c net.Conn, s http.ConnState) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch s {
		case http.StateNew:
			b.open[c.RemoteAddr().String()] = true
		case http.StateClosed:
			delete(b.open, c.RemoteAddr().String())
			b.closed++
		}
	}
	b.StartTLS()
	t.Cleanup(b.Close)
	return b
}

func (b *bank) isOpen(connection string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open[connection]
}

// card is a credential that is a certificate.
type card struct {
	key
	config *tls.Config
	next   *tls.Config
}

func (c *card) Authorize(*http.Request) error { return nil }
func (c *card) TLS() *tls.Config              { return c.config }
func (c *card) Renew(context.Context) (bool, error) {
	c.renewed++
	c.config, c.next = c.next, nil
	return c.config != nil, nil
}

func (b *bank) card(t *testing.T, id string) *card {
	return &card{key: key{name: id}, config: &tls.Config{Certificates: []tls.Certificate{b.ca.issue(t, id)}, RootCAs: b.ca.pool()}}
}

type receipt struct{ Name, Connection, Proto string }

func (b *bank) ask(t *testing.T, p *Pool, c Credential) (receipt, error) {
	t.Helper()
	var got receipt
	err := p.Client(Endpoint{Service: "bank", BaseURL: b.URL, Private: true}, c, "call-1").Get(within(t), "/", nil, &got)
	return got, err
}

// Two credentials that are certificates are used side by side, one request after the
// other and many at once: each is seen as itself, on connections of its own, with
// HTTP/1.1 and with HTTP/2. A credential of another kind is shown to be nobody.
func TestACertificateHasItsConnectionsForItself(t *testing.T) {
	for proto, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(proto, func(t *testing.T) {
			b := newBank(t, http2, 0)
			p := NewPool(nil, Guarded)
			cards := []*card{b.card(t, "ana"), b.card(t, "bob")}
			owner := map[string]string{} // of a connection
			for range 3 {
				for _, c := range cards {
					got, err := b.ask(t, p, c)
					if err != nil {
						t.Fatal(err)
					}
					if got.Name != c.name || got.Proto != proto {
						t.Fatalf("%s was seen as %+v", c.name, got)
					}
					if was := owner[got.Connection]; was != "" && was != c.name {
						t.Fatalf("a connection of %s was used for %s", was, c.name)
					}
					owner[got.Connection] = c.name
				}
			}
			if len(owner) != 2 {
				t.Errorf("%d connections for two credentials: want two, each used again", len(owner))
			}
			var wg sync.WaitGroup
			for i := range 40 {
				wg.Go(func() {
					c := cards[i%2]
					if got, err := b.ask(t, p, &card{key: key{name: c.name}, config: c.config}); err != nil || got.Name != c.name {
						t.Errorf("%s was seen as %+v, %v", c.name, got, err)
					}
				})
			}
			wg.Wait()
			p.transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: b.ca.pool()}
			got, err := b.ask(t, p, &key{name: "other"})
			if err == nil {
				t.Fatalf("a credential that is no certificate went over the connection of %s", got.Name)
			}
			// Over HTTP/2 the library may lose the server's alert, and says only that
			// there is no connection.
			f := failure(t, err)
			if lost := http2 && f.Kind == fault.UpstreamUnavailable; !lost && (f.Kind != fault.CredentialInvalid || !f.NotSent) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// A new certificate under the same credential is used from the next request on, and
// what was open for the old one is closed.
func TestAnotherCertificateEndsTheOldConnections(t *testing.T) {
	b := newBank(t, false, 0)
	p := NewPool(nil)
	c := b.card(t, "ana")
	first, err := b.ask(t, p, c)
	if err != nil {
		t.Fatal(err)
	}
	c.config = &tls.Config{Certificates: []tls.Certificate{b.ca.issue(t, "ana the second")}, RootCAs: b.ca.pool()}
	second, err := b.ask(t, p, c)
	if err != nil || second.Name != "ana the second" || second.Connection == first.Connection {
		t.Fatalf("got %+v, %v", second, err)
	}
	for deadline := time.Now().Add(10 * time.Second); b.isOpen(first.Connection); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the old connection is still open")
		}
	}
	if n := len(p.certificates.byKey); n != 1 {
		t.Errorf("%d transports", n)
	}
}

// A certificate that the service does not take is like a 401: it is renewed once,
// and only then a failure. With TLS 1.3 the refusal comes after the request.
func TestARefusedCertificateIsRenewedOnce(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			b := newBank(t, false, version)
			p := NewPool(nil, Sleep(func(context.Context, time.Duration) error { return errors.New("it waited") }))
			stranger := newAuthority(t)
			c := b.card(t, "ana")
			c.next, c.config = c.config, &tls.Config{Certificates: []tls.Certificate{stranger.issue(t, "ana")}, RootCAs: b.ca.pool()}
			client := p.Client(Endpoint{Service: "bank", BaseURL: b.URL}, c, "call-1")
			var got receipt
			if err := client.Do(within(t), Request{Path: "/", JSON: 1}, &got); err != nil || got.Name != "ana" || c.renewed != 1 {
				t.Errorf("got %+v after %d renewals, %v", got, c.renewed, err)
			}
			c.config = &tls.Config{Certificates: []tls.Certificate{stranger.issue(t, "ana")}, RootCAs: b.ca.pool()}
			_, err := b.ask(t, p, c)
			if f := failure(t, err); f.Kind != fault.CredentialInvalid || !f.NotSent {
				t.Errorf("got %+v", f)
			}
		})
	}
}

// A certificate is never left out: to an address in the clear no request goes.
func TestACertificateGoesToHTTPSOnly(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request went out in the clear") }))
	t.Cleanup(s.Close)
	b := newBank(t, false, 0)
	err := NewPool(nil).Client(Endpoint{Service: "bank", BaseURL: s.URL}, b.card(t, "ana"), "call-1").Get(within(t), "/", nil, nil)
	if f := failure(t, err); f.Kind != fault.CredentialInvalid {
		t.Errorf("got %+v", f)
	}
}

// The guard of the pool holds for certificates too.
func TestACertificateIsGuarded(t *testing.T) {
	b := newBank(t, false, 0)
	err := NewPool(nil, Guarded).Client(Endpoint{Service: "bank", BaseURL: b.URL}, b.card(t, "ana"), "call-1").Get(within(t), "/", nil, nil)
	if f := failure(t, err); f.Kind != fault.UpstreamError || !f.NotSent {
		t.Errorf("got %+v", f)
	}
}

// There are never more transports than the limit: the one that was not used for the
// longest time goes.
func TestTransportsWithACertificateAreBounded(t *testing.T) {
	var c certificates
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{{1}}}}}
	get := func(i int) *http.Transport {
		return c.transport(certificateKey{credential: fmt.Sprint(i)}, config, func() *http.Transport { return newTransport(nil) })
	}
	first := get(0)
	for i := range maxCertified - 1 {
		get(i + 1)
	}
	if get(0) != first {
		t.Error("a transport was not kept")
	}
	for i := range 10 {
		get(maxCertified + i)
	}
	if n := len(c.byKey); n != maxCertified {
		t.Errorf("%d transports", n)
	}
	if get(0) != first {
		t.Error("the one that was used last has gone")
	}
}
