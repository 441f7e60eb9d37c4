package server

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

const (
	deviceFor      = 10 * time.Minute // until somebody has to have answered
	deviceInterval = 5 * time.Second  // between two polls; 5 s more after each that comes too early
	deviceCodeSize = 32               // bytes of randomness
	deviceMaxWait  = time.Minute      // the longest that the interval grows to
)

// What has become of a device's request.
const (
	deviceOpen     = ""
	deviceApproved = "approved"
	deviceDenied   = "denied"
	deviceRedeemed = "redeemed"
)

// deviceRequest is a device that waits for a person (RFC 8628). It lies sealed
// under devicePrefix and the hash of its device code.
type deviceRequest struct {
	Client  string    `json:"client"`
	Digest  string    `json:"digest"`          // of what a person agrees to of the client
	Admin   bool      `json:"admin,omitempty"` // for the administrators' resource
	Asked   string    `json:"asked,omitempty"` // scope
	Agent   string    `json:"agent,omitempty"` // the one that is preselected
	Task    string    `json:"task,omitempty"`
	Address string    `json:"address,omitempty"` // from which the device asked
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`

	Polled   time.Time     `json:"polled,omitzero"`
	Interval time.Duration `json:"interval"`

	State   string `json:"state,omitempty"`
	Given   family `json:"given,omitzero"`    // what the person agreed to
	Consent string `json:"consent,omitempty"` // its id
}

// request is what the person is asked, as in the flow with a redirect.
func (d deviceRequest) request() request {
	return request{Client: d.Client, Scope: d.Asked, Admin: d.Admin, Task: d.Task, Agent: d.Agent}
}

// deviceLink leads from a user code to its request. It lies sealed under userPrefix
// and a keyed hash of the code.
type deviceLink struct {
	Device  string    `json:"device"` // what follows devicePrefix
	Expires time.Time `json:"expires"`
}

// deviceStart is the answer to a device (RFC 8628 section 3.2).
type deviceStart struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	URI        string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int    `json:"expires_in"` // seconds
	Interval   int    `json:"interval"`   // seconds
}

// DeviceAuthorization begins the grant for a device without a browser (RFC 8628
// section 3.1). Beside scope it takes resource (RFC 8707), agent and task, and
// refuses at once what could not be granted to anybody.
func (p protocol) DeviceAuthorization(ctx context.Context, r *op.ClientRequest[oidc.DeviceAuthorizationRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	if !c.May(client.GrantDevice) {
		return nil, unauthorizedClient("This client may not ask by a device code.")
	}
	d := deviceRequest{
		Client: c.ID, Digest: digest(c), Asked: strings.Join(r.Data.Scopes, " "), Agent: r.Form.Get("agent"), Task: r.Form.Get("task"),
		Address: visitOf(ctx).address, Created: p.Now().UTC(), Expires: p.Now().Add(deviceFor).UTC(), Interval: deviceInterval,
	}
	if d.Admin, err = p.target(r.Form["resource"]); err != nil {
		return nil, err
	}
	if err := p.checkDevice(c, d); err != nil {
		return nil, err
	}
	code := random(deviceCodeSize)
	user, err := p.linkDevice(ctx, hashed(code), d.Expires)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := p.put(ctx, devicePrefix+hashed(code), 1, d); err != nil {
		return nil, unavailable(err)
	}
	uri := p.PublicURL + DevicePath
	return op.NewResponse(deviceStart{
		DeviceCode: code, UserCode: user, URI: uri, Complete: uri + "?user_code=" + url.QueryEscape(user),
		ExpiresIn: int(deviceFor / time.Second), Interval: int(deviceInterval / time.Second),
	}), nil
}

// checkDevice refuses a request that no person could grant.
func (s *Server) checkDevice(c client.Client, d deviceRequest) error {
	switch {
	case len(d.Agent) > maxName || len(d.Task) > maxName:
		return invalidRequest("A task or an agent has no such long name.")
	case len(d.Asked) > maxQuery:
		return invalidScope("There are not that many scopes.")
	case d.Admin && d.Agent+d.Task != "":
		return invalidRequest("An administrator acts as no agent, and on no task.")
	case d.Admin:
		_, err := adminScopes(c.Admin, d.Asked)
		return err
	case d.Agent != "" && c.Agents != nil && !contains(c.Agents, d.Agent):
		return invalidGrant("This client may not act as that agent.")
	case d.Agent != "":
		return s.checkTask(d.Agent, d.Task)
	}
	return nil
}

// linkDevice makes a user code that no other device has now.
func (s *Server) linkDevice(ctx context.Context, device string, expires time.Time) (user string, err error) {
	for range 8 {
		user = userCode()
		err = s.put(ctx, s.userKey(user), 1, deviceLink{device, expires})
		if !errors.Is(err, store.ErrConflict) {
			return user, err
		}
	}
	return "", err
}

// changeDevice edits a request, again where somebody else was quicker. The error
// wraps store.ErrNotFound where there is none.
func (s *Server) changeDevice(ctx context.Context, device string, edit func(*deviceRequest) error) (deviceRequest, error) {
	for {
		var d deviceRequest
		version, err := s.get(ctx, devicePrefix+device, &d)
		if err != nil {
			return d, err
		}
		if err := edit(&d); err != nil {
			return d, err
		}
		err = s.put(ctx, devicePrefix+device, version+1, d)
		if errors.Is(err, store.ErrConflict) && ctx.Err() == nil {
			continue
		}
		return d, err
	}
}
