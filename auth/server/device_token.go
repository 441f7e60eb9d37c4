package server

import (
	"context"
	"errors"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/client"
	"toolvault/vault/store"
)

// DeviceToken is a device that polls (RFC 8628 sections 3.4 and 3.5). What was
// approved is redeemed once, by compare-and-swap. A device code that comes again
// after that may be in two hands: what came from it ends (as of a code: OAuth 2.1
// section 4.1.3).
func (p protocol) DeviceToken(ctx context.Context, r *op.ClientRequest[oidc.DeviceAccessTokenRequest]) (*op.Response, error) {
	c, err := clientOf(r.Client)
	if err != nil {
		return nil, err
	}
	if !c.May(client.GrantDevice) {
		return nil, unauthorizedClient("This client may not ask by a device code.")
	}
	key, err := p.proofKey(ctx, r.Header)
	if err != nil {
		return nil, err
	}
	var answer error
	var i issuance
	d, err := p.changeDevice(ctx, hashed(r.Data.DeviceCode), func(d *deviceRequest) error {
		answer = nil
		switch now := p.Now(); {
		case d.Client != c.ID || d.Digest != digest(c):
			return invalidGrant("The device code is not one of this client.")
		case d.State == deviceRedeemed:
			return errDeviceReplayed
		case !now.Before(d.Expires):
			return oidc.ErrExpiredDeviceCode().WithDescription("The device code has ended: begin again.")
		case d.State == deviceDenied:
			return oidc.ErrAccessDenied().WithDescription("The person said no.")
		case d.State == deviceApproved:
			// Nothing is redeemed of which nothing would come.
			var err error
			if i, err = p.issuanceOf(ctx, c, d.Given); err != nil {
				return err
			}
			d.State, d.Expires = deviceRedeemed, now.Add(codeKept).UTC() // so that a replay is noticed
		case now.Before(d.Polled.Add(d.Interval)):
			d.Interval = min(d.Interval+deviceInterval, deviceMaxWait)
			d.Polled = now.UTC()
			answer = oidc.ErrSlowDown().WithDescription("Wait 5 seconds longer between two requests.")
		default:
			d.Polled = now.UTC()
			answer = oidc.ErrAuthorizationPending().WithDescription("Nobody has answered yet: ask again.")
		}
		return nil
	})
	var said *oidc.Error
	var g *gone
	switch {
	case errors.Is(err, errDeviceReplayed):
		return nil, p.deviceReplayed(ctx, d)
	case errors.Is(err, store.ErrNotFound):
		return nil, invalidGrant("The device code is not known: begin again.")
	case errors.As(err, &g):
		return nil, invalidGrant("%s", g.why)
	case errors.As(err, &said):
		return nil, err
	case err != nil:
		return nil, unavailable(err)
	case answer != nil:
		return nil, answer
	}
	i.kind, i.grant, i.key, i.consent = Issued, client.GrantDevice, key, d.Consent
	got, err := p.issue(ctx, i)
	if err != nil || !c.May(client.GrantRefresh) {
		return answered(got, err)
	}
	if c.Public() {
		d.Given.Key = key // RFC 9449 section 5; of others the client's own proof binds it
	}
	if got.RefreshToken, err = p.beginFamily(ctx, d.Consent, d.Given); err != nil && !errors.Is(err, store.ErrConflict) {
		return nil, unavailable(err) // a conflict: it has ended before it began
	}
	return answered(got, nil)
}

var errDeviceReplayed = errors.New("a device code was redeemed before")

func (s *Server) deviceReplayed(ctx context.Context, d deviceRequest) error {
	if err := s.endFamily(ctx, d.Consent, "a device code was used twice"); err != nil {
		return unavailable(err)
	}
	e := s.eventOf(Replayed, d.Given, "a device code was used twice; all that came from it has ended")
	e.Grant, e.Address = client.GrantDevice, visitOf(ctx).address
	s.tell(ctx, e)
	return invalidGrant("The device code was redeemed before. What came from it has ended: begin again.")
}
