package vault

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// authority is a CA.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
	pem  string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: testKeys().rsa}
	a.cert, a.pem = a.issue(t, "test CA", a.key.Public(), -time.Hour, time.Hour)
	return a
}

// issue makes a certificate for a key, valid from and to so far from now; the first
// one is the CA's own.
func (a *authority) issue(t testing.TB, name string, public crypto.PublicKey, from, to time.Duration) (*x509.Certificate, string) {
	t.Helper()
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(from), NotAfter: now.Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent := a.cert
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, block("CERTIFICATE", der)
}

// newTLS is a server that wants a client certificate of the CA, and answers with the
// name in it.
func newTLS(t *testing.T, a *authority) *httptest.Server {
	cert, _ := a.issue(t, "server", testKeys().ec.Public(), -time.Hour, time.Hour)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: testKeys().ec}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// A certificate and its key, from the vault or from a file, authenticate to a server
// that wants one; the server's own certificate is held against the CA of the config.
func TestMTLS(t *testing.T) {
	k, ca := testKeys(), newAuthority(t)
	s := newTLS(t, ca)
	bundle := t.TempDir() + "/ca.pem"
	writeFile(t, bundle, "the CA of the test\n"+ca.pem)
	for name, key := range map[string]crypto.Signer{"rsa": k.rsa, "ec": k.ec, "ed25519": k.ed} {
		t.Run(name, func(t *testing.T) {
			_, cert := ca.issue(t, name, key.Public(), -time.Hour, time.Hour)
			q := newQuiet(t, Service{BaseURL: s.URL})
			d := q.put(t, TypeMTLS, pkcs8(t, key)+cert+ca.pem, map[string]string{"ca": bundle})
			if err := q.Check(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			c, err := q.Resolve(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			q.say(c)
			holds(t, c, pkcs8(t, key)+cert+ca.pem)
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: c.TLS(), DisableKeepAlives: true}}
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
			if err := c.Authorize(r); err != nil || r.Header.Get("Authorization") != "" {
				t.Errorf("a header was set, or %v", err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(b) != name {
				t.Errorf("the server saw %q", b)
			}
		})
	}
	q := newQuiet(t, Service{Schemes: map[string]Scheme{TypeAPIKey: Bearer}})
	if c, err := q.Resolve(t.Context(), q.put(t, TypeAPIKey, "key-of-eleven", nil)); err != nil || c.TLS() != nil {
		t.Errorf("a key is a certificate, or %v", err)
	}
}

// What is no certificate with its key is refused when it is put in and when it is
// resolved, each time in one sentence.
func TestCertificatesThatAreNone(t *testing.T) {
	k, ca := testKeys(), newAuthority(t)
	_, good := ca.issue(t, "a", k.ec.Public(), -time.Hour, time.Hour)
	_, ended := ca.issue(t, "a", k.ec.Public(), -2*time.Hour, -time.Hour)
	_, later := ca.issue(t, "a", k.ec.Public(), time.Hour, 2*time.Hour)
	for name, test := range map[string]struct{ secret, want string }{
		"a password":        {"canary-password", "this is no certificate"},
		"a key alone":       {pkcs8(t, k.ec), "there is a private key and no certificate"},
		"no key":            {good, "there is a certificate and no private key"},
		"another key":       {good + pkcs8(t, k.rsa), "the certificate does not match the private key"},
		"another, same alg": {good + pkcs8(t, k.otherEC), "the certificate does not match the private key"},
		"the chain first":   {ca.pem + good + pkcs8(t, k.ec), "the certificate does not match the private key"},
		"ended":             {ended + pkcs8(t, k.ec), "the certificate ended at 20"},
		"not yet":           {later + pkcs8(t, k.ec), "the certificate is not valid before 20"},
		"damaged":           {block("CERTIFICATE", []byte("canary")) + pkcs8(t, k.ec), "the certificate cannot be read"},
		"cut off":           {good[:len(good)/2] + "\n" + pkcs8(t, k.ec), "the certificate cannot be read"},
		"a damaged key":     {good + block("PRIVATE KEY", []byte("canary")), "the private key cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			q := newQuiet(t, Service{})
			_, err := q.Put(t.Context(), "crm/a", Stored{Type: TypeMTLS, Secret: NewSecret(test.secret)})
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "canary") {
				t.Fatalf("put: %v", err)
			}
			oneSentence(t, err)
			path := t.TempDir() + "/cert.pem"
			writeFile(t, path, test.secret)
			d := Declaration{ID: "crm/a", Owner: Owner{Agent: "a"}, Service: serviceName, Type: TypeMTLS, Source: "file:" + path}
			if got := q.fails(t, d, ErrInvalid); !strings.Contains(got, test.want) || strings.Contains(got, "canary") {
				t.Errorf("resolve: %s", got)
			}
			if err := q.Check(t.Context(), d); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("check: %v", err)
			}
		})
	}
	// One that was good when it was put in, and has ended since.
	q := newQuiet(t, Service{})
	d := q.put(t, TypeMTLS, good+pkcs8(t, k.ec), nil)
	if _, err := q.Resolve(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	q.clock.add(2 * time.Hour)
	if got := q.fails(t, d, ErrInvalid); !strings.Contains(got, "the certificate ended at 20") {
		t.Errorf("got %s", got)
	}
	q.clock.add(-2 * time.Hour)
	for path, want := range map[string]string{
		t.TempDir() + "/none": "does not exist",
		t.TempDir():           "cannot be read",
		func() string { p := t.TempDir() + "/ca"; writeFile(t, p, "canary"); return p }(): "holds no certificate in PEM",
		func() string {
			p := t.TempDir() + "/ca"
			writeFile(t, p, strings.Repeat("a", maxBundle+1))
			return p
		}(): "is larger than",
	} {
		d.Params = map[string]string{"ca": path}
		if got := q.fails(t, d, ErrInvalid); !strings.Contains(got, want) || strings.Contains(got, "canary") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
