package server

import (
	_ "github.com/coreos/go-oidc/v3/oidc"
	_ "github.com/go-webauthn/webauthn/webauthn"
	_ "github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	_ "github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	_ "github.com/zitadel/oidc/v3/pkg/op"
)
