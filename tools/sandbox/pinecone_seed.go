package sandbox

// pineTicket is a past support ticket; all companies and people are made up.
type pineTicket struct {
	id, subject, text, status, customer, plan string
	created                                   int // epoch seconds: filters know no dates
	resolution                                string
}

func (t pineTicket) fields() map[string]any {
	f := map[string]any{
		"chunk_text": t.subject + ". " + t.text, "subject": t.subject, "status": t.status,
		"customer": t.customer, "plan": t.plan, "created": t.created,
	}
	if t.resolution != "" {
		f["resolution"] = t.resolution
	}
	return f
}

func pineconeTickets() []pineTicket {
	return []pineTicket{
		{"TCK-1041", "CSV export times out on large reports", "Export to CSV stops with a timeout after 60 seconds when the report has more than 50,000 rows.", "solved", "Acme GmbH", "enterprise", 1789549200, "Raised the export worker's limit to 10 minutes and told the customer to filter by quarter."},
		{"TCK-1057", "Export to CSV never finishes", "The spinner turns for minutes and then the export times out; smaller date ranges work.", "solved", "Northwind Ltd", "pro", 1790240400, "Added an index on orders.created_at; exports run in under 20 seconds."},
		{"TCK-1063", "Scheduled CSV export fails at night", "The nightly export job ends with a gateway timeout (504) every day at 02:00.", "open", "Globex AG", "enterprise", 1791363600, ""},
		{"TCK-1012", "Cannot sign in with SSO", "After the certificate was renewed, SAML sign-in ends at a blank page.", "solved", "Initech", "enterprise", 1786438800, "Uploaded the new IdP certificate."},
		{"TCK-1018", "Invoice shows the wrong VAT", "The October invoice has 19 % VAT although we are in Austria and have a VAT id.", "solved", "Hooli Austria", "pro", 1786957200, "Corrected the tax country and reissued the invoice."},
		{"TCK-1025", "Webhook deliveries arrive twice", "Every order event reaches our endpoint two times within a second.", "solved", "Umbrella Retail", "pro", 1787734800, "Explained the idempotency key; duplicates come from a proxy that retries."},
		{"TCK-1033", "Dashboard is slow in the morning", "Charts need 30 seconds to load between 8 and 9 o'clock.", "solved", "Acme GmbH", "enterprise", 1788685200, "Moved the cache warm-up to 6 o'clock."},
		{"TCK-1046", "PDF report has no umlauts", "Names such as Müller are printed with question marks in the PDF.", "solved", "Stark Maschinenbau", "pro", 1789722000, "Embedded a font with Latin-1 glyphs."},
		{"TCK-1052", "Two-factor codes are refused", "Codes from the authenticator app are always invalid on one phone.", "solved", "Wayne Logistics", "starter", 1790067600, "The phone's clock was four minutes late."},
		{"TCK-1068", "API returns 429 during imports", "Our import of contacts is rate limited after 100 requests.", "open", "Globex AG", "enterprise", 1791795600, ""},
		{"TCK-1071", "Please delete a former employee's account", "A colleague has left and asks for erasure of personal data.", "open", "Initech", "enterprise", 1792227600, ""},
		{"TCK-1074", "Excel export cuts long comments", "Cells with more than 32,767 characters are cut off in the XLSX file.", "open", "Northwind Ltd", "pro", 1792486800, ""},
	}
}
