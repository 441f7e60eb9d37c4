package weaviate

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// seed is Northwind Support's cluster: help articles, tickets, and notes about
// customers, kept apart by customer.
func (c *cluster) seed() {
	text := func(name, tokenization, description string) *property {
		return &property{Name: name, DataType: []string{"text"}, Tokenization: tokenization, Description: description}
	}
	of := func(name, kind string) *property { return &property{Name: name, DataType: []string{kind}} }
	for _, k := range []*class{
		{
			Class: "SupportArticle", Description: "What the help centre says", Vectorizer: "text2vec-weaviate",
			Properties: []*property{
				text("title", "word", ""), text("body", "word", ""), text("product", "field", "Reports, Billing, Account or Mail"), of("tags", "text[]"),
				of("views", "int"), of("helpful", "number"), of("published", "boolean"), of("updated", "date"),
			},
		},
		{
			Class: "Ticket", Description: "Support tickets since 2026", Vectorizer: "none", InvertedIndex: invertedIndex{IndexNullState: true},
			Properties: []*property{
				text("subject", "word", ""), text("status", "field", "open, pending, solved or closed"), text("customer", "field", ""),
				of("assignee", "text"), of("opened", "date"), of("effort", "int"), of("urgent", "boolean"),
			},
		},
		{
			Class: "CustomerNote", Description: "What we know of a customer; a tenant a customer", Vectorizer: "text2vec-weaviate", MultiTenancy: multiTenancy{Enabled: true},
			Properties: []*property{text("note", "word", ""), text("author", "field", ""), of("written", "date")},
		},
	} {
		if wrong := c.complete(k); wrong != "" {
			panic(wrong)
		}
		c.classes[k.Class] = k
	}
	c.classes["CustomerNote"].tenants = map[string]string{"acme": "HOT", "globex": "HOT", "initech": "COLD"}
	put := func(class, tenant, id string, properties map[string]any) {
		_, _, wrong := c.store(newObject{Class: class, ID: id, Tenant: tenant, Properties: properties}, "")
		if wrong != "" {
			panic(wrong)
		}
	}
	id := func(n int) string { return fmt.Sprintf("7b0f1c52-6d1e-4c1e-9c57-0a6f5a3c%04d", n) }
	for i, a := range []struct {
		title, body, product, tags string
		views, helpful             float64
	}{
		{"Export to CSV times out", "Exports of more than 50,000 rows stop after 60 seconds. Schedule them for the night, or split them by month.", "Reports", "export csv timeout", 412, 0.71},
		{"Invoice shows the wrong VAT", "Set the tax id under Billing, then reissue the invoice.", "Billing", "invoice vat", 188, 0.64},
		{"Reset a forgotten password", "Use the link on the sign-in page. It is valid for one hour.", "Account", "password login", 931, 0.9},
		{"Schedule a report", "Choose a report, then Schedule. Scheduled exports to CSV run at night and arrive by mail.", "Reports", "export schedule", 265, 0.83},
		{"Mail does not arrive", "Look into the spam folder, then allow our sender address.", "Mail", "mail spam", 150, 0.55},
		{"Change the owner of an account", "An admin can hand an account over under Members.", "Account", "members admin", 77, 0.6},
	} {
		tags := []any{}
		for _, t := range strings.Fields(a.tags) {
			tags = append(tags, t)
		}
		put("SupportArticle", "", id(1001+i), map[string]any{
			"title": a.title, "body": a.body, "product": a.product, "tags": tags, "views": a.views, "helpful": a.helpful, "published": i != 5,
			"updated": time.Date(2026, time.Month(5+i), 3, 9, 0, 0, 0, time.UTC).Format(time.RFC3339),
		})
	}
	for i, t := range []struct {
		subject, status, customer, assignee string
		effort                              float64
	}{
		{"CSV export times out for Dana Whitfield", "open", "Acme", "Marta Klein", 45},
		{"VAT on the October invoice", "open", "Globex", "Jonas Brekke", 20},
		{"Nightly report is empty", "pending", "Acme", "Marta Klein", 30},
		{"Cannot sign in after the password was reset", "solved", "Initech", "Jonas Brekke", 15},
		{"Please add a seat", "closed", "Globex", "", 5},
		{"Export misses the last column", "closed", "Acme", "Marta Klein", 60},
	} {
		p := map[string]any{
			"subject": t.subject, "status": t.status, "customer": t.customer, "effort": t.effort, "urgent": i == 0,
			"opened": time.Date(2026, 11, 23-3*i, 10, 30, 0, 0, time.UTC).Format(time.RFC3339),
		}
		if t.assignee != "" {
			p["assignee"] = t.assignee
		}
		put("Ticket", "", id(2001+i), p)
	}
	for i, n := range []struct{ tenant, note, author string }{
		{"acme", "Dana Whitfield exports 80,000 rows every Monday; the export times out at nine.", "Marta Klein"},
		{"acme", "Acme renews in March and asks for a discount.", "Jonas Brekke"},
		{"globex", "Globex pays by invoice and needs the VAT id on it.", "Jonas Brekke"},
	} {
		put("CustomerNote", n.tenant, id(3001+i), map[string]any{"note": n.note, "author": n.author, "written": "2026-11-10T12:00:00Z"})
	}
}

// snapshot is what there is, as its users see it.
func (c *cluster) snapshot() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]string{}
	for name, k := range c.classes {
		all["collection "+name] = k.Description + " " + k.Vectorizer
		for _, p := range k.Properties {
			all["property "+name+"."+p.Name] = p.DataType[0] + " " + p.Tokenization
		}
		for tenant, status := range k.tenants {
			all["tenant "+name+" "+tenant] = status
		}
		for at, o := range k.objects {
			all["object "+name+" "+at] = state(o.Properties)
		}
	}
	return all
}

// state is a value in a snapshot.
func state(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
