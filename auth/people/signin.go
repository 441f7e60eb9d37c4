package people

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"toolvault/auth/page"
)

// The paths of the pages.
const (
	SignInPath  = "/signin"
	SignOutPath = "/signout"
)

// SignInURL is where to send a browser for its visitor to sign in and come back
// to returnTo, a path of this server with its query, as a request has it
// (URL.RequestURI). It is a path as browsers see it.
func (p *People) SignInURL(returnTo string) string {
	u := p.pages.Path(SignInPath)
	if page.Local(returnTo) {
		u += "?return=" + url.QueryEscape(returnTo)
	}
	return u
}

// backTo is where to go after the sign-in: back if that is a path of ours, else
// to the page that says who is signed in.
func backTo(back string) string {
	if !page.Local(back) || back == "/" {
		return SignInPath
	}
	return back
}

func localOnly(back string) string {
	if !page.Local(back) {
		return ""
	}
	return back
}

// Handler answers SignInPath, SignOutPath, PasskeyScriptPath, and all below
// PasskeyPath. The server before it has to check
// the Host of requests (DNS rebinding) and to bound their time.
func (p *People) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+SignInPath, p.showSignIn)
	mux.HandleFunc("POST "+SignInPath, p.takeSignIn)
	mux.HandleFunc("GET "+SignOutPath, func(w http.ResponseWriter, r *http.Request) { p.pages.Redirect(w, r, p.SignInURL("")) })
	mux.HandleFunc("POST "+SignOutPath, p.takeSignOut)
	if p.passkeys != nil {
		mux.HandleFunc("GET "+PasskeyScriptPath, func(w http.ResponseWriter, r *http.Request) { p.pages.ServeScript(w, r, passkeyScript) })
		mux.HandleFunc("POST "+passkeyBegin, p.beginPasskey)
		mux.HandleFunc("POST "+passkeyFinish, p.finishPasskey)
		mux.HandleFunc("POST "+passkeyAdd, p.beginAdd)
		mux.HandleFunc("POST "+passkeyAdded, p.finishAdd)
		mux.HandleFunc("POST "+passkeyRemove, p.takeRemoval)
		mux.HandleFunc("GET "+passkeyInvite, p.showInvite)
		mux.HandleFunc("POST "+passkeyInvitees, p.lookAtInvite)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != SignInPath && r.URL.Path != SignOutPath {
			p.pages.Error(w, r, http.StatusNotFound, notFoundTitle, notFoundWhat, notFoundTodo)
			return
		}
		w.Header().Set("Allow", "GET, HEAD, POST")
		p.pages.Error(w, r, http.StatusMethodNotAllowed, methodTitle, methodWhat, methodTodo)
	})
	return mux
}

func (p *People) shown(err error) {
	if err != nil {
		p.Logger.Error("a page could not be shown", "error", err)
	}
}

func (p *People) takeSignIn(w http.ResponseWriter, r *http.Request) {
	form, ok := p.pages.Form(w, r)
	if !ok {
		return
	}
	if len(form["name"]) != 1 || len(form["password"]) != 1 || len(form["return"]) > 1 {
		p.pages.Error(w, r, http.StatusBadRequest, incompleteTitle, incompleteWhat, incompleteTodo)
		return
	}
	name, back := strings.TrimSpace(form.Get("name")), localOnly(form.Get("return"))
	rec, err := p.prove(r, name, []byte(form.Get("password")))
	if err == nil {
		err = p.enter(w, r, rec, origin{How: ByPassword})
	}
	v := signInView{Return: back, Name: clip(name, 128)}
	var late *tooSoonError
	switch {
	case err == nil:
		p.pages.Redirect(w, r, p.pages.Path(backTo(back)))
	case errors.Is(err, errWrong):
		v.Fault = wrongFault
		p.writeSignIn(w, r, http.StatusForbidden, p.pages.Token(w, r), v)
	case errors.As(err, &late):
		seconds := int((late.wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		v.Fault = tooSoonFault(seconds)
		p.writeSignIn(w, r, http.StatusTooManyRequests, p.pages.Token(w, r), v)
	default:
		if r.Context().Err() == nil {
			p.Logger.Error("a sign-in failed through no fault of the visitor's", "error", err)
		}
		w.Header().Set("Retry-After", "5")
		v.Fault = unavailableFault
		p.writeSignIn(w, r, http.StatusServiceUnavailable, p.pages.Token(w, r), v)
	}
}

// errWrong is the one answer to a name that nobody has, a wrong password, and
// somebody who is disabled.
var errWrong = errors.New("the name or the password is wrong")

// tooSoonError refuses a try that was not looked at.
type tooSoonError struct{ wait time.Duration }

func (e *tooSoonError) Error() string { return fmt.Sprintf("too many tries failed: wait %v", e.wait) }

// prove returns the record of the person who has this name and password.
func (p *People) prove(r *http.Request, name string, password []byte) (record, error) {
	ctx := r.Context()
	rec, _, err := p.load(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return record{}, err
	}
	event := Event{Person: rec.Name, Address: client(r), How: ByPassword}

	// A browser that this person knows is counted by itself.
	counted := []bucket{byAddress(event.Address), byName(name)}
	if id, ok := p.device(r, rec); ok {
		counted = []bucket{byDevice(id)}
	}
	for _, b := range counted {
		wait, err := p.throttle.take(ctx, b)
		if err != nil {
			return record{}, err
		}
		if wait > 0 {
			p.tellDelay(ctx, event, b, wait)
			return record{}, &tooSoonError{wait}
		}
	}

	right, err := p.matches(ctx, rec.Password, password)
	if err != nil {
		return record{}, err
	}
	event.Kind = SignInFailed
	switch {
	case !rec.exists():
		event.Reason = "nobody has that name"
	case rec.Password == "":
		event.Reason = "there is no password of theirs here"
	case !right:
		event.Reason = "wrong password"
	case rec.Disabled:
		event.Reason = "disabled"
	default:
		for _, b := range counted {
			if b.kind == "address" {
				p.throttle.giveBack(ctx, b) // who knows one password may not clear the way for guessing others
			} else {
				p.throttle.clear(ctx, b)
			}
		}
		return rec, nil
	}
	if err := p.Observe(ctx, event); err != nil {
		return record{}, fmt.Errorf("a failed sign-in could not be recorded: %w", err)
	}
	return record{}, errWrong
}

// tellDelay records that a try was refused untried, at most once a second: a
// refusal costs little, and must not fill the log.
func (p *People) tellDelay(ctx context.Context, e Event, b bucket, wait time.Duration) {
	left, ok := p.delayed.next(p.Now())
	if !ok {
		return
	}
	e.Kind = SignInDelayed
	e.Reason = fmt.Sprintf("too many failures by %s; next try in %v", b.kind, wait.Round(time.Second))
	if left > 0 {
		e.Reason += fmt.Sprintf(" (%d more were not recorded one by one)", left)
	}
	if err := p.Observe(ctx, e); err != nil {
		p.Logger.Error("a refused sign-in could not be recorded", "error", err)
	}
}

// enter begins the session of somebody who has proved who they are, and ends the
// one that this browser had.
func (p *People) enter(w http.ResponseWriter, r *http.Request, rec record, from origin) error {
	ctx := r.Context()
	if err := p.end(ctx, p.sessionKey(r)); err != nil {
		return err
	}
	id, err := p.begin(ctx, rec, from)
	if err != nil {
		return err
	}
	if err := p.Observe(ctx, Event{Kind: SignedIn, Person: rec.Name, Address: client(r), How: from.How}); err != nil {
		return errors.Join(fmt.Errorf("a sign-in could not be recorded: %w", err), p.end(context.WithoutCancel(ctx), keyOf(id)))
	}
	known, err := p.newDevice(rec)
	if err != nil {
		return err
	}
	http.SetCookie(w, p.pages.Cookie(sessionCookie, base64.RawURLEncoding.EncodeToString(id), 0))
	http.SetCookie(w, p.pages.Cookie(deviceCookie, known, int(deviceLength/time.Second)))
	p.pages.RenewToken(w)
	return nil
}

func (p *People) takeSignOut(w http.ResponseWriter, r *http.Request) {
	form, ok := p.pages.Form(w, r)
	if !ok {
		return
	}
	key := p.sessionKey(r)
	rec, _, ok := p.visitor(r.Context(), key)
	if err := p.end(r.Context(), key); err != nil {
		p.Logger.Error("a sign-out failed", "error", err)
		p.pages.Error(w, r, http.StatusServiceUnavailable, notOutTitle, notOutWhat, notOutTodo)
		return
	}
	if ok {
		if err := p.Observe(r.Context(), Event{Kind: SignedOut, Person: rec.Name, Address: client(r)}); err != nil {
			p.Logger.Error("a sign-out could not be recorded", "person", rec.Name, "error", err)
		}
	}
	http.SetCookie(w, p.pages.Cookie(sessionCookie, "", -1))
	p.pages.RenewToken(w)
	to := p.pages.Path(SignInPath) + "?signed=out"
	if back := form.Get("return"); page.Local(back) {
		to += "&return=" + url.QueryEscape(back)
	}
	p.pages.Redirect(w, r, to)
}

// client is the address from which a request came, without its port. What
// headers say of it is anybody's.
func client(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}
