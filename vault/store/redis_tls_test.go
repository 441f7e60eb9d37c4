package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolvault/vault/store"
	"toolvault/vault/store/storetest"
)

// authority is a private CA in a folder: ca.pem, and what it issues.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, "ca", &x509.Certificate{
		Subject: pkix.Name{CommonName: "private CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue writes NAME.pem and NAME.key.
func (a *authority) issue(t *testing.T, name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, a.path(name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), 0o600)
	write(t, a.path(name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), 0o600)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// withTLS starts a Redis with a certificate of the authority for 127.0.0.1, and
// returns its address.
func withTLS(t *testing.T, a *authority, settings ...string) string {
	t.Helper()
	serverOrSkip(t)
	a.issue(t, "server", &x509.Certificate{
		Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	port := storetest.FreePort(t)
	settings = append([]string{"--tls-port", port, "--tls-cert-file", a.path("server.pem"), "--tls-key-file", a.path("server.key"),
		"--tls-ca-cert-file", a.path("ca.pem")}, settings...)
	path, _ := exec.LookPath("redis-server")
	if out, _ := exec.Command(path, "--port", "0", "--tls-port", "-1").CombinedOutput(); !strings.Contains(string(out), "tls-port") || strings.Contains(string(out), "Bad directive") {
		t.Skipf("SKIPPED: this redis-server has no TLS, so nothing was shown about it: %s", out)
	}
	storetest.StartRedis(t, settings...)
	return "127.0.0.1:" + port
}

// A Redis whose certificate a private CA has signed is trusted by that CA's file
// and by nothing else.
func TestRedisTLS(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	addr := withTLS(t, a, "--tls-auth-clients", "no")
	for url, want := range map[string]string{
		"rediss://" + addr + "?tls_ca=" + a.path("ca.pem"): "",
		"redis://" + addr + "?tls_ca=" + a.path("ca.pem"):  "", // asks for TLS by itself
		"rediss://" + addr: "TLS failed",
		"rediss://" + addr + "?tls_ca=" + stranger.path("ca.pem"): "TLS failed",
		"redis://" + addr + "?tls=true":                           "TLS failed",
		"redis://" + addr:                                         addr,
	} {
		st, err := store.Open(t.Context(), url)
		if want != "" {
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", url, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if err := st.Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		_ = st.Close()
	}
}

// A Redis that asks for a certificate, as it does unless told not to.
func TestRedisTLSClientCertificate(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	addr := withTLS(t, a)
	a.issue(t, "client", &x509.Certificate{
		Subject: pkix.Name{CommonName: "toolvault"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	url := "rediss://" + addr + "?tls_ca=" + a.path("ca.pem")
	if _, err := store.Open(t.Context(), url); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a certificate: %v", err)
	}
	st := open(t, url+"&tls_cert="+a.path("client.pem")+"&tls_key="+a.path("client.key"))
	if err := st.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
