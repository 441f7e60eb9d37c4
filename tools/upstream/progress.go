package upstream

// Account sets what the service calls the account that the call is about:
// "workspace Acme (T07NRTHWND1)".
func (c *Client) Account(label string) { c.account = label }

// AccountKey names the account, as far as it is known, so that what belongs to
// an account and not to a credential can be kept together: the service's name for
// it, else the credential. It is not for what a credential may see.
func (c *Client) AccountKey() string {
	if c.account != "" {
		return c.account
	}
	return c.CredentialKey()
}

// Report sets who hears of the call's progress.
func (c *Client) Report(report func(done, total float64, message string)) { c.report = report }

// Progress tells the caller how far a long call has come: done of total (0: not
// known), and in a few words with what. It has to grow. Where nobody asked it is
// nothing.
func (c *Client) Progress(done, total float64, message string) {
	if c.report != nil {
		c.report(done, total, message)
	}
}
