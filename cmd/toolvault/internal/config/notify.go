package config

// Notify is the "notify" section: whom to tell when a credential stops working.
type Notify struct {
	URL    string // where to POST: "https://…", or "env:NAME" or "file:PATH" where the URL is a secret; "": nobody
	Secret string // "env:NAME", "file:PATH" or "exec:…": what the messages are signed with; "": they are not
}

func (r *reader) notify(n *node) {
	m := r.mapping(n, "notify", "url", "secret")
	if s, ok := r.text(m["url"], "notify.url"); ok {
		switch _, err := endpointURL(s); {
		case IsReference(s):
			r.Notify.URL = r.reference(s, m["url"].at, "notify.url", kindEnv, kindFile)
		case err != nil:
			r.fail(m["url"].at, "notify.url", "%v", err)
		default:
			r.Notify.URL = s
		}
	}
	if s, ok := r.text(m["secret"], "notify.secret"); ok {
		r.Notify.Secret = r.reference(s, m["secret"].at, "notify.secret", kindEnv, kindFile)
	}
	if m["secret"] != nil && m["url"] == nil {
		r.fail(m["secret"].at, "notify", "secret needs a url beside it: where to send what is signed")
	}
}
