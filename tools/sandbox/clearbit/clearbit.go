// Package clearbit is a double of Clearbit as it still answers holders of a key: all
// of its APIs, each below a path that has the name of its host.
//
// It knows the asynchronous form (202, the hosts that wait, cached), bills a lookup
// once, and counts requests by the minute. In one thing it is stricter than Clearbit
// is known to be: it refuses a parameter that it does not know, so that one which is
// misspelt is found.
package clearbit

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"toolvault/tools/sandbox/double"
)

const (
	apiVersion = "2019-12-19"
	perMinute  = 600
	quota      = 1000                   // unique lookups of the plan
	reindex    = 300 * time.Millisecond // until what is queued is there
	hold       = 60 * time.Second       // how long the streaming hosts wait
)

// account is a customer's, and what Clearbit knows.
type account struct {
	now func() time.Time
	key string

	mu        sync.Mutex
	people    map[string]record // by e-mail address
	companies map[string]record // by domain
	networks  map[string]network
	prospects map[string][]record // by domain
	queue     map[string]time.Time
	minutes   map[string]*minute
	billed    map[string]bool
	quota     int
}

// record is one as it is answered.
type record map[string]any

// network is whose an address is.
type network struct {
	domain, kind string
	fuzzy        bool
	place        [3]string // city, state, country
}

// minute is what of a rate limit is used.
type minute struct {
	began time.Time
	used  int
}

// New returns the double; its clock is now.
func New(now func() time.Time) *double.Double {
	a := newAccount(now)
	return &double.Double{Service: "clearbit", Handler: a, Secret: a.key, Snapshot: a.snapshot}
}

func newAccount(now func() time.Time) *account {
	a := &account{now: now, key: "sk_" + double.Fake("clearbit key", 32), queue: map[string]time.Time{}, minutes: map[string]*minute{}, billed: map[string]bool{}, quota: quota}
	a.seed()
	return a
}

// route is one call of an API.
type route struct {
	free    bool // no key, no bill
	limited bool // has rate headers
	stream  bool
	known   []string // parameters
	answer  func(a *account, q url.Values, stream bool) answer
}

// answer is what comes of a call.
type answer struct {
	status  int
	body    any    // nil: none
	bill    string // the lookup that is billed; "": none
	wait    string // the queued thing that a streaming host waits for
	waiting bool   // that it never comes
}

func failed(status int, kind, message string) answer {
	return answer{status: status, body: record{"error": record{"type": kind, "message": message}}}
}

var (
	forPerson  = []string{"email", "given_name", "family_name", "company", "company_domain", "ip_address", "location", "linkedin", "suppression", "cached", "webhook_url", "webhook_id", "subscribe"}
	forCompany = []string{"domain", "company_name", "linkedin", "cached", "webhook_url", "webhook_id"}
	forSearch  = []string{"domain", "role", "roles[]", "seniority", "seniorities[]", "title", "titles[]", "city", "cities[]", "state", "states[]", "country", "countries[]", "name", "page", "page_size", "suppression"}
)

func routes(path string) (api string, r route, ok bool) {
	combined, people, companies := (*account).combined, (*account).person, (*account).company
	all := map[string]route{
		"/v2/combined/find":                  {limited: true, known: forPerson, answer: combined},
		"/v2/people/find":                    {limited: true, known: forPerson, answer: people},
		"/person-stream/v2/combined/find":    {stream: true, known: forPerson, answer: combined},
		"/person-stream/v2/people/find":      {stream: true, known: forPerson, answer: people},
		"/company/v2/companies/find":         {limited: true, known: forCompany, answer: companies},
		"/company-stream/v2/companies/find":  {stream: true, known: forCompany, answer: companies},
		"/company/v1/domains/find":           {limited: true, known: []string{"name"}, answer: (*account).domain},
		"/reveal/v1/companies/find":          {known: []string{"ip"}, answer: (*account).reveal},
		"/prospector/v1/people/search":       {limited: true, known: forSearch, answer: (*account).search},
		"/autocomplete/v1/companies/suggest": {free: true, known: []string{"query"}, answer: (*account).suggest},
	}
	r, ok = all[path]
	api = strings.Split(path, "/")[1]
	if strings.HasPrefix(api, "v") {
		api = "person"
	}
	return api, r, ok
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	api, to, ok := routes(r.URL.Path)
	h := w.Header()
	h.Set("X-Api-Version", apiVersion)
	a.mu.Lock()
	limited := ok && to.limited && !a.counts(h, api)
	a.mu.Unlock()
	var out answer
	switch q := r.URL.Query(); {
	case !ok || r.Method != http.MethodGet: // before the key is looked at
		out = failed(http.StatusNotFound, "unknown_route", "Sorry, that route can not be found. Please refer to our docs https://clearbit.com/docs")
	case !to.free && r.Header.Get("Authorization") == "":
		out = failed(http.StatusUnauthorized, "auth_required", "Authentication is required for this action. Sign up at https://clearbit.com")
	case !to.free && !a.knows(r):
		out = failed(http.StatusUnauthorized, "invalid_api_key", "Invalid API key provided")
	case limited:
		out = failed(http.StatusTooManyRequests, "rate_limit", "Rate limit exceeded. Limit is 600 requests per minute.")
	case unknown(q, to.known) != "":
		out = failed(http.StatusUnprocessableEntity, "params_invalid", "Unknown parameter "+unknown(q, to.known))
	default:
		out = a.call(r, to)
	}
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(out.status)
	_ = json.NewEncoder(w).Encode(out.body)
}

// call answers, waits where it is a streaming host, and bills.
func (a *account) call(r *http.Request, to route) answer {
	out := a.locked(r, to)
	if to.stream && out.status == http.StatusAccepted {
		wait := reindex
		if out.waiting {
			wait = hold
		}
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return out
		}
		if !out.waiting {
			a.mu.Lock()
			a.queue[out.wait] = time.Time{} // it has come
			a.mu.Unlock()
		}
		out = a.locked(r, to)
	}
	return out
}

func (a *account) locked(r *http.Request, to route) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := to.answer(a, r.URL.Query(), to.stream)
	if out.bill == "" || a.billed[out.bill] {
		return out
	}
	if len(a.billed) >= a.quota {
		return failed(http.StatusPaymentRequired, "over_quota", "Over plan quota on this endpoint.")
	}
	a.billed[out.bill] = true
	return out
}

// knows reports whether the key is the account's, as Bearer or as the user of Basic.
func (a *account) knows(r *http.Request) bool {
	if user, password, ok := r.BasicAuth(); ok {
		return user == a.key && password == ""
	}
	return r.Header.Get("Authorization") == "Bearer "+a.key
}

// counts takes a request of the minute's, and says of it what the headers do.
func (a *account) counts(h http.Header, api string) bool {
	now := a.now()
	m := a.minutes[api]
	if m == nil || now.Sub(m.began) >= time.Minute {
		m = &minute{began: now}
		a.minutes[api] = m
	}
	m.used++
	h.Set("X-Ratelimit-Limit", strconv.Itoa(perMinute))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, perMinute-m.used)))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(m.began.Add(time.Minute).Unix(), 10))
	return m.used <= perMinute
}

func unknown(q url.Values, known []string) string {
	for key := range q {
		if !slices.Contains(known, key) {
			return key
		}
	}
	return ""
}

// snapshot is what Clearbit knows: lookups leave it as it is.
func (a *account) snapshot() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string]string{}
	keep := func(kind, key string, value any) {
		b, _ := json.Marshal(value)
		all[kind+" "+key] = string(b)
	}
	for key, r := range a.people {
		keep("person", key, r)
	}
	for key, r := range a.companies {
		keep("company", key, r)
	}
	for key, list := range a.prospects {
		keep("prospects", key, list)
	}
	return all
}
