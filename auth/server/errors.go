package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"toolvault/auth/dpop"
	"toolvault/vault/store"
)

// The refusals of a machine's request, each with one sentence for whoever reads the
// client's log (RFC 6749 section 5.2).

func invalidRequest(format string, args ...any) error {
	return oidc.ErrInvalidRequest().WithDescription("%s", sentence(format, args...))
}

func invalidGrant(format string, args ...any) error {
	return oidc.ErrInvalidGrant().WithDescription("%s", sentence(format, args...))
}

func invalidScope(format string, args ...any) error {
	return oidc.ErrInvalidScope().WithDescription("%s", sentence(format, args...))
}

func unauthorizedClient(format string, args ...any) error {
	return oidc.ErrUnauthorizedClient().WithDescription("%s", sentence(format, args...))
}

// invalidTarget is of RFC 8707 section 2.
func invalidTarget(format string, args ...any) error {
	return &oidc.Error{ErrorType: "invalid_target", Description: sentence(format, args...)}
}

// invalidClient is the same for every reason: who is not known learns nothing.
func invalidClient() error {
	return op.NewStatusError(oidc.ErrInvalidClient().WithDescription("The client is not known, or did not prove who it is."), http.StatusUnauthorized)
}

// unavailable is for what is ours to mend: the store, the log, another issuer.
func unavailable(err error) error {
	return op.NewStatusError(&oidc.Error{
		ErrorType: "temporarily_unavailable", Description: "The server cannot answer just now. Try again in a few seconds.", Parent: err,
	}, http.StatusServiceUnavailable)
}

// failed turns an error of the rooms below into an answer: unavailable where nobody
// can tell, else what fallback makes of its sentence.
func failed(err error, fallback func(format string, args ...any) error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return unavailable(err)
	}
	return fallback("%v", err)
}

// badProof is the answer to a proof of possession that is not taken (RFC 9449
// section 5, and section 8 for the nonce).
func badProof(ctx context.Context, err error) error {
	var bad *dpop.Error
	if !errors.As(err, &bad) {
		return unavailable(err)
	}
	if bad.Nonce != "" {
		visitOf(ctx).nonce = bad.Nonce
	}
	if bad.Code == dpop.UseNonce {
		return &oidc.Error{ErrorType: dpop.UseNonce, Description: sentence("%s", bad.Reason)}
	}
	return &oidc.Error{ErrorType: dpop.InvalidProof, Description: sentence("%s", bad.Reason)}
}

// sentence is a text within what error_description may hold (RFC 6749 section 5.2:
// printable ASCII without quotes and backslash), of bounded length.
func sentence(format string, args ...any) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\' || r == '“' || r == '”':
			return '\''
		case r < 0x20 || r > 0x7e:
			return -1
		}
		return r
	}, fmt.Sprintf(format, args...))
	if len(text) > 400 {
		text = text[:400] + "..."
	}
	return text
}

// reasonOf is what an answer says of its error, for the log.
func reasonOf(err error) string {
	var e *oidc.Error
	if errors.As(err, &e) {
		if e.Description != "" {
			return e.Description
		}
		return string(e.ErrorType)
	}
	return err.Error()
}
