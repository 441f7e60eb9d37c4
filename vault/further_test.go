package vault

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// A further secret goes on every request beside the credential, comes from where the
// config says, and is as hidden as the credential itself.
func TestFurtherSecrets(t *testing.T) {
	scheme := Bearer
	scheme.Params = []Param{{Name: "model_key", Form: FormSecret, Header: "X-Model-Key", Help: "the key of the model's provider"}}
	q := newQuiet(t, Service{Schemes: map[string]Scheme{TypeAPIKey: scheme}})
	t.Setenv("MODEL_KEY_OF_THE_TEST", "model-secret-4711")
	d := q.put(t, TypeAPIKey, "own-secret-1234", map[string]string{"model_key": "env:MODEL_KEY_OF_THE_TEST"})
	c, err := q.Resolve(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodGet, "https://db.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Authorize(r); err != nil || r.Header.Get("Authorization") != "Bearer own-secret-1234" || r.Header.Get("X-Model-Key") != "model-secret-4711" {
		t.Errorf("got %v, %v", r.Header, err)
	}
	holds(t, c, "own-secret-1234", "model-secret-4711")
	q.hide("model-secret-4711")
	q.say(c, d)

	if _, err := q.Put(t.Context(), "models/key", Stored{Type: TypeAPIKey, Secret: NewSecret("model-secret-4712")}); err != nil {
		t.Fatal(err)
	}
	d.Params = map[string]string{"model_key": "vault:models/key"}
	if c, err = q.Resolve(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	holds(t, c, "own-secret-1234", "model-secret-4712")

	for source, want := range map[string]string{
		"env:NO_SUCH_VARIABLE_OF_THE_TEST": "model_key: ", "vault:models/none": "toolvault credential put models/none",
	} {
		d.Params = map[string]string{"model_key": source}
		if _, err := q.Resolve(t.Context(), d); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", source, err)
		}
		if err := q.Check(t.Context(), d); err == nil {
			t.Errorf("%s: the check finds nothing", source)
		}
	}
}

// The instance that a token endpoint names is kept with the token, if it has the
// form of a base URL.
func TestTheInstanceIsKept(t *testing.T) {
	for said, want := range map[any]string{
		"https://acme.my.salesforce.com": "https://acme.my.salesforce.com", "https://acme.my.salesforce.com/": "https://acme.my.salesforce.com",
		"https://a:b@acme.example": "", "javascript:alert(1)": "", "https://acme.example?x=1": "", "https://acme.example#x": "", "//acme.example": "",
		"https://" + strings.Repeat("a", 600): "", 7: "", nil: "", "": "",
	} {
		token := (&oauth2.Token{AccessToken: "t", ExpiresIn: 60}).WithExtra(map[string]any{"instance_url": said})
		s, err := granted(Stored{Type: TypeOAuthToken}, token, time.Now())
		if err != nil || s.Instance != want {
			t.Errorf("%v: %q, %v", said, s.Instance, err)
		}
		back, err := decodeStored(s.encode())
		if err != nil || back.Instance != want {
			t.Errorf("%v is %q after it was stored: %v", said, back.Instance, err)
		}
	}
	// A refresh that says nothing leaves what there was.
	s, err := granted(Stored{Type: TypeOAuthToken, Instance: "https://acme.my.salesforce.com"}, &oauth2.Token{AccessToken: "t2"}, time.Now())
	if err != nil || s.Instance != "https://acme.my.salesforce.com" {
		t.Errorf("after a refresh: %q, %v", s.Instance, err)
	}
}

// A token that is obtained for a secret has its instance too.
func TestTheInstanceOfAnObtainedToken(t *testing.T) {
	s := newCounterpart(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"access_token":"issued-token-1","instance_url":"https://acme.my.salesforce.com"}`))
	}
	q := newQuiet(t, Service{})
	d := q.put(t, TypeClientCredentials, "secret-of-the-client", map[string]string{"client_id": "a", "token_url": s.URL + "/token"})
	for range 2 { // obtained, and kept
		c, err := q.Resolve(t.Context(), d)
		if err != nil || c.Instance != "https://acme.my.salesforce.com" {
			t.Fatalf("got %v", err)
		}
	}
}
