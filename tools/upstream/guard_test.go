package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

func TestGuardedPool(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer plain.Close()
	tests := map[string]struct {
		base, host string
		private    bool
		refused    string // what the fault says
	}{
		"loopback by an admin":                    {base: plain.URL, private: true},
		"the admin's host, named by an answer":    {base: plain.URL, host: plain.URL, private: true},
		"loopback, plain":                         {base: plain.URL, refused: "not an https one"},
		"loopback":                                {base: "https://127.0.0.1", refused: "not a public one"},
		"loopback on another port":                {base: strings.Replace(plain.URL, "http:", "https:", 1), refused: "not a public one"},
		"loopback, IPv6":                          {base: "https://[::1]", refused: "not a public one"},
		"private":                                 {base: "https://10.1.2.3", refused: "not a public one"},
		"cloud metadata":                          {base: "https://169.254.169.254", refused: "not a public one"},
		"IPv4 in IPv6":                            {base: "https://[::ffff:127.0.0.1]", refused: "not a public one"},
		"named by an answer":                      {base: "https://acme.example", host: "https://127.0.0.1", refused: "not a public one"},
		"named by an answer of the admin's host":  {base: plain.URL, host: "https://10.1.2.3", private: true, refused: "not a public one"},
		"plain, by an answer of the admin's host": {base: plain.URL, host: "http://10.1.2.3", private: true, refused: "not an https one"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, read := range []bool{true, false} {
				c := NewPool(nil, Guarded).Client(Endpoint{Service: "acme", BaseURL: tt.base, Private: tt.private}, &key{}, "call-1")
				err := c.Do(within(t), Request{Path: "/x", Host: tt.host, Read: read}, nil)
				if tt.refused == "" {
					if err != nil {
						t.Error(err)
					}
					continue
				}
				f := failure(t, err)
				if f.Kind != fault.UpstreamError || !f.NotSent || f.Retryable || !strings.Contains(f.Message, tt.refused) {
					t.Errorf("got %+v", f)
				}
				if n := c.Stats().Retries; n != 0 {
					t.Errorf("tried %d times more", n)
				}
			}
		})
	}
}
