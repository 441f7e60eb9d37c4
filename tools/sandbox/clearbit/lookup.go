package clearbit

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The lookups. Their callers hold the lock.

var noRecord = failed(http.StatusNotFound, "unknown_record", "Unknown record")

// teams are the local parts that Clearbit takes for no person.
var teams = []string{"info", "sales", "support", "admin", "hello", "contact", "team", "office", "billing", "help", "noreply", "no-reply"}

// address reads an e-mail address as Clearbit does: bad is why it is refused.
func address(q url.Values) (email, host string, bad answer) {
	email = strings.ToLower(q.Get("email"))
	local, host, ok := strings.Cut(email, "@")
	switch {
	case email == "":
		return "", "", failed(http.StatusUnprocessableEntity, "params_invalid", "Email is required")
	case !ok || local == "" || !strings.Contains(host, ".") || strings.ContainsAny(email, " <>"):
		return "", "", failed(http.StatusUnprocessableEntity, "email_invalid", "Invalid email")
	case slices.Contains(teams, local):
		return "", "", failed(http.StatusUnprocessableEntity, "email_invalid", "Email is not of a person")
	}
	return email, host, answer{}
}

// person is /v2/people/find.
func (a *account) person(q url.Values, _ bool) answer {
	email, _, bad := address(q)
	if bad.status != 0 {
		return bad
	}
	r, out := a.reach(a.people, email, q)
	if r != nil {
		out.body = r
	}
	return out
}

// combined is /v2/combined/find: the person and the company, either of which may be
// null.
func (a *account) combined(q url.Values, _ bool) answer {
	email, host, bad := address(q)
	if bad.status != 0 {
		return bad
	}
	p, out := a.reach(a.people, email, q)
	if out.status == http.StatusAccepted {
		return out
	}
	c, second := a.reach(a.companies, host, q)
	second.bill = email
	switch {
	case second.status == http.StatusAccepted && p == nil:
		return second
	case p == nil && c == nil:
		return noRecordOf(email)
	}
	both := record{"person": nil, "company": nil}
	if p != nil {
		both["person"] = p
	}
	if c != nil {
		both["company"] = c
	}
	return answer{status: http.StatusOK, body: both, bill: email}
}

// company is /v2/companies/find.
func (a *account) company(q url.Values, _ bool) answer {
	host := strings.ToLower(q.Get("domain"))
	if !strings.Contains(host, ".") || strings.ContainsAny(host, "/:@ ") {
		return failed(http.StatusUnprocessableEntity, "params_invalid", "Domain is invalid")
	}
	r, out := a.reach(a.companies, host, q)
	if r != nil {
		out.body = r
	}
	return out
}

func noRecordOf(bill string) answer {
	out := noRecord
	out.bill = bill
	return out
}

// reach finds a record, or says that it is queued. What is "_cold" is queued at the
// first question and there a moment later; what is "_never" is queued for good.
func (a *account) reach(all map[string]record, key string, q url.Values) (record, answer) {
	r, ok := all[key]
	if !ok {
		return nil, noRecordOf(key)
	}
	_, never := r["_never"]
	_, cold := r["_cold"]
	_, stale := r["_stale"] // it was known once
	began, asked := a.queue[key]
	switch {
	case !cold && !never, cold && asked && a.now().Sub(began) >= reindex, stale && q.Get("cached") == "true":
		return bare(r), answer{status: http.StatusOK, bill: key}
	case !asked:
		a.queue[key] = a.now()
	}
	return nil, answer{status: http.StatusAccepted, bill: key, wait: key, waiting: never}
}

// bare is a record without what only the double knows of it.
func bare(r record) record {
	out := record{}
	for k, v := range r {
		if !strings.HasPrefix(k, "_") {
			out[k] = v
		}
	}
	return out
}

// domain is /v1/domains/find: by the exact name, whatever the case.
func (a *account) domain(q url.Values, _ bool) answer {
	name := q.Get("name")
	if name == "" {
		return failed(http.StatusUnprocessableEntity, "params_invalid", "Name is required")
	}
	for host, r := range a.companies {
		if strings.EqualFold(r["name"].(string), name) {
			return answer{status: http.StatusOK, body: record{"name": r["name"], "domain": host, "logo": nil}, bill: "name " + strings.ToLower(name)}
		}
	}
	return noRecordOf("name " + strings.ToLower(name))
}

// reveal is /v1/companies/find of Reveal: public IPv4 only.
func (a *account) reveal(q url.Values, _ bool) answer {
	ip, err := netip.ParseAddr(q.Get("ip"))
	if err != nil || !ip.Is4() || ip.IsPrivate() || ip.IsLoopback() {
		return failed(http.StatusUnprocessableEntity, "params_invalid", "IP is invalid")
	}
	n, ok := a.networks[ip.String()]
	if !ok {
		return noRecordOf("ip " + ip.String())
	}
	var company any
	if r, ok := a.companies[n.domain]; ok {
		company = bare(r)
	}
	var domain any
	if n.domain != "" {
		domain = n.domain
	}
	return answer{status: http.StatusOK, bill: "ip " + ip.String(), body: record{
		"ip": ip.String(), "fuzzy": n.fuzzy, "domain": domain, "type": n.kind, "company": company,
		"geoIP": record{"city": n.place[0], "state": n.place[1], "stateCode": nil, "country": n.place[2], "countryCode": nil},
	}}
}

// search is /v1/people/search of the Prospector; each person is billed.
func (a *account) search(q url.Values, _ bool) answer {
	page, size := number(q, "page", 1), number(q, "page_size", 5)
	if q.Get("domain") == "" || page < 1 || size < 1 || size > 20 {
		return failed(http.StatusUnprocessableEntity, "params_invalid", "Domain is required; page_size is 1 to 20")
	}
	fits := func(r record, field, one, many string) bool {
		wanted := q[many]
		if one := q.Get(one); one != "" {
			wanted = append(wanted, one)
		}
		value, _ := r[field].(string)
		return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
			return field == "title" && strings.Contains(strings.ToLower(value), strings.ToLower(w)) || strings.EqualFold(value, w)
		})
	}
	all := []record{}
	for _, r := range a.prospects[q.Get("domain")] {
		if fits(r, "role", "role", "roles[]") && fits(r, "seniority", "seniority", "seniorities[]") && fits(r, "title", "title", "titles[]") {
			all = append(all, r)
		}
	}
	from := min((page-1)*size, len(all))
	found := all[from:min(from+size, len(all))]
	return answer{status: http.StatusOK, body: record{"page": page, "page_size": size, "total": len(all), "results": found}, bill: "search " + q.Encode()}
}

func number(q url.Values, key string, otherwise int) int {
	if !q.Has(key) {
		return otherwise
	}
	n, err := strconv.Atoi(q.Get(key))
	if err != nil || n > 1000 {
		return -1
	}
	return n
}

// suggest is autocomplete: no key, no bill, and no logos since September 2025.
func (a *account) suggest(q url.Values, _ bool) answer {
	text := strings.ToLower(q.Get("query"))
	found := []record{}
	for host, r := range a.companies {
		if name := r["name"].(string); text != "" && strings.HasPrefix(strings.ToLower(name), text) {
			found = append(found, record{"name": name, "domain": host, "logo": nil})
		}
	}
	slices.SortFunc(found, func(x, y record) int { return strings.Compare(x["domain"].(string), y["domain"].(string)) })
	return answer{status: http.StatusOK, body: found}
}

var indexed = time.Date(2026, 11, 3, 4, 0, 0, 0, time.UTC).Format(time.RFC3339)
