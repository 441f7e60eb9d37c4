package transport

import "net/http"

// GuardHost lets a request through to next only if its Host is one of ours, as
// NewHTTP does for its own paths: a page anywhere can give a loopback or private
// address a name of its own (DNS rebinding), and would otherwise be the same
// origin as the pages of this server. Of the options it takes PublicURL,
// AllowedHosts and Refused.
func GuardHost(o Options, next http.Handler) (http.Handler, error) {
	public, err := parsePublic(o.PublicURL)
	if err != nil {
		return nil, err
	}
	known := newOrigins(public, o.AllowedHosts, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !known.allowsHost(r) {
			if o.Refused != nil {
				o.Refused(r.Context(), RefusedHost, r)
			}
			forbid(w, "This server is not reached under that Host. The operator can add it to the allowed hosts.")
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}
