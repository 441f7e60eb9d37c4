package vault

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxBundle is the most that a file of CA certificates may hold.
const maxBundle = 1 << 20

// mutualTLS is a client certificate (RFC 8446 section 4.4.2). The secret is the
// certificate, those that lead to its CA, and its private key, all in one PEM text.
func mutualTLS() kind {
	return kind{
		everywhere: true,
		params:     []Param{{Name: "ca", Help: "a file with the CA certificates that the service's own is held against, instead of the system's", Form: FormPath}},
		check: func(secret Secret, now time.Time) error {
			_, err := parseCertificate(secret.Reveal(), now)
			return err
		},
		ends: func(secret Secret) time.Time { return certificateEnd(secret.Reveal()) },
		authorizer: func(m Material) (Authorizer, error) {
			cert, err := parseCertificate(m.Secret.Reveal(), m.Now)
			if err != nil {
				return nil, err
			}
			c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
			if path := m.Param("ca"); path != "" {
				if c.RootCAs, err = readBundle(path); err != nil {
					return nil, err
				}
			}
			return &certified{c}, nil
		},
	}
}

// certified is a credential that is shown when a connection is made, and not on
// requests.
type certified struct{ config *tls.Config }

// Authorize implements Authorizer: there is nothing to put on a request.
func (c *certified) Authorize(*http.Request) error { return nil }

// TLS is how to connect with a credential that is a client certificate, nil for all
// others. A connection that is made with it carries the authority of this
// credential: no request of another may go through it.
func (c *Credential) TLS() *tls.Config {
	if a, ok := c.Authorizer.(*certified); ok {
		return a.config
	}
	return nil
}

// parseCertificate reads a certificate with its key. Its errors hold nothing of the
// text.
func parseCertificate(text string, now time.Time) (tls.Certificate, error) {
	var none tls.Certificate
	if !strings.Contains(text, "-----BEGIN CERTIFICATE-----") {
		if _, err := parsePEMKey(text); err == nil {
			return none, errors.New("there is a private key and no certificate: give both in one text, in PEM")
		}
		return none, errors.New("this is no certificate: it must be in PEM, beginning with -----BEGIN CERTIFICATE-----, with its private key in the same text")
	}
	key, err := parsePEMKey(text)
	if err != nil {
		return none, err
	}
	cert := tls.Certificate{PrivateKey: key}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if len(cert.Certificate) == 0 {
		return none, errors.New("the certificate cannot be read: it is damaged, or was cut off")
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
		return none, errors.New("the certificate cannot be read: it is damaged, or was cut off")
	}
	signer, ok := key.(crypto.Signer)
	public, comparable := cert.Leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !comparable || !public.Equal(signer.Public()):
		return none, errors.New("the certificate does not match the private key: the first certificate in the text must be the one that was made for this key")
	case now.After(cert.Leaf.NotAfter):
		return none, fmt.Errorf("the certificate ended at %s: put in a new one", cert.Leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Add(clockError).Before(cert.Leaf.NotBefore):
		return none, fmt.Errorf("the certificate is not valid before %s: is this machine's clock right?", cert.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return cert, nil
}

// certificateEnd is when the first certificate in a text ends; zero if there is none.
func certificateEnd(text string) time.Time {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return time.Time{}
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}
		}
		return cert.NotAfter.UTC()
	}
}

// clockError is how far clocks may be apart.
const clockError = 5 * time.Minute

// readBundle reads CA certificates from a file.
func readBundle(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxBundle+1))
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case len(b) > maxBundle:
		return nil, fmt.Errorf("the file %s is larger than %d bytes: name one with CA certificates and nothing else", path, maxBundle)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("the file %s holds no certificate in PEM", path)
	}
	return pool, nil
}
