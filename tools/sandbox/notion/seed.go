package notion

import (
	"fmt"
	"time"
)

const runbook = `# What happens

Exports of more than 50,000 rows stop after 30 seconds with "gateway timeout". Smaller ones work.

## First look

- [x] Is the status page green?
- [ ] How long is the queue?
	- More than 20 waiting is too many
- [ ] Restart the worker

` + "```bash\nsystemctl restart export-worker\njournalctl -u export-worker -n 50\n```" + `

| Rows | Time |
| --- | --- |
| 10,000 | 6 s |
| 50,000 | 29 s |

> Tell the customer when it is done, not when it is begun.

<toggle>
Who knows more

Priya Sharma wrote the worker.

1. Ask in #support-updates
1. Then call

</toggle>`

// seed fills the workspace: the same in every run. The story of the demo has a
// customer, Dana Whitfield of Acme, whose exports to CSV time out.
func (w *workspace) seed() {
	for _, u := range [][2]string{{"Marta Klein", "marta.klein@northwind.example"}, {"Jonas Brekke", "jonas.brekke@northwind.example"}, {"Priya Sharma", "priya.sharma@northwind.example"}, {"Tomoko Nomura", "tomoko.nomura@northwind.example"}} {
		w.users = append(w.users, &user{id: uid("user " + u[0]), name: u[0], email: u[1]})
	}
	w.users = append(w.users, &user{id: botID, name: "SupportBot", bot: true})

	runbooks := w.add("Support runbooks", parent{"workspace", ""}, at(2, 9), "Where support looks first.")
	exports := w.add("Runbook: CSV exports that time out", parent{"page_id", runbooks.id}, at(23, 8), runbook)
	exports.icon = "📦"
	exports.blocks = append(exports.blocks, &block{id: w.next("block"), kind: "bookmark", text: "https://status.northwind.example/"})
	w.add("Escalations", parent{"page_id", runbooks.id}, at(4, 10), "# Who to call\n\nPriya Sharma, then Jonas Brekke.")
	archive := w.add("Archive", parent{"workspace", ""}, at(1, 9), "")
	w.add("Old export notes", parent{"page_id", archive.id}, at(1, 10), "From 2025. The limit was 10,000 rows then.")
	w.add("Salaries 2027", parent{"workspace", ""}, at(20, 9), "For the board only.").hidden = true

	customers := w.table("Customers", runbooks, w.customerColumns())
	w.table("Support log", runbooks, nil)
	open := &source{id: uid("source Open issues"), title: "Open issues", database: w.databases[1].id, props: issueColumns(customers.id)}
	solved := &source{id: uid("source Solved issues"), title: "Solved issues", database: w.databases[1].id, props: issueColumns(customers.id)}
	w.sources = append(w.sources[:1], open, solved)
	w.databases[1].sources = []string{open.id, solved.id}

	marta, tomoko := w.users[0].id, w.users[3].id
	acme := w.row(customers, 1, "Acme", answer{
		"status": "At risk", "plan": "Enterprise", "tags": []string{"export", "renewal"}, "m:r<": 4000.0, "renewal": date("2027-01-15"), "owner": []string{tomoko},
		"contact": "Dana Whitfield, operations lead", "email": "dana.whitfield@acme.example", "site": "https://acme.example", "phone": "+31 10 555 0142", "key": true,
	})
	w.row(customers, 2, "Borealis Foods", answer{"status": "Healthy", "plan": "Team", "tags": []string{"onboarding"}, "m:r<": 890.0, "renewal": date("2027-05-11"), "owner": []string{tomoko}, "contact": "Ingrid Solberg, IT manager", "email": "ingrid.solberg@borealis.example"})
	w.row(customers, 3, "Kestrel Labs", answer{"status": "At risk", "plan": "Starter", "m:r<": 120.0, "renewal": date("2026-12-20"), "owner": []string{marta}, "contact": "Yuki Abe, founder"})
	w.row(customers, 4, "Lindqvist Consulting", answer{"status": "Churned", "plan": "Starter", "contact": "Rafael Lindqvist"})
	issue := w.row(open, 1, "Export to CSV times out", answer{"state": "In progress", "priority": "High", "customer": []string{acme.id}, "due": date("2026-11-27"), "assignee": []string{w.users[1].id}})
	w.row(open, 2, "Second admin cannot be invited", answer{"state": "Not started", "priority": "Low"})
	w.row(solved, 1, "Wrong VAT on invoices", answer{"state": "Done", "priority": "Medium"})
	acme.values["issues"] = []string{issue.id}

	discussion := uid("discussion 1")
	w.comments = []*comment{
		{id: uid("comment 1"), discussion: discussion, by: marta, text: "Is 30 seconds still true?", on: parent{"page_id", exports.id}, created: at(23, 10)},
		{id: uid("comment 2"), discussion: discussion, by: w.users[1].id, text: "Yes, until the fix is out.", on: parent{"page_id", exports.id}, created: at(23, 11)},
	}
}

func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }

func date(day string) answer { return answer{"start": day, "end": nil, "time_zone": nil} }

// add makes a page with a text.
func (w *workspace) add(title string, home parent, made time.Time, markdown string) *page {
	p := &page{id: uid("page " + title), parent: home, title: title, created: made, edited: made}
	p.blocks, _ = w.parse(markdown, "v2") // our own texts, which are short
	if above := w.page(home.id); above != nil {
		above.blocks = append(above.blocks, &block{id: w.next("block"), kind: "child_page", target: p.id})
	}
	w.pages = append(w.pages, p)
	return p
}

// table makes a database on a page, with one source of its name.
func (w *workspace) table(title string, on *page, props []*prop) *source {
	d := &database{id: uid("database " + title), title: title, parent: parent{"page_id", on.id}}
	s := &source{id: uid("source " + title), title: title, database: d.id, props: props}
	d.sources = []string{s.id}
	on.blocks = append(on.blocks, &block{id: w.next("block"), kind: "child_database", target: d.id})
	w.databases, w.sources = append(w.databases, d), append(w.sources, s)
	return s
}

func (w *workspace) row(s *source, number int, title string, values answer) *page {
	p := &page{id: uid(fmt.Sprint("row ", title)), parent: parent{"data_source_id", s.id}, title: title, values: values, number: number, created: at(number+4, 9), edited: at(number+9, 15)}
	w.pages = append(w.pages, p)
	return p
}

func (w *workspace) customerColumns() []*prop {
	return []*prop{
		{id: "title", name: "Name", kind: "title"},
		{id: "status", name: "Status", kind: "status", options: []string{"Healthy", "At risk", "Churned"}},
		{id: "plan", name: "Plan", kind: "select", options: []string{"Starter", "Team", "Enterprise"}},
		{id: "tags", name: "Tags", kind: "multi_select", options: []string{"export", "renewal", "onboarding"}},
		{id: "m:r<", name: "MRR", kind: "number", extra: answer{"format": "euro"}},
		{id: "arr", name: "Yearly", kind: "formula", extra: answer{"expression": `prop("MRR") * 12`}},
		{id: "renewal", name: "Renewal", kind: "date"},
		{id: "owner", name: "Owner", kind: "people"},
		{id: "contact", name: "Contact", kind: "rich_text"},
		{id: "email", name: "Email", kind: "email"},
		{id: "site", name: "Website", kind: "url"},
		{id: "phone", name: "Phone", kind: "phone_number"},
		{id: "key", name: "Key account", kind: "checkbox"},
		{id: "issues", name: "Issues", kind: "relation", extra: answer{"data_source_id": uid("source Open issues"), "type": "single_property"}},
		{id: "files", name: "Files", kind: "files"},
		{id: "no", name: "ID", kind: "unique_id", extra: answer{"prefix": "CUS"}},
		{id: "made", name: "Added", kind: "created_time"},
	}
}

func issueColumns(customers string) []*prop {
	return []*prop{
		{id: "title", name: "Issue", kind: "title"},
		{id: "state", name: "State", kind: "status", options: []string{"Not started", "In progress", "Done"}},
		{id: "priority", name: "Priority", kind: "select", options: []string{"Low", "Medium", "High"}},
		{id: "customer", name: "Customer", kind: "relation", extra: answer{"data_source_id": customers, "type": "single_property"}},
		{id: "due", name: "Due", kind: "date"},
		{id: "assignee", name: "Assignee", kind: "people"},
	}
}
