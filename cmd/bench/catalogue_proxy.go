package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// slackProxy is an HTTP proxy that takes connections to slack.com and its
// workspaces for the double, and no others, for a server that knows Slack's address
// by heart but can be given a proxy and a certificate authority.
type slackProxy struct {
	url       string
	authority string // a file with the certificate to trust
	dir       string
	server    *http.Server
	listeners []net.Listener
}

func startSlackProxy(double http.Handler) (_ *slackProxy, err error) {
	p := &slackProxy{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "toolvault-bench-proxy-"); err != nil {
		return nil, err
	}
	p.authority = filepath.Join(p.dir, "ca.pem")
	certificate, err := selfSigned(p.authority, "slack.com", "*.slack.com")
	if err != nil {
		return nil, err
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.listeners = append(p.listeners, inner)
	p.server = &http.Server{Handler: double, ReadHeaderTimeout: 10 * time.Second, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { _ = p.server.ServeTLS(inner, "", "") }()
	outer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.listeners = append(p.listeners, outer)
	p.url = "http://" + outer.Addr().String()
	go func() {
		for {
			c, err := outer.Accept()
			if err != nil {
				return // closed
			}
			go tunnel(c, inner.Addr().String())
		}
	}()
	return p, nil
}

func (p *slackProxy) close() {
	for _, l := range p.listeners {
		_ = l.Close()
	}
	if p.server != nil {
		_ = p.server.Close()
	}
	_ = os.RemoveAll(p.dir)
}

// tunnel answers one CONNECT (RFC 9110 section 9.3.6) and copies both ways until
// either side ends.
func tunnel(c net.Conn, to string) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	if host := r.URL.Hostname(); r.Method != http.MethodConnect || host != "slack.com" && !strings.HasSuffix(host, ".slack.com") {
		_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\n\r\n")
		return
	}
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(up, in)
		_ = up.Close()
	}()
	_, _ = io.Copy(c, up)
}

// selfSigned makes a certificate of a day and writes it to a file.
func selfSigned(file string, names ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(file, text, 0o600)
}
