package transport

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// origins decides from where the server may be reached. A web page anywhere can
// make a browser send requests to a loopback or private address under a name of
// its own (DNS rebinding), so both the Host and, where a browser adds it, the
// Origin have to be known ("Streamable HTTP", section "Security").
type origins struct {
	public  *url.URL // nil: none is configured
	hosts   []string // lower case; with a port only that one is meant
	origins []string // scheme://host[:port], lower case
}

func newOrigins(public *url.URL, hosts, allowed []string) origins {
	o := origins{public: public}
	for _, h := range hosts {
		o.hosts = append(o.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	for _, a := range allowed {
		o.origins = append(o.origins, strings.ToLower(strings.TrimSuffix(a, "/")))
	}
	if public != nil {
		o.hosts = append(o.hosts, strings.ToLower(public.Host))
		o.origins = append(o.origins, strings.ToLower(public.Scheme+"://"+public.Host))
	}
	return o
}

// local is the address on which the connection came in; invalid if the server
// does not say.
func local(r *http.Request) netip.AddrPort {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.AddrPort{}
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// allowsHost reports whether the Host header is one of ours.
func (o origins) allowsHost(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	name := hostname(host)
	if name == "" {
		return false
	}
	for _, h := range o.hosts {
		if h == host || h == name || "["+name+"]" == h {
			return true
		}
	}
	return here(r, name)
}

// here reports whether the name can only mean the address of the connection: that
// address itself, or on loopback one of the loopback names.
func here(r *http.Request, name string) bool {
	at := local(r)
	if !at.IsValid() {
		return false
	}
	if at.Addr().IsLoopback() {
		if name == "localhost" {
			return true
		}
		ip, err := netip.ParseAddr(name)
		return err == nil && ip.Unmap().IsLoopback()
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap() == at.Addr()
}

// allowsOrigin reports whether the request comes from a program, which sends no
// Origin, or from a web page that may call.
func (o origins) allowsOrigin(r *http.Request) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	origin := strings.ToLower(values[0])
	for _, allowed := range o.origins {
		if origin == allowed {
			return true
		}
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || origin != u.Scheme+"://"+u.Host {
		return false
	}
	name := hostname(u.Host)
	at := local(r)
	return name != "" && at.IsValid() && at.Addr().IsLoopback() && here(r, name)
}

// hostname is a Host without its port; empty if it is malformed.
func hostname(host string) string {
	u := url.URL{Host: host}
	name := u.Hostname()
	if strings.ContainsAny(name, "/\\@?#% \t,") || strings.Count(name, ":") == 1 {
		return ""
	}
	if port := u.Port(); port == "" && strings.HasSuffix(host, ":") {
		return ""
	}
	return strings.TrimSuffix(name, ".")
}

// cors lets the web pages that may call read the answers (Fetch standard, section
// "CORS protocol"). It reports whether the request was a preflight and is done.
func (o origins) cors(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Mcp-Session-Id, DPoP-Nonce")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, DPoP, Content-Type, Accept, Mcp-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID, Traceparent")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
