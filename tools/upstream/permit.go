package upstream

// Permit sets what tells whether the call was granted a scope of the service.
func (c *Client) Permit(allows func(scope string) bool) { c.allows = allows }

// Allows reports whether the call was granted a scope of the service, by the
// token and by the credential. The gateway has checked the one that the tool's
// schema names; a handler asks for more where what it needs depends on what it
// finds. Outside a call everything is allowed.
func (c *Client) Allows(scope string) bool { return c.allows == nil || c.allows(scope) }
