package tools_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	stdlog "log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"toolvault/auth"
	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/vault"
)

// identity makes a self-signed certificate and its key, in PEM.
func identity(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// Calls of two agents with a certificate each, and of one with a key, go to the same
// service: each arrives as who it is.
func TestCallsWithCertificates(t *testing.T) {
	clients := x509.NewCertPool()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(rw).Encode(shelfOutput{Echo: r.TLS.PeerCertificates[0].Subject.CommonName + r.Header.Get("Authorization")})
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	bundle := t.TempDir() + "/ca.pem"
	must(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))

	w := newWorld(t, nil)
	service := shelf(srv.URL)
	must(t, w.SetServices([]tools.Service{service}))
	granted, err := service.Scopes.Parse("book.write")
	must(t, err)
	var decls []vault.Declaration
	policies := map[string]*auth.Policy{}
	for _, agent := range []string{"ana", "bob", "keyed"} {
		name := "shelf/" + agent
		d := vault.Declaration{ID: name, Owner: vault.Owner{Agent: agent}, Service: "shelf", Type: vault.TypeMTLS, Source: "vault:" + name, Scope: granted, Params: map[string]string{"ca": bundle}}
		stored := vault.Stored{Type: vault.TypeMTLS}
		if agent == "keyed" {
			d.Type, stored.Type, stored.Secret = vault.TypeAPIKey, vault.TypeAPIKey, vault.NewSecret(secret)
		} else {
			cert, key := identity(t, agent)
			clients.AppendCertsFromPEM([]byte(cert))
			stored.Secret = vault.NewSecret(key + cert)
		}
		_, err := w.vault.Put(t.Context(), name, stored)
		must(t, err)
		decls = append(decls, d)
		policies[agent], err = auth.CompilePolicy(nil, nil)
		must(t, err)
	}
	w.vault.Configure(decls, map[string]vault.Service{"shelf": {Schemes: service.Auth}})
	w.SetPolicies(policies)
	call := func(agent string) tools.Result {
		return w.Call(t.Context(), auth.Identity{Agent: agent, Grants: w.id.Grants}, tools.Call{Tool: "shelf_get", Arguments: json.RawMessage(`{"title":"Dune"}`), Transport: "http"})
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			agent := []string{"ana", "bob"}[i%2]
			if r := call(agent); r.Failure != nil || string(r.Structured) != `{"echo":"`+agent+`"}` {
				t.Errorf("%s arrives as %s, %v", agent, r.Structured, r.Failure)
			}
		})
	}
	wg.Wait()
	if r := call("keyed"); r.Failure == nil || r.Failure.Kind == fault.CredentialInvalid && r.Failure.Status != 0 {
		t.Errorf("a key went over the connection of a certificate: %s", r.Structured)
	}
}
