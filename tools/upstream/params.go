package upstream

// Params sets what the config says of the call's credential besides its secret.
func (c *Client) Params(params map[string]string) { c.params = params }

// Param is a key of the credential in the config, such as "region"; "" where it is
// not set.
func (c *Client) Param(name string) string { return c.params[name] }
