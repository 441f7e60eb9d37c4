package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"toolvault/auth/client"
	"toolvault/auth/people"
	"toolvault/vault/store"
)

// deviceQuestion is what a person is asked about a device.
type deviceQuestion struct {
	code   string // as it stands on the device
	device string // what follows devicePrefix
	asked  deviceRequest
	client client.Client
	person people.Person
	offers []offer
}

type deviceAskView struct {
	Words               consentWords
	Action, Token, Code string
	Intro, Fault        string
	Facts               []fact
	Warnings            []string
	Agents              []agentChoice // more than one
	Agent               string        // the only one
	Parts               []part
	Seen                []string
	ReadOnly, Reading   bool
	HowLong             string
}

// askDevice shows the question of the consent page, and besides it where the request
// came from and the code: the person has to tell their own device from a stranger's
// (RFC 8628 section 5.4).
func (s *Server) askDevice(w http.ResponseWriter, r *http.Request, status int, q deviceQuestion, form url.Values, fault string) {
	d, name := q.asked, nameOf(q.client)
	v := deviceAskView{
		Words: theConsentWords(), Intro: deviceIntro(name, d.Admin), Fault: fault,
		Action: s.pages.Path(DevicePath), Token: s.pages.Token(w, r), Code: q.code,
		ReadOnly: !d.Admin, Reading: form.Get("read_only") != "", HowLong: howLong(q.client.May(client.GrantRefresh), s.TTL, s.RefreshTTL),
	}
	v.Facts = append(v.Facts, fact{factPerson, q.person.Name}, fact{deviceFactID, plainText(q.client.ID, 300)},
		fact{deviceFactFrom, plainText(d.Address, 100)}, fact{deviceFactAt, d.Created.Format("15:04:05 MST")}, fact{deviceFactCode, q.code})
	if d.Task != "" {
		v.Facts = append(v.Facts, fact{factTask, plainText(d.Task, maxName)})
	}
	v.Warnings = append(v.Warnings, deviceWarning)
	if q.client.Origin == client.OriginRegistered || q.client.Origin == client.OriginMetadata {
		v.Warnings = append(v.Warnings, warnUnchecked(name))
	}
	chosen := form.Get("agent")
	if chosen == "" {
		chosen = d.Agent
	}
	if !slices.ContainsFunc(q.offers, func(o offer) bool { return o.Agent == chosen }) {
		chosen = q.offers[0].Agent
	}
	for _, o := range q.offers {
		v.Seen = append(v.Seen, seen(o))
		if len(q.offers) > 1 {
			v.Agents = append(v.Agents, agentChoice{o.Agent, s.inWords(o), o.Agent == chosen})
		} else {
			v.Agent = o.Agent
		}
	}
	v.Parts = s.parts(q.offers, form)
	s.deviceShown(s.pages.Write(w, r, status, "device_ask.html", deviceAskTitle, v))
}

// approveDevice takes a yes to what the page said, less what the person took away.
func (s *Server) approveDevice(w http.ResponseWriter, r *http.Request, q deviceQuestion, form url.Values) {
	i := 0
	if !q.asked.Admin {
		i = slices.IndexFunc(q.offers, func(o offer) bool { return o.Agent == form.Get("agent") })
	}
	switch {
	case i < 0:
		s.askDevice(w, r, http.StatusBadRequest, q, form, faultAgent)
		return
	case !slices.Contains(form["seen"], seen(q.offers[i])):
		s.askDevice(w, r, http.StatusConflict, q, form, faultChanged)
		return
	}
	o := s.narrowed(q.offers[i], form["part"], form.Get("read_only") != "")
	if o.text() == "" {
		s.askDevice(w, r, http.StatusBadRequest, q, form, faultNothing)
		return
	}
	given := family{Client: q.client.ID, Person: q.person.Name, Agent: o.Agent, Task: q.asked.Task, Admin: o.Admin}
	if o.Admin == nil {
		given.Scope = o.text()
	}
	consent := random(familySize)
	err := s.answerDevice(r.Context(), q, s.eventOf(Consented, given, ""), addressOf(r), func(d *deviceRequest) {
		d.State, d.Given, d.Consent = deviceApproved, given, consent
	})
	s.deviceAnswered(w, r, err, deviceInTitle, deviceInNote)
}

func (s *Server) denyDevice(w http.ResponseWriter, r *http.Request, q deviceQuestion) {
	e := Event{Kind: Denied, Client: q.client.ID, User: q.person.Name, Task: q.asked.Task}
	err := s.answerDevice(r.Context(), q, e, addressOf(r), func(d *deviceRequest) { d.State = deviceDenied })
	s.deviceAnswered(w, r, err, titleDenied, deviceOutNote)
}

var errDeviceGone = errors.New("the device has its answer")

// answerDevice records and stores the answer of a person, unless there was one: it is
// on record before the device can get anything. The user code leads nowhere
// afterwards.
func (s *Server) answerDevice(ctx context.Context, q deviceQuestion, e Event, address string, edit func(*deviceRequest)) error {
	ctx = context.WithoutCancel(ctx)
	e.Grant, e.Address = client.GrantDevice, address
	if err := s.Observe(ctx, e); err != nil {
		return err
	}
	_, err := s.changeDevice(ctx, q.device, func(d *deviceRequest) error {
		if d.State != deviceOpen || !s.Now().Before(d.Expires) {
			return errDeviceGone
		}
		edit(d)
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errDeviceGone
	case err != nil:
		return err
	}
	var link deviceLink
	if version, err := s.get(ctx, s.userKey(q.code), &link); err == nil {
		_ = s.Store.Forget(ctx, s.userKey(q.code), version) // else it leads to what has its answer
	}
	return nil
}

func (s *Server) deviceAnswered(w http.ResponseWriter, r *http.Request, err error, title, note string) {
	switch {
	case errors.Is(err, errDeviceGone):
		s.pages.Error(w, r, http.StatusConflict, deviceGoneTitle, deviceGoneWhat, deviceGoneTodo)
	case err != nil:
		s.deviceAway(w, r, err)
	default:
		s.deviceShown(s.pages.Write(w, r, http.StatusOK, "device_done.html", title, struct{ Note, Todo string }{note, deviceCloseIt}))
	}
}

// deviceImpossible tells a person that the client behind a device is not known (any
// more).
func (s *Server) deviceImpossible(w http.ResponseWriter, r *http.Request, err error) {
	if isUnavailable(err) {
		s.deviceAway(w, r, err)
		return
	}
	s.pages.Error(w, r, http.StatusForbidden, titleClient, deviceClientWhat, deviceClientTodo)
}

func (s *Server) deviceAway(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		s.Logger.Error("a device's page could not be answered", "error", err)
	}
	w.Header().Set("Retry-After", "5")
	s.pages.Error(w, r, http.StatusServiceUnavailable, titleBusy, deviceAwayWhat, deviceAwayTodo)
}

func (s *Server) deviceShown(err error) {
	if err != nil {
		s.Logger.Error("a page could not be shown", "error", err)
	}
}

// retryAfter is a wait in whole seconds, one at least (RFC 9110 section 10.2.3).
func retryAfter(wait time.Duration) string {
	return strconv.FormatInt(max(1, int64((wait+time.Second-1)/time.Second)), 10)
}
