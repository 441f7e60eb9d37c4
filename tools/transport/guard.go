package transport

import "net/http"

// GuardHost lets a request through to next only if its Host is one of ours, as
// NewHTTP does for its own paths: a page anywhere can give a loopback or private
// address a name of its own (DNS rebinding), and would otherwise be the same
// origin as the pages of this server. Of the options it takes PublicURL,
// AllowedHosts and Refused.
func GuardHost(o Options, next http.Handler) (http.Handler, error) {
	return guard(o, next, func(origins, http.ResponseWriter, *http.Request) bool { return true })
}

// GuardOrigin is GuardHost for what programs ask for: a web page that may not call
// this server may not do so there either, and one that may can read the answer.
// Besides the options of GuardHost it takes AllowedOrigins.
func GuardOrigin(o Options, next http.Handler) (http.Handler, error) {
	return guard(o, next, func(known origins, w http.ResponseWriter, r *http.Request) bool {
		if !known.allowsOrigin(r) {
			if o.Refused != nil {
				o.Refused(r.Context(), RefusedOrigin, r)
			}
			forbid(w, "A web page of that Origin may not call this server. The operator can add it to the allowed origins.")
			return false
		}
		return !known.cors(w, r)
	})
}

func guard(o Options, next http.Handler, more func(origins, http.ResponseWriter, *http.Request) bool) (http.Handler, error) {
	public, err := parsePublic(o.PublicURL)
	if err != nil {
		return nil, err
	}
	known := newOrigins(public, o.AllowedHosts, o.AllowedOrigins)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !known.allowsHost(r) {
			if o.Refused != nil {
				o.Refused(r.Context(), RefusedHost, r)
			}
			forbid(w, "This server is not reached under that Host. The operator can add it to the allowed hosts.")
			return
		}
		if more(known, w, r) {
			next.ServeHTTP(w, r)
		}
	}), nil
}
