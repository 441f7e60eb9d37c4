package salesforce

import "time"

// botID is the user that the app runs as: the first one.
const botID = "005Nw0000000001IAA"

// seed fills the organization: the same in every run, but for what the clock says.
func (o *org) seed() {
	at := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
	}
	add := func(object string, when time.Time, fields map[string]any) string {
		if _, ok := fields["OwnerId"]; !ok && o.objects[object].field("OwnerId") != nil {
			fields["OwnerId"] = botID
		}
		return o.insert(o.objects[object], fields, when).id
	}
	user := func(first, last, username, email, title, zone string) string {
		return add("User", at(1, 5, 8), map[string]any{
			"FirstName": first, "LastName": last, "Username": username, "Email": email, "Title": title, "IsActive": true, "TimeZoneSidKey": zone,
		})
	}
	user("", "SupportBot", Username, "supportbot@northwind.example", "Integration", "Europe/Berlin")
	marta := user("Marta", "Klein", "marta.klein@northwind.example", "marta.klein@northwind.example", "Support lead", "Europe/Berlin")
	jonas := user("Jonas", "Brekke", "jonas.brekke@northwind.example", "jonas.brekke@northwind.example", "Support engineer", "Europe/Oslo")
	tomoko := user("Tomoko", "Nomura", "tomoko.nomura@northwind.example", "tomoko.nomura@northwind.example", "Account manager", "Europe/Berlin")
	add("Group", at(1, 5, 8), map[string]any{"Name": "Tier 2"})
	add("Organization", at(1, 5, 8), map[string]any{"Name": "Northwind Support", "OrganizationType": "Enterprise Edition", "IsSandbox": false, "InstanceName": "DEU42"})

	account := func(when time.Time, name, kind, industry, city, country, site string, staff float64) string {
		return add("Account", when, map[string]any{
			"Name": name, "Type": kind, "Industry": industry, "BillingCity": city, "BillingCountry": country, "Website": site, "NumberOfEmployees": staff, "OwnerId": tomoko,
		})
	}
	acme := account(at(3, 2, 9), "Acme", "Customer", "Machinery", "Rotterdam", "Netherlands", "https://acme.example", 240)
	borealis := account(at(5, 11, 10), "Borealis Foods", "Customer", "Food & Beverage", "Tromsø", "Norway", "https://borealis.example", 35)
	kestrel := account(at(10, 14, 16), "Kestrel Labs", "Prospect", "Biotechnology", "Leuven", "Belgium", "https://kestrel.example", 12)
	contact := func(when time.Time, first, last, email, title, account string) string {
		return add("Contact", when, map[string]any{"FirstName": first, "LastName": last, "Email": email, "Title": title, "AccountId": account, "OwnerId": tomoko})
	}
	dana := contact(at(3, 2, 9), "Dana", "Whitfield", "dana.whitfield@acme.example", "Operations lead", acme)
	o.find("Contact", dana).fields["Phone"] = "+31 10 555 0142"
	o.find("Contact", dana).fields["Interests__c"] = "Exports;API"
	contact(at(4, 8, 12), "Marcus", "Oyelaran", "marcus.oyelaran@acme.example", "Data analyst", acme)
	ingrid := contact(at(5, 11, 10), "Ingrid", "Solberg", "ingrid.solberg@borealis.example", "IT manager", borealis)
	contact(at(10, 14, 16), "Yuki", "Abe", "yuki.abe@kestrel.example", "Founder", kestrel)
	lead := func(when time.Time, first, last, company, email, status, source string) {
		add("Lead", when, map[string]any{"FirstName": first, "LastName": last, "Company": company, "Email": email, "Status": status, "LeadSource": source, "OwnerId": tomoko})
	}
	lead(at(11, 18, 8), "Rafael", "Lindqvist", "Lindqvist Consulting", "rafael@lindqvist.example", "Open - Not Contacted", "Web")
	lead(at(11, 20, 9), "Amara", "Diallo", "Sahel Logistics", "amara.diallo@sahel.example", "Working - Contacted", "Partner Referral")
	lead(at(11, 23, 11), "Pavel", "Novak", "Brno Instruments", "pavel.novak@brno.example", "Open - Not Contacted", "Web")

	o.numbers["Case auto"] = 1023
	kase := func(when time.Time, subject, text, status, priority, account, contact, owner string) string {
		return add("Case", when, map[string]any{
			"Subject": subject, "Description": text, "Status": status, "Priority": priority, "Origin": "Email", "AccountId": account, "ContactId": contact, "OwnerId": owner,
		})
	}
	kase(at(10, 2, 9), "Invoice shows the old address", "Please correct it.", "Closed", "Low", acme, dana, marta)
	kase(at(11, 20, 15), "Cannot invite a second admin", "The invitation never arrives.", "New", "Low", borealis, ingrid, marta)
	export := kase(at(11, 23, 7), "Export to CSV times out", "Exports of more than 50,000 rows stop after 30 seconds with \"gateway timeout\". Smaller ones work. It worked until last month.", "Working", "High", acme, dana, jonas)
	add("CaseComment", at(11, 23, 9), map[string]any{"ParentId": export, "CommentBody": "Reproduced with 60,000 rows; the export service is looking at it.", "IsPublished": false})

	deal := func(when time.Time, name, stage string, amount float64, closes, account string, probability float64) string {
		return add("Opportunity", when, map[string]any{"Name": name, "StageName": stage, "Amount": amount, "CloseDate": closes, "AccountId": account, "Probability": probability, "OwnerId": tomoko})
	}
	renewal := deal(at(10, 1, 9), "Acme annual renewal", "Proposal/Price Quote", 48000, "2027-01-15", acme, 75)
	deal(at(11, 3, 9), "Kestrel pilot", "Qualification", 6500, "2026-12-20", kestrel, 20)
	deal(at(6, 1, 9), "Borealis seats", "Closed Won", 12000, "2026-06-30", borealis, 100)
	add("Task", at(11, 20, 9), map[string]any{"Subject": "Send the renewal contract", "Status": "Not Started", "Priority": "High", "ActivityDate": "2026-12-04", "WhoId": dana, "WhatId": renewal, "OwnerId": tomoko})
	add("Task", at(11, 23, 9), map[string]any{"Subject": "Call Dana back about the export", "Status": "Not Started", "Priority": "High", "ActivityDate": "2026-11-25", "WhoId": dana, "WhatId": export, "OwnerId": jonas})

	plan := func(name, billing, account, plan string, seats float64, renews string) {
		add("Subscription__c", at(3, 2, 10), map[string]any{"Name": name, "External_Id__c": billing, "Account__c": account, "Plan__c": plan, "Seats__c": seats, "Renewal_Date__c": renews, "Active__c": true})
	}
	plan("Acme Team", "SUB-1001", acme, "Team", 40, "2027-01-15")
	plan("Borealis Starter", "SUB-1002", borealis, "Starter", 8, "2027-05-11")
	add("Report", at(9, 1, 8), map[string]any{"Name": "Open cases by priority", "DeveloperName": "Open_cases_by_priority", "FolderName": "Support", "Description": "For the Monday meeting."})
	add("Report", at(9, 1, 8), map[string]any{"Name": "Open opportunities", "DeveloperName": "Open_opportunities", "FolderName": "Sales"})
}
