package config

import (
	"errors"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"toolvault/vault"
)

// The kinds of mirrors.
const (
	MirrorRedis   = "redis"
	MirrorOTLP    = "otlp"
	MirrorWebhook = "webhook"
	MirrorFile    = "file"
)

// Mirror is one place that every record is sent to.
type Mirror struct {
	Name string // under which its bookmark is kept
	Kind string // MirrorRedis and so on

	// Target is a URL of Redis without a password, a URL, the absolute path of a
	// file, or, but for a file, "env:NAME" or "file:PATH", whose value may hold a
	// secret.
	Target string

	Stream  string            // of Redis: the key; "": the program's
	MaxLen  int64             // of Redis: entries that the stream keeps; 0: all
	Headers map[string]string // of OTLP: references by the name of a header
	Secret  string            // of a webhook: a reference to what the messages are signed with; "": they are not
	Rotate  int64             // of a file: bytes until the next begins; 0: the program's
	Keep    int               // of a file: how many old ones are kept; 0: the program's

	Agents, Services, Outcomes []string // what is sent; empty: all
}

const (
	maxMirrors    = 16
	defaultMaxLen = 1_000_000
)

var (
	mirrorName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	streamKey   = regexp.MustCompile(`^([!-z|~]+|[!-z|~]*\{[!-z|~]+\}[!-z|~]*)$`) // braces are a Cluster's hash tag
	outcomeName = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,62}$`)
)

// mirrorKeys are the keys that go with each kind; the first is its own.
var mirrorKeys = map[string][]string{
	MirrorRedis:   {"redis", "stream", "maxlen"},
	MirrorOTLP:    {"otlp", "headers"},
	MirrorWebhook: {"webhook", "secret"},
	MirrorFile:    {"file", "rotate", "keep"},
}

var mirrorKinds = []string{MirrorRedis, MirrorOTLP, MirrorWebhook, MirrorFile}

func (r *reader) mirror(n *node, field string) {
	before := len(r.errs.all)
	allowed := []string{"name", "filter"}
	for _, kind := range mirrorKinds {
		allowed = append(allowed, mirrorKeys[kind]...)
	}
	m := r.mapping(n, field, allowed...)
	var mirror Mirror
	for _, kind := range mirrorKinds {
		if m[kind] == nil {
			continue
		}
		if mirror.Kind != "" {
			r.fail(m[kind].at, field, "a mirror is one place: give %s and %s an entry each", mirror.Kind, kind)
			return
		}
		mirror.Kind = kind
	}
	if mirror.Kind == "" {
		if len(r.errs.all) == before {
			r.fail(n.at, field, "a mirror needs redis, otlp, webhook or file: where to send the records")
		}
		return
	}
	for _, kind := range mirrorKinds {
		for _, key := range mirrorKeys[kind] {
			if kind != mirror.Kind && m[key] != nil {
				r.fail(m[key].at, join(field, key), "%s goes with %s, not with %s", key, kind, mirror.Kind)
			}
		}
	}
	target := join(field, mirror.Kind)
	if s, ok := r.text(m[mirror.Kind], target); ok {
		mirror.Target = r.mirrorTarget(mirror.Kind, s, m[mirror.Kind].at, target)
	}
	switch mirror.Kind {
	case MirrorRedis:
		mirror.Stream, mirror.MaxLen = r.stream(m["stream"], join(field, "stream")), r.maxLen(m["maxlen"], join(field, "maxlen"))
	case MirrorOTLP:
		mirror.Headers = r.headers(m["headers"], join(field, "headers"))
	case MirrorWebhook:
		if s, ok := r.text(m["secret"], join(field, "secret")); ok {
			mirror.Secret = r.reference(s, m["secret"].at, join(field, "secret"), kindEnv, kindFile, kindExec)
		}
	case MirrorFile:
		r.rotation(&mirror, m, field)
	}
	r.mirrorFilter(&mirror, m["filter"], join(field, "filter"))
	r.mirrorName(&mirror, m["name"], n.at, field)
	if len(r.Audit.Mirrors) == maxMirrors {
		r.fail(n.at, field, "there are more than %d mirrors", maxMirrors)
	}
	if len(r.errs.all) == before {
		r.Audit.Mirrors = append(r.Audit.Mirrors, mirror)
	}
}

func (r *reader) mirrorTarget(kind, s string, at Position, field string) string {
	if kind == MirrorFile {
		if strings.ContainsAny(s, "\n\x00") || s != strings.TrimSpace(s) || strings.HasSuffix(s, "/") || IsReference(s) {
			r.fail(at, field, `this must be the path of a file, such as "/var/log/toolvault/audit.jsonl"`)
			return ""
		}
		return r.absolute(s)
	}
	if IsReference(s) {
		return r.reference(s, at, field, kindEnv, kindFile)
	}
	var err error
	switch {
	case kind == MirrorRedis && !isRedis(s):
		err = errors.New(`this must be "redis://HOST", "rediss://HOST", "redis-sentinel://HOST/MASTER", "redis-cluster://HOST", "env:NAME" or "file:PATH"`)
	case kind == MirrorRedis:
		err = checkRedis(s)
	default:
		_, err = endpointURL(s)
	}
	if err != nil {
		r.fail(at, field, "%v", err)
		return ""
	}
	return s
}

func isRedis(s string) bool {
	scheme, _, _ := strings.Cut(s, ":")
	return slices.Contains([]string{"redis", "rediss", "redis-sentinel", "redis-cluster"}, scheme)
}

func (r *reader) mirrorName(mirror *Mirror, n *node, at Position, field string) {
	mirror.Name = mirror.Kind
	if s, ok := r.text(n, join(field, "name")); ok {
		if !mirrorName.MatchString(s) {
			r.fail(n.at, join(field, "name"), "a name has 1 to 32 of a-z, 0-9 and -")
		}
		mirror.Name, at = s, n.at
	}
	for _, other := range r.Audit.Mirrors {
		switch {
		case other.Name == mirror.Name:
			r.fail(at, field, "there are two mirrors with the name %s: give each a name", show(mirror.Name))
		case other.Kind == MirrorFile && mirror.Kind == MirrorFile && other.Target == mirror.Target:
			r.fail(at, field, "the mirror %s writes to the same file: give each a file of its own", show(other.Name))
		}
	}
}

func (r *reader) stream(n *node, field string) string {
	s, ok := r.text(n, field)
	if ok && (len(s) > 256 || !streamKey.MatchString(s)) {
		r.fail(n.at, field, `this must be the key of a stream, such as "toolvault:audit"`)
	}
	return s
}

func (r *reader) maxLen(n *node, field string) int64 {
	if n == nil {
		return defaultMaxLen
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || v < 0 || v > 0 && v < 1000 || v > 1e12 {
		r.fail(n.at, field, "this must be how many entries the stream keeps, at least 1000, or 0 for all of them")
	}
	return v
}

// headers are references by the name of a header: the value is a secret, or may
// become one.
func (r *reader) headers(n *node, field string) map[string]string {
	all := map[string]string{}
	seen := map[string]bool{}
	for _, p := range r.pairs(n, field, "a mapping from the name of a header to a reference") {
		at := join(field, key(p.key))
		lower := strings.ToLower(p.key)
		switch {
		case !headerName.MatchString(p.key) || ownHeaders.MatchString(p.key):
			r.fail(p.at, at, "this must be the name of a header that a collector asks for, such as authorization")
			continue
		case seen[lower]:
			r.fail(p.at, at, "this header stands twice")
			continue
		case len(all) == maxTelemetryHeaders:
			r.fail(p.at, at, "more than 16 headers are not sent")
			continue
		}
		seen[lower] = true
		if s, ok := r.text(p.value, at); ok {
			all[p.key] = r.reference(s, p.value.at, at, kindEnv, kindFile, kindExec)
		}
	}
	return all
}

func (r *reader) rotation(mirror *Mirror, m map[string]*node, field string) {
	if s, ok := r.text(m["rotate"], join(field, "rotate")); ok {
		n, ok := byteSize(s)
		if !ok || n < 1e6 || n > 1e12 {
			r.fail(m["rotate"].at, join(field, "rotate"), `this must be a size from 1MB to 1TB, such as "100MB"`)
		}
		mirror.Rotate = n
	}
	if n := m["keep"]; n != nil {
		v, err := strconv.Atoi(n.text)
		if err != nil || v < 1 || v > 1000 {
			r.fail(n.at, join(field, "keep"), "this must be a number from 1 to 1000: how many old files are kept")
		}
		mirror.Keep = v
	}
}

// byteSize reads "100MB", in powers of a thousand, or "100MiB", in powers of 1024.
func byteSize(s string) (int64, bool) {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}} {
		if text, ok := strings.CutSuffix(s, unit.name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return n * unit.bytes, err == nil && n > 0 && n <= math.MaxInt64/unit.bytes
		}
	}
	return 0, false
}

func (r *reader) mirrorFilter(mirror *Mirror, n *node, field string) {
	m := r.mapping(n, field, "agent", "service", "outcome")
	mirror.Agents = r.oneOrMore(m["agent"], join(field, "agent"), func(s string) (string, error) {
		if !agentID.MatchString(s) {
			return "", errors.New("this must be the id of an agent")
		}
		return s, nil
	})
	mirror.Outcomes = r.oneOrMore(m["outcome"], join(field, "outcome"), func(s string) (string, error) {
		if !outcomeName.MatchString(s) {
			return "", errors.New(`this must be "ok" or what a failure is called, such as "not_permitted"`)
		}
		return s, nil
	})
	mirror.Services = r.oneOrMore(m["service"], join(field, "service"), func(s string) (string, error) { return s, nil })
	for _, s := range mirror.Services {
		r.checkService(s, m["service"].at, join(field, "service"))
	}
}

// oneOrMore reads a text, or a list of them.
func (r *reader) oneOrMore(n *node, field string, check func(string) (string, error)) []string {
	if n != nil && n.kind == text {
		n = &node{kind: list, at: n.at, items: []*node{n}}
	}
	return r.texts(n, field, check)
}

// LookupEndpoint gives the URL of a mirror that is reached over HTTP. What a
// reference stands for may have a path or a query that is a secret; it must be
// https all the same, or http to a host that is near. No error holds it.
func (c *Config) LookupEndpoint(target string) (vault.Secret, error) {
	secret, err := c.LookupOrLiteral(target)
	if err != nil || !IsReference(target) {
		return secret, err
	}
	u, err := url.Parse(secret.Reveal())
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || !isHost(u.Hostname()) || u.Port() != "" && !isPort(u.Port()):
		return vault.Secret{}, errors.New("what it stands for is no URL that begins with https://")
	case u.Scheme == "http" && !isNear(u.Hostname()):
		return vault.Secret{}, errors.New("what it stands for begins with http://, which would send records in the clear: use https (http is taken for loopback and private hosts only)")
	}
	return secret, nil
}
