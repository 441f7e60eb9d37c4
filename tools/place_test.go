package tools_test

import (
	"strings"
	"testing"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/upstream"
)

// Where calls go: what a token endpoint names is taken only at hosts of the service,
// and never in the place of what an admin has set.
func TestWhereAServiceIs(t *testing.T) {
	const login, mine = "https://login.salesforce.com", "https://acme.my.salesforce.com"
	for name, test := range map[string]struct {
		built, admin    string // of the endpoint: built in, or set by an admin for the service
		instances       []string
		base, instance  string // of the credential
		want            string
		private, refuse bool
	}{
		"the one place":                {built: "https://slack.com/api", want: "https://slack.com/api"},
		"an instance of no meaning":    {built: "https://slack.com/api", instance: mine, want: "https://slack.com/api"},
		"nowhere":                      {refuse: true},
		"for the credential":           {base: "http://127.0.0.1:3000", want: "http://127.0.0.1:3000", private: true},
		"for it, before the service's": {admin: "https://one.example", base: "https://two.example", want: "https://two.example", private: true},
		"the instance":                 {built: login, instances: []string{".my.salesforce.com"}, instance: mine, want: mine},
		"no instance":                  {built: login, instances: []string{".my.salesforce.com"}, refuse: true},
		"my domain, no instance":       {admin: mine, instances: []string{".my.salesforce.com"}, want: mine, private: true},
		"my domain, another instance":  {admin: mine, instances: []string{".my.salesforce.com"}, instance: "https://acme--uat.my.salesforce.com", want: "https://acme--uat.my.salesforce.com"},
		"behind a proxy":               {admin: "http://proxy.internal", instances: []string{".my.salesforce.com"}, instance: mine, want: "http://proxy.internal", private: true},
		"a stranger's":                 {built: login, instances: []string{".my.salesforce.com"}, instance: "https://evil.example", refuse: true},
		"like it":                      {built: login, instances: []string{".my.salesforce.com"}, instance: "https://my.salesforce.com.evil.example", refuse: true},
		"the domain itself":            {built: login, instances: []string{".my.salesforce.com"}, instance: "https://.my.salesforce.com", refuse: true},
		"in the clear":                 {built: login, instances: []string{".my.salesforce.com"}, instance: "http://acme.my.salesforce.com", refuse: true},
		"another port":                 {built: login, instances: []string{".my.salesforce.com"}, instance: mine + ":8443", refuse: true},
		"with a path":                  {built: login, instances: []string{".my.salesforce.com"}, instance: mine + "/x", refuse: true},
		"with a user":                  {built: login, instances: []string{".my.salesforce.com"}, instance: "https://a@acme.my.salesforce.com", refuse: true},
		"letters that look alike":      {built: login, instances: []string{".my.salesforce.com"}, instance: "https://аcme.my.salesforce.com", refuse: true},
		"of another's, by the admin":   {admin: mine, instances: []string{".my.salesforce.com"}, instance: "https://evil.example", refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := tools.Service{Name: "crm", Title: "CRM", Instances: test.instances, Endpoint: upstream.Endpoint{Service: "crm", BaseURL: test.built}}
			if test.admin != "" {
				s.Endpoint.BaseURL, s.Endpoint.Private = test.admin, true
			}
			e, f := s.At(test.base, test.instance)
			switch {
			case test.refuse:
				if f == nil || f.Retryable || !f.NotSent || !strings.Contains(f.Message, "CRM") {
					t.Errorf("got %+v, %+v", e, f)
				}
				if test.instance == "" && (f.Kind != fault.UpstreamUnavailable || !strings.Contains(f.Message, "services.crm.base_url")) {
					t.Errorf("got %v", f)
				}
			case f != nil || e.BaseURL != test.want || e.Private != test.private:
				t.Errorf("got %q (private %t), %v", e.BaseURL, e.Private, f)
			}
		})
	}
}
