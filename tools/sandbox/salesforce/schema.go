package salesforce

import (
	"fmt"
	"slices"
	"strings"
)

// object is a type of record.
type object struct {
	name, label, plural string
	prefix              string // of ids
	nameField           string
	fields              []*field
	custom              bool
	locked              bool // no record is made, changed or deleted by the API
	keeps               bool // the user may not delete
}

// field is one of an object's.
type field struct {
	name, label, kind string
	length            int
	to                []string // of a reference
	rel               string   // its name on the way to the parent: "Account"
	childRel          string   // and on the way back: "Contacts"
	values            []string // of a picklist
	restricted        bool
	required          bool
	unique            bool
	external          bool
	readOnly          bool
	auto              bool // an auto number
}

// f reads a field from its short form: "Email:email!" is required, "Number:string-"
// read-only; a picklist ends in its values, a reference in where it leads.
func f(spec, label string, more ...func(*field)) *field {
	name, kind, _ := strings.Cut(spec, ":")
	fl := &field{name: name, label: label, length: 255}
	if kind, fl.required = strings.CutSuffix(kind, "!"); fl.required {
	} else {
		kind, fl.readOnly = strings.CutSuffix(kind, "-")
	}
	fl.kind = kind
	if kind == "textarea" {
		fl.length = 32000
	}
	for _, m := range more {
		m(fl)
	}
	return fl
}

func values(restricted bool, all ...string) func(*field) {
	return func(f *field) { f.values, f.restricted = all, restricted }
}

func ref(rel, childRel string, to ...string) func(*field) {
	return func(f *field) { f.rel, f.childRel, f.to, f.length = rel, childRel, to, 18 }
}

func external(f *field) { f.external, f.unique = true, true }
func numbered(f *field) { f.auto, f.readOnly = true, true }

// define makes the objects.
func (o *org) define() {
	owner := func(childRel string) *field {
		return f("OwnerId:reference", "Owner ID", ref("Owner", childRel, "Group", "User"))
	}
	add := func(ob object, fields ...*field) {
		ob.fields = append([]*field{f("Id:id-", "Record ID"), f("IsDeleted:boolean-", "Deleted")}, fields...)
		ob.fields = append(ob.fields, f("CreatedDate:datetime-", "Created Date"), f("CreatedById:reference-", "Created By ID", ref("CreatedBy", "", "User")),
			f("LastModifiedDate:datetime-", "Last Modified Date"), f("LastModifiedById:reference-", "Last Modified By ID", ref("LastModifiedBy", "", "User")),
			f("SystemModstamp:datetime-", "System Modstamp"))
		if ob.plural == "" {
			ob.plural = ob.label + "s"
		}
		if ob.nameField == "" {
			ob.nameField = "Name"
		}
		o.objects[ob.name] = &ob
		o.order = append(o.order, ob.name)
	}
	add(object{name: "Account", label: "Account", prefix: "001", keeps: true},
		f("Name:string!", "Account Name"), f("Type:picklist", "Account Type", values(false, "Customer", "Prospect", "Partner")),
		f("Industry:picklist", "Industry", values(false, "Machinery", "Food & Beverage", "Biotechnology", "Other")),
		f("Phone:phone", "Account Phone"), f("Website:url", "Website"), f("BillingCity:string", "Billing City"), f("BillingCountry:string", "Billing Country"),
		f("AnnualRevenue:currency", "Annual Revenue"), f("NumberOfEmployees:int", "Employees"), f("Description:textarea", "Account Description"),
		f("ParentId:reference", "Parent Account ID", ref("Parent", "ChildAccounts", "Account")), owner(""))
	add(object{name: "Contact", label: "Contact", prefix: "003"},
		f("Name:string-", "Full Name"), f("FirstName:string", "First Name"), f("LastName:string!", "Last Name"), f("Email:email", "Email"), f("Phone:phone", "Business Phone"),
		f("Title:string", "Title"), f("Department:string", "Department"), f("Interests__c:multipicklist", "Interests", values(true, "Exports", "Dashboards", "API")),
		f("AccountId:reference", "Account ID", ref("Account", "Contacts", "Account")), owner(""))
	add(object{name: "Lead", label: "Lead", prefix: "00Q"},
		f("Name:string-", "Full Name"), f("FirstName:string", "First Name"), f("LastName:string!", "Last Name"), f("Company:string!", "Company"), f("Email:email", "Email"),
		f("Status:picklist", "Lead Status", values(false, "Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")),
		f("LeadSource:picklist", "Lead Source", values(false, "Web", "Phone Inquiry", "Partner Referral")), f("IsConverted:boolean-", "Converted"), owner(""))
	add(object{name: "Case", label: "Case", prefix: "500", nameField: "CaseNumber"},
		f("CaseNumber:string", "Case Number", numbered), f("Subject:string", "Subject"), f("Description:textarea", "Description"),
		f("Status:picklist", "Status", values(false, "New", "Working", "Escalated", "Closed")), f("Priority:picklist", "Priority", values(true, "High", "Medium", "Low")),
		f("Origin:picklist", "Case Origin", values(false, "Email", "Phone", "Web")), f("IsClosed:boolean-", "Closed"), f("ClosedDate:datetime-", "Closed Date"),
		f("AccountId:reference", "Account ID", ref("Account", "Cases", "Account")), f("ContactId:reference", "Contact ID", ref("Contact", "Cases", "Contact")),
		f("ParentId:reference", "Parent Case ID", ref("Parent", "Cases", "Case")), owner(""))
	add(object{name: "CaseComment", label: "Case Comment", prefix: "00a", nameField: "none"},
		f("ParentId:reference!", "Parent ID", ref("Parent", "CaseComments", "Case")), f("CommentBody:textarea", "Body"), f("IsPublished:boolean", "Published"))
	add(object{name: "Opportunity", label: "Opportunity", plural: "Opportunities", prefix: "006"},
		f("Name:string!", "Name"), f("StageName:picklist!", "Stage", values(false, "Prospecting", "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost")),
		f("Amount:currency", "Amount"), f("CloseDate:date!", "Close Date"), f("Probability:percent", "Probability (%)"), f("IsClosed:boolean-", "Closed"), f("IsWon:boolean-", "Won"),
		f("Loss_Reason__c:string", "Loss reason"), f("NextStep:string", "Next Step"), f("AccountId:reference", "Account ID", ref("Account", "Opportunities", "Account")), owner(""))
	add(object{name: "Task", label: "Task", prefix: "00T", nameField: "Subject"},
		f("Subject:combobox", "Subject"), f("Status:picklist", "Status", values(false, "Not Started", "In Progress", "Completed")),
		f("Priority:picklist", "Priority", values(false, "High", "Normal", "Low")), f("ActivityDate:date", "Due Date Only"), f("Description:textarea", "Description"),
		f("WhoId:reference", "Name ID", ref("Who", "Tasks", "Contact", "Lead")), f("WhatId:reference", "Related To ID", ref("What", "Tasks", "Account", "Case", "Opportunity")), owner(""))
	add(object{name: "Subscription__c", label: "Subscription", prefix: "a0S", custom: true},
		f("Name:string!", "Subscription"), f("External_Id__c:string", "Billing id", external), f("Account__c:reference", "Account", ref("Account__r", "Subscriptions__r", "Account")),
		f("Plan__c:picklist", "Plan", values(true, "Starter", "Team", "Enterprise")), f("Seats__c:double", "Seats"), f("Renewal_Date__c:date", "Renewal date"),
		f("Active__c:boolean", "Active"), owner(""))
	add(object{name: "User", label: "User", prefix: "005", locked: true},
		f("Name:string", "Full Name"), f("FirstName:string", "First Name"), f("LastName:string!", "Last Name"), f("Username:string!", "Username"), f("Email:email!", "Email"),
		f("Title:string", "Title"), f("IsActive:boolean", "Active"), f("TimeZoneSidKey:picklist", "Time Zone", values(true, "Europe/Berlin", "Europe/Oslo", "UTC")))
	add(object{name: "Group", label: "Group", prefix: "00G", locked: true}, f("Name:string", "Name"))
	add(object{name: "Organization", label: "Organization", prefix: "00D", locked: true},
		f("Name:string", "Name"), f("OrganizationType:picklist", "Edition", values(true, "Enterprise Edition")), f("IsSandbox:boolean", "Is Sandbox"), f("InstanceName:string", "Instance Name"))
	add(object{name: "Report", label: "Report", prefix: "00O", locked: true},
		f("Name:string", "Report Name"), f("DeveloperName:string", "Report Unique Name"), f("FolderName:string", "Folder Name"), f("Description:textarea", "Description"))
}

func (ob *object) field(name string) *field {
	i := slices.IndexFunc(ob.fields, func(f *field) bool { return strings.EqualFold(f.name, name) })
	if i < 0 {
		return nil
	}
	return ob.fields[i]
}

// object finds one by its name, whatever the case.
func (o *org) object(name string) *object {
	for _, n := range o.order {
		if strings.EqualFold(n, name) {
			return o.objects[n]
		}
	}
	return nil
}

// ofID is the object whose ids begin like that.
func (o *org) ofID(id string) *object {
	for _, n := range o.order {
		if len(id) >= 3 && o.objects[n].prefix == id[:3] {
			return o.objects[n]
		}
	}
	return nil
}

// global is GET /sobjects.
func (o *org) global() answer {
	var all []answer
	for _, n := range o.order {
		all = append(all, o.objects[n].brief())
	}
	return answer{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all}
}

func (ob *object) brief() answer {
	base := "/services/data/v66.0/sobjects/" + ob.name
	return answer{
		"name": ob.name, "label": ob.label, "labelPlural": ob.plural, "keyPrefix": ob.prefix, "custom": ob.custom, "queryable": true,
		"searchable": !ob.locked, "createable": !ob.locked, "updateable": !ob.locked, "deletable": !ob.locked && !ob.keeps, "retrieveable": true,
		"deprecatedAndHidden": false, "customSetting": false, "urls": answer{"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}"},
	}
}

// describe is GET /sobjects/NAME/describe.
func (o *org) describe(ob *object) answer {
	out := ob.brief()
	var fields []answer
	for _, f := range ob.fields {
		picks := []answer{}
		for _, v := range f.values {
			picks = append(picks, answer{"active": true, "defaultValue": false, "label": v, "validFor": nil, "value": v})
		}
		soap := map[string]string{"boolean": "xsd:boolean", "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double", "int": "xsd:int", "date": "xsd:date", "datetime": "xsd:dateTime"}[f.kind]
		if soap == "" {
			soap = "xsd:string"
		}
		one := answer{
			"name": f.name, "label": f.label, "type": f.kind, "soapType": soap, "length": f.length, "nillable": !f.required && f.kind != "boolean" && !f.readOnly,
			"createable": !f.readOnly && !ob.locked, "updateable": !f.readOnly && !ob.locked, "defaultedOnCreate": f.kind == "boolean" || f.name == "OwnerId", "custom": strings.HasSuffix(f.name, "__c"),
			"externalId": f.external, "unique": f.unique, "restrictedPicklist": f.restricted, "picklistValues": picks, "referenceTo": append([]string{}, f.to...),
			"relationshipName": nil, "nameField": f.name == ob.nameField, "filterable": f.kind != "textarea", "sortable": f.kind != "textarea", "groupable": f.kind != "textarea" && f.kind != "currency" && f.kind != "double" && f.kind != "datetime",
			"calculated": false, "autoNumber": f.auto, "idLookup": f.kind == "id" || f.external || f.kind == "email", "inlineHelpText": nil, "aggregatable": true,
		}
		if f.rel != "" {
			one["relationshipName"] = f.rel
		}
		fields = append(fields, one)
	}
	children := []answer{}
	for _, n := range o.order {
		for _, f := range o.objects[n].fields {
			if f.childRel != "" && slices.Contains(f.to, ob.name) {
				children = append(children, answer{"childSObject": n, "field": f.name, "relationshipName": f.childRel, "cascadeDelete": false, "deprecatedAndHidden": false})
			}
		}
	}
	out["fields"], out["childRelationships"], out["recordTypeInfos"] = fields, children, []answer{}
	return out
}

// unknownObject is what is said of a name that is no object's.
func unknownObject(name string) *fault {
	return refuse(404, "NOT_FOUND", "The requested resource does not exist: %s", name)
}

func noColumn(ob *object, name string) *fault {
	f := refuse(400, "INVALID_FIELD", "No such column '%s' on sobject of type %s", name, ob.name)
	f.fields = []string{}
	return f
}

// newID is the next id of an object: fifteen characters, and three that tell how the
// letters of those are cased.
func (o *org) newID(ob *object) string {
	o.numbers[ob.name]++
	short := fmt.Sprintf("%sNw%010d", ob.prefix, o.numbers[ob.name])
	return short + caseMark(short)
}

// caseMark is the end of an id of eighteen characters.
func caseMark(short string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	var out [3]byte
	for part := range 3 {
		bits := 0
		for i := range 5 {
			if c := short[part*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		out[part] = letters[bits]
	}
	return string(out[:])
}
