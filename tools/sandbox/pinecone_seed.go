package sandbox

// seed fills the project: an index of each kind.
//
//	support-tickets  integrated, protected: past support tickets
//	faq              integrated: questions and answers, to search beside the tickets
//	keyword-notes    integrated and sparse
//	product-images   vectors of 8 dimensions, in two namespaces
//	release-notes    vectors of 1024 dimensions, made with multilingual-e5-large
//	help-articles    documents: full text, and a vector of 8 dimensions
//	product-docs     is still being set up
func (p *pinecone) seed() {
	add := func(ix *pineIndex) *pineIndex {
		ix.cloud, ix.region, ix.spaces = "aws", "eu-west-1", map[string]*pineSpace{}
		if ix.metric == "" {
			ix.metric = "cosine"
		}
		if ix.vectorType == "" {
			ix.vectorType = "dense"
		}
		p.indexes[ix.name] = ix
		return ix
	}
	put := func(ix *pineIndex, ns, id string, rec pineRecord) { p.write(ix, ns).records[id] = rec }

	add(&pineIndex{name: "product-docs", dimension: 1536, initializing: true})
	tickets := add(&pineIndex{
		name: pineconeHome, model: "llama-text-embed-v2", textField: "chunk_text", dimension: pineconeDimension,
		protected: true, tags: map[string]string{"team": "support"},
	})
	for _, t := range pineconeTickets() {
		put(tickets, "", t.id, tickets.record(t.fields()))
	}
	faq := add(&pineIndex{name: "faq", model: "llama-text-embed-v2", textField: "chunk_text", dimension: pineconeDimension})
	for id, text := range map[string]string{
		"faq-export":  "Why does my CSV export stop? Exports of more than 50,000 rows run in the background and arrive by e-mail.",
		"faq-sso":     "How do I renew the SAML certificate? Upload the new one under Settings, Sign-in.",
		"faq-invoice": "Where do I enter my VAT id? Under Settings, Billing; the next invoice has it.",
	} {
		put(faq, "", id, faq.record(map[string]any{"chunk_text": text, "source": "help centre"}))
	}
	notes := add(&pineIndex{name: "keyword-notes", model: "pinecone-sparse-english-v0", textField: "text", metric: "dotproduct", vectorType: "sparse"})
	put(notes, "", "note-1", notes.record(map[string]any{"text": "Error E-4711 means that the disk of the export worker is full"}))
	put(notes, "", "note-2", notes.record(map[string]any{"text": "Error E-0815 means that the licence has expired"}))

	images := add(&pineIndex{name: "product-images", dimension: 8})
	for _, one := range []struct {
		id, name, colour string
		price            int
		vector           []float32
	}{
		{"img-chair-1", "Oak chair", "brown", 129, []float32{0.9, 0.1, 0, 0, 0.3, 0, 0, 0.1}},
		{"img-chair-2", "Garden chair", "green", 59, []float32{0.8, 0.2, 0, 0.1, 0.1, 0, 0, 0.2}},
		{"img-lamp-1", "Desk lamp", "black", 45, []float32{0, 0.1, 0.9, 0.2, 0, 0.1, 0, 0}},
		{"img-table-1", "Oak table", "brown", 349, []float32{0.6, 0.1, 0.1, 0, 0.7, 0, 0.1, 0.1}},
	} {
		put(images, "", one.id, pineRecord{fields: map[string]any{"name": one.name, "colour": one.colour, "price": one.price}, vector: one.vector})
	}
	put(images, "season-2024", "img-parasol-1", pineRecord{fields: map[string]any{"name": "Parasol", "colour": "white", "price": 89}, vector: []float32{0.1, 0, 0, 0.9, 0, 0.2, 0, 0}})

	releases := add(&pineIndex{name: "release-notes", dimension: 1024})
	for id, text := range map[string]string{
		"rel-24.9":  "CSV exports run in the background",
		"rel-24.10": "Sign-in with passkeys",
	} {
		put(releases, "", id, pineRecord{fields: map[string]any{"text": text}, vector: pineEmbed(text, 1024)})
	}

	articles := add(&pineIndex{name: "help-articles", dimension: 8, schema: map[string]pineField{
		"title":     {Type: "string", FullText: map[string]any{"language": "en", "stemming": false, "stop_words": false}},
		"body":      {Type: "string", FullText: map[string]any{"language": "en", "stemming": false, "stop_words": false}},
		"embedding": {Type: "dense_vector", Dimension: 8, Metric: "cosine"},
	}})
	for _, one := range []struct {
		id, title, body, category string
		year                      int
		vector                    []float32
	}{
		{"art-1", "Exporting to CSV", "There is a limit of 50,000 rows for a CSV export.", "export", 2025, []float32{1, 0, 0, 0, 0, 0, 0, 0.1}},
		{"art-2", "Exporting to Excel", "A cell holds 32,767 characters; longer comments are cut off at the limit.", "export", 2026, []float32{0.9, 0.3, 0, 0, 0, 0, 0, 0}},
		{"art-3", "Signing in with SSO", "Upload the certificate of your identity provider.", "sign-in", 2024, []float32{0, 0, 1, 0, 0.1, 0, 0, 0}},
	} {
		put(articles, "", one.id, pineRecord{fields: map[string]any{
			"title": one.title, "body": one.body, "category": one.category, "year": one.year, "embedding": pineAny(one.vector),
		}})
	}
}

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
