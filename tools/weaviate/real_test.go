//go:build weaviate

package weaviate

import (
	"encoding/json"
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// These tests are run by .ci/weaviate against a real server, once that lets anybody in
// (WEAVIATE_ADMIN is empty) and once that wants keys and has roles. They leave nothing
// behind, and begin by taking away what an earlier run has left.

func real(t *testing.T) *world {
	t.Helper()
	url := os.Getenv("WEAVIATE_URL")
	if url == "" {
		t.Fatal("WEAVIATE_URL says where the server is: run .ci/weaviate, which starts one")
	}
	w := &world{t: t, svc: newService(time.Now), url: url, cred: bearer{key: os.Getenv("WEAVIATE_ADMIN")}}
	for _, class := range []string{"SuiteArticle", "SuiteNote", "SuiteQuirk", "SuiteQuirc", "SuiteMeaning", "Ticket"} {
		if status, body := w.send("DELETE", "/v1/schema/"+class, ""); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	return w
}

func TestRealSuite(t *testing.T) { runSuite(t, real(t)) }

func TestRealQuirks(t *testing.T) { runQuirks(t, real(t)) }

func TestRealNearText(t *testing.T) {
	w := real(t)
	var keys []string
	s := httptest.NewServer(embeddings(t, &keys))
	defer s.Close()
	runNearText(t, w, s.URL, "key-of-the-test")
	if slices.ContainsFunc(keys, func(k string) bool { return k != "key-of-the-test" }) || len(keys) < 3 {
		t.Errorf("the provider was shown %q", keys)
	}
}

func TestRealAccess(t *testing.T) {
	w := real(t)
	if os.Getenv("WEAVIATE_ADMIN") == "" {
		t.Skip("the server lets anybody in")
	}
	for _, s := range []raw{
		{method: "POST", path: "/v1/schema", body: `{"class":"Ticket","vectorizer":"none","properties":[{"name":"subject","dataType":["text"]}]}`, status: 200},
		{method: "POST", path: "/v1/schema", body: `{"class":"SuiteNote","vectorizer":"none","properties":[{"name":"note","dataType":["text"]}]}`, status: 200},
		{method: "POST", path: "/v1/objects", body: `{"class":"Ticket","id":"` + suiteID(1) + `","properties":{"subject":"x"}}`, status: 200},
		{method: "DELETE", path: "/v1/authz/roles/tickets", status: 204},
		{method: "POST", path: "/v1/authz/roles", body: `{"name":"tickets","permissions":[{"action":"read_collections","collections":{"collection":"Ticket"}},{"action":"read_data","data":{"collection":"Ticket"}}]}`, status: 201},
		{method: "POST", path: "/v1/authz/users/reader/assign", body: `{"roles":["viewer"],"userType":"db"}`, status: 200},
		{method: "POST", path: "/v1/authz/users/limited/assign", body: `{"roles":["tickets"],"userType":"db"}`, status: 200},
	} {
		if status, body := w.send(s.method, s.path, s.body); status != s.status {
			t.Fatalf("%s %s: %d %s", s.method, s.path, status, body)
		}
	}
	defer func() {
		for _, class := range []string{"Ticket", "SuiteNote"} {
			w.send("DELETE", "/v1/schema/"+class, "")
		}
	}()
	runAccess(t, w, os.Getenv("WEAVIATE_READER"), os.Getenv("WEAVIATE_LIMITED"))
}

// embeddings is a provider of models on this machine, as Cohere is: the vector of a
// text counts its words. It keeps the keys that it is shown. (Not OpenAI: a batch of
// objects for that has the server fetch a tokenizer from the internet first.)
func embeddings(t *testing.T, keys *[]string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*keys = append(*keys, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		var in struct {
			Texts []string `json:"texts"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/v2/embed" {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		var vectors [][]float64
		for _, text := range in.Texts {
			v := make([]float64, 64)
			for _, word := range strings.Fields(strings.ToLower(text)) {
				h := fnv.New32a()
				_, _ = h.Write([]byte(word))
				v[h.Sum32()%64]++
			}
			vectors = append(vectors, v)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "x", "embeddings": map[string]any{"float": vectors}})
	})
}
