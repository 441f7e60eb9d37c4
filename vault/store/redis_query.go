package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// redisExtra is what a URL says that is no option of the client.
type redisExtra struct {
	namespace string
	replicas  int // -1: it does not say
}

// maxReplicas bounds ?replicas=.
const maxReplicas = 5

// redisQuery reads what stands behind the ?:
//
//	namespace=NAME   all keys begin with {toolvault:NAME}: instead of {toolvault}:
//	replicas=N       a write waits until N replicas have it (0 to 5)
//	tls=true         TLS, as with rediss://
//	tls_ca=/PATH     TLS, with a server whose certificate one of the PEM file's authorities has signed, and no other
//	tls_cert=/PATH, tls_key=/PATH
//	                 TLS, with a certificate and key of ours (PEM) for a server that asks for one
//	sentinel_username=, sentinel_password=
//	                 for sentinels that ask for them
func redisQuery(o *redis.UniversalOptions, query string, secure bool) (redisExtra, error) {
	extra := redisExtra{replicas: -1}
	q, err := url.ParseQuery(query)
	if err != nil {
		return extra, errors.New("what stands behind the ? cannot be read")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	for key, values := range q {
		value := values[0]
		if len(values) > 1 {
			return extra, errors.New("behind the ? something stands twice")
		}
		switch key {
		case "namespace":
			extra.namespace, err = value, checkNamespace(value)
		case "replicas":
			extra.replicas, err = strconv.Atoi(value)
			if err != nil || extra.replicas < 0 || extra.replicas > maxReplicas {
				err = fmt.Errorf("replicas is a number from 0 to %d", maxReplicas)
			}
		case "tls":
			yes, perr := strconv.ParseBool(value)
			if perr != nil {
				err = errors.New("tls is true or false")
			}
			secure = secure || yes
		case "tls_ca":
			secure = true
			config.RootCAs, err = authorities(value)
		case "tls_cert", "tls_key":
			secure, err = true, whole(key, value)
		case "sentinel_username":
			o.SentinelUsername = value
		case "sentinel_password":
			o.SentinelPassword = value
		default:
			err = errors.New("behind the ? only namespace, replicas, tls, tls_ca, tls_cert, tls_key, sentinel_username and sentinel_password are known")
		}
		if err != nil {
			return extra, err
		}
	}
	if cert, key := q.Get("tls_cert"), q.Get("tls_key"); cert != "" || key != "" {
		if config.Certificates, err = ownCertificate(cert, key); err != nil {
			return extra, err
		}
	}
	if secure {
		o.TLSConfig = config
	}
	return extra, nil
}

// whole refuses a path that would mean another file where the program is started
// from another folder.
func whole(what, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is the whole path of a file in PEM, such as /etc/redis/%s.pem", what, what)
	}
	return nil
}

// authorities reads the certificates that may sign the server's.
func authorities(path string) (*x509.CertPool, error) {
	if err := whole("tls_ca", path); err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tls_ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls_ca: %s holds no certificate in PEM", path)
	}
	return pool, nil
}

func ownCertificate(cert, key string) ([]tls.Certificate, error) {
	if cert == "" || key == "" {
		return nil, errors.New("tls_cert and tls_key go together")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("tls_cert and tls_key: %w", err)
	}
	return []tls.Certificate{pair}, nil
}
