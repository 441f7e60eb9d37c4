package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"toolvault/auth/client"
	"toolvault/auth/people"
	"toolvault/vault/store"
	"toolvault/vault/store/bucket"
)

// deviceTries is how often a person, and an address, may have a code looked at
// (RFC 8628 section 5.1). With a thousand devices waiting, a guess hits one in
// 25 million.
func deviceTries() bucket.Rate { return bucket.Rate{Burst: 10, Every: time.Minute} }

// serveDevice is the page where a person types the code that a device shows, sees
// what it asks for, and answers (RFC 8628 section 3.3). A code that came in the URL
// is filled in, and has to be sent all the same (section 5.4).
func (s *Server) serveDevice(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		code := plainUserCode(r.URL.Query().Get("user_code"))
		if len(code) != userCodeLength {
			code = ""
		}
		if _, ok := s.People.Visitor(r); !ok {
			back := s.pages.Path(DevicePath)
			if code != "" {
				back += "?user_code=" + url.QueryEscape(shownUserCode(code))
			}
			s.pages.Redirect(w, r, s.People.SignInURL(back))
			return
		}
		s.askUserCode(w, r, http.StatusOK, shownUserCode(code), "")
	case http.MethodPost:
		s.takeDevice(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		s.pages.Error(w, r, http.StatusMethodNotAllowed, deviceMethodTitle, deviceMethodWhat, deviceMethodTodo)
	}
}

type deviceCodeView struct {
	Words                      deviceCodeWords
	Action, Token, Code, Fault string
}

func (s *Server) askUserCode(w http.ResponseWriter, r *http.Request, status int, code, fault string) {
	s.deviceShown(s.pages.Write(w, r, status, "device.html", deviceTitle, deviceCodeView{
		theDeviceCodeWords(), s.pages.Path(DevicePath), s.pages.Token(w, r), code, fault,
	}))
}

// takeDevice is a code that was typed, or an answer to what it stands for. Both cost
// a try: an answer names a code too.
func (s *Server) takeDevice(w http.ResponseWriter, r *http.Request) {
	form, ok := s.pages.Form(w, r)
	if !ok {
		return
	}
	person, ok := s.People.Visitor(r)
	if !ok {
		s.pages.Error(w, r, http.StatusForbidden, deviceSignInTitle, deviceSignInWhat, deviceSignInTodo)
		return
	}
	answer := form.Get("answer")
	if answer != "" && answer != "allow" && answer != "deny" {
		s.pages.Error(w, r, http.StatusBadRequest, deviceOddTitle, deviceOddWhat, deviceOddTodo)
		return
	}
	if !s.spendDeviceTry(w, r, person) {
		return
	}
	code := form.Get("code")
	device, d, err := s.findDevice(r.Context(), code)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.tell(r.Context(), Event{Kind: Refused, Grant: client.GrantDevice, User: person.Name, Address: addressOf(r), Reason: "a user code was typed under which no device waits"})
		s.askUserCode(w, r, http.StatusForbidden, "", deviceWrongFault)
		return
	case err != nil:
		s.deviceAway(w, r, err)
		return
	}
	c, err := s.find(r.Context(), d.Client)
	if err == nil && digest(c) != d.Digest {
		err = invalidClient()
	}
	if err != nil {
		s.deviceImpossible(w, r, err)
		return
	}
	q := deviceQuestion{code: shownUserCode(plainUserCode(code)), device: device, asked: d, client: c, person: person}
	if answer == "deny" {
		s.denyDevice(w, r, q)
		return
	}
	why := ""
	if q.offers, why, err = s.offers(c, person, d.request()); err != nil {
		s.deviceAway(w, r, err)
		return
	}
	switch {
	case len(q.offers) == 0:
		s.pages.Error(w, r, http.StatusForbidden, titleNothing, whatNothing(person.Name, d.Admin, why), todoNothing)
	case answer == "":
		s.askDevice(w, r, http.StatusOK, q, nil, "")
	default:
		s.approveDevice(w, r, q, form)
	}
}

// spendDeviceTry counts a try for the person and the address, over all replicas,
// before the code is looked at. Where there is none left the visitor has been told.
func (s *Server) spendDeviceTry(w http.ResponseWriter, r *http.Request, person people.Person) bool {
	for _, of := range []string{"person\x00" + strings.ToLower(person.Name), "address\x00" + people.Network(addressOf(r))} {
		got, wait, err := s.Store.Spend(r.Context(), "oauth/user-code-tries/"+hashed(of), deviceTries(), 1, 0)
		if err != nil {
			s.deviceAway(w, r, err)
			return false
		}
		if got == 0 {
			w.Header().Set("Retry-After", retryAfter(wait))
			s.tell(r.Context(), Event{Kind: Refused, Grant: client.GrantDevice, User: person.Name, Address: addressOf(r), Reason: "too many user codes were tried"})
			s.pages.Error(w, r, http.StatusTooManyRequests, deviceOftenTitle, deviceOftenWhat, deviceOftenTodo)
			return false
		}
	}
	return true
}

// findDevice is the open request behind a user code. Whatever else it may be
// (unknown, ended, answered), the error wraps store.ErrNotFound.
func (s *Server) findDevice(ctx context.Context, code string) (device string, d deviceRequest, err error) {
	if len(plainUserCode(code)) != userCodeLength {
		return "", d, store.ErrNotFound
	}
	var link deviceLink
	if _, err := s.get(ctx, s.userKey(code), &link); err != nil {
		return "", d, err
	}
	if _, err := s.get(ctx, devicePrefix+link.Device, &d); err != nil {
		return "", d, err
	}
	if d.State != deviceOpen || !s.Now().Before(d.Expires) {
		return "", d, store.ErrNotFound
	}
	return link.Device, d, nil
}
