package vault

import (
	"strings"
	"testing"
)

// Check says what Resolve would, of credentials from anywhere.
func TestCheckSaysWhatResolveWould(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/key", "key-of-eleven\n")
	writeFile(t, dir+"/lines", "two\nlines")
	t.Setenv("TOOLVAULT_TEST_KEY", "key-of-eleven")
	q := newQuiet(t, Service{Schemes: map[string]Scheme{TypeAPIKey: Bearer, TypeOAuthToken: Bearer}})
	d := q.put(t, TypeAPIKey, "key-of-eleven", nil)
	if _, err := q.Put(t.Context(), "crm/gone", Stored{Type: TypeAPIKey, Secret: NewSecret("key-of-eleven")}); err != nil {
		t.Fatal(err)
	}
	if err := q.Delete(t.Context(), "crm/gone"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ source, typ, want string }{
		{"vault:crm/a", TypeAPIKey, ""},
		{"env:TOOLVAULT_TEST_KEY", TypeAPIKey, ""},
		{"file:" + dir + "/key", TypeAPIKey, ""},
		{"vault:crm/a", TypeBasic, "the config declares it as basic and vault:crm/a is stored as api_key"},
		{"vault:crm/none", TypeAPIKey, "there is no vault:crm/none"},
		{"vault:crm/gone", TypeAPIKey, "vault:crm/gone"},
		{"env:TOOLVAULT_TEST_NONE", TypeAPIKey, "the environment variable TOOLVAULT_TEST_NONE is not set"},
		{"file:" + dir + "/lines", TypeAPIKey, "has a line break"},
		{"file:" + dir + "/key", TypeMTLS, "this is no certificate"},
		{"file:" + dir + "/key", TypeSession, "takes no credential of type session"},
		{"file:" + dir + "/key", "password", `"password" is no type of credential: use one of api_key, basic,`},
		{"xoxb-literal", TypeAPIKey, "is none of env:NAME, file:PATH, vault:NAME and exec:PROGRAM"},
	} {
		d.Source, d.Type = test.source, test.typ
		checked := q.Check(t.Context(), d)
		_, resolved := q.Resolve(t.Context(), d)
		if test.want == "" {
			if checked != nil || resolved != nil {
				t.Errorf("%s as %s: %v, %v", test.source, test.typ, checked, resolved)
			}
			continue
		}
		if checked == nil || resolved == nil || checked.Error() != resolved.Error() || !strings.Contains(checked.Error(), test.want) {
			t.Errorf("%s as %s: %v; resolve: %v", test.source, test.typ, checked, resolved)
		}
	}
}
