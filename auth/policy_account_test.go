package auth_test

import (
	"sync"
	"testing"

	"toolvault/auth"
	"toolvault/auth/scope"
)

func TestRefusesOnlyWhatNoCallCanPass(t *testing.T) {
	const p = "slack_post_message"
	for name, c := range map[string]struct {
		rules    []auth.Rule
		emea, us bool
	}{
		"no rules":                {nil, false, false},
		"allowed":                 {[]auth.Rule{allow(p, `args.account == "emea"`)}, false, true},
		"denied":                  {[]auth.Rule{deny("slack_*", `args.account == "emea"`)}, true, false},
		"in a list":               {[]auth.Rule{allow("*", `args.account in ["us", "apac"]`)}, true, false},
		"as a map":                {[]auth.Rule{allow("*", `args["account"] == "us"`)}, true, false},
		"with has":                {[]auth.Rule{allow("*", `has(args.account) && args.account == "us"`)}, true, false},
		"with the tool":           {[]auth.Rule{deny("*", `tool == "slack_post_message" && args.account != "us"`)}, true, false},
		"with the service":        {[]auth.Rule{deny("*", `service == "slack" && args.account != "us"`)}, true, false},
		"of another service":      {[]auth.Rule{deny("*", `service == "hubspot" && args.account != "us"`)}, false, false},
		"of another tool":         {[]auth.Rule{allow("slack_list_channels", `args.account == "us"`)}, false, false},
		"either of two allows":    {[]auth.Rule{allow("*", `args.account == "us"`), allow(p, `args.account == "emea"`)}, false, false},
		"an allow that may hold":  {[]auth.Rule{allow("*", `args.account == "us"`), allow(p, `args.channel == "#a"`)}, false, false},
		"whatever else":           {[]auth.Rule{deny("*", `args.account == "us" || args.channel == "#a"`)}, false, true},
		"and something else":      {[]auth.Rule{deny("*", `args.account == "us" && args.channel == "#a"`)}, false, false},
		"by user":                 {[]auth.Rule{deny("*", `user == "ann" && args.account == "us"`)}, false, false},
		"by task":                 {[]auth.Rule{allow("*", `task != "weekly" || args.account == "us"`)}, false, false},
		"everything":              {[]auth.Rule{deny("*", `true`)}, true, true},
		"no account there is":     {[]auth.Rule{allow("*", `args.account.startsWith("x")`)}, true, true},
		"an argument it has not":  {[]auth.Rule{deny("*", `args.namespace == "n" && args.account == "us"`)}, false, false},
		"an argument, or account": {[]auth.Rule{deny("*", `args.namespace == "n" || args.account == "us"`)}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			policy := compile(t, c.rules...)
			for range 2 { // found out, and kept
				if emea, us := policy.Refuses(p, "emea"), policy.Refuses(p, "us"); emea != c.emea || us != c.us {
					t.Errorf("refuses emea: %v, us: %v", emea, us)
				}
			}
			for account, refused := range map[string]bool{"emea": c.emea, "us": c.us} {
				passes := false
				for _, channel := range []string{"#a", "#b"} {
					for _, user := range []string{"ann", "ben"} {
						for _, task := range []string{"weekly", ""} {
							in := post(t, `{"channel":"`+channel+`","account":"`+account+`"}`)
							in.User, in.Task = user, task
							passes = passes || policy.Decide(t.Context(), in).Allowed
						}
					}
				}
				if refused && passes {
					t.Errorf("a call in %s passes, and it is said to be refused", account)
				}
				if !refused && !passes {
					t.Errorf("no call in %s passes, and it is not said to be refused", account)
				}
			}
		})
	}
	if (*auth.Policy)(nil).Refuses(p, "us") {
		t.Error("no policy refuses")
	}
	policy := compile(t, deny("*", `args.account == "us"`))
	if policy.Refuses("made_later", "us") {
		t.Error("it knows a tool that was not there")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if !policy.Refuses(p, "us") || policy.Refuses(p, "emea") {
				t.Error("at the same time")
			}
		})
	}
	wg.Wait()
}

func TestARuleAboutTheAccountIsAboutEveryTool(t *testing.T) {
	policy := compile(t, deny("*", `args.account == "us"`))
	for _, s := range shapes {
		in := auth.Input{Agent: "bot", Tool: s.Name, Service: s.Service, Args: map[string]any{"account": "us"}}
		if policy.Decide(t.Context(), in).Allowed {
			t.Errorf("%s passes", s.Name)
		}
		in.Args["account"] = ""
		if !policy.Decide(t.Context(), in).Allowed {
			t.Errorf("%s does not pass without names of accounts", s.Name)
		}
		// Who does not say which account it is about does not get past the rule.
		delete(in.Args, "account")
		if policy.Decide(t.Context(), in).Allowed {
			t.Errorf("%s passes without an account", s.Name)
		}
	}
	if w := policy.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
}

func TestATokenIsForTheAccountOfItsTask(t *testing.T) {
	s := single(t)
	s.agents.Configure([]auth.Agent{{ID: "bot", Tasks: map[string]scope.Grants{"weekly": grants(t, "crm@emea:contacts.read slack:chat:write")}}})
	for name, c := range map[string]struct {
		r           auth.Request
		scope, crms string
	}{
		"the task's":            {auth.Request{Agent: "bot", Task: "weekly"}, "crm@emea:contacts.read slack:chat:write", "emea"},
		"of a wish":             {auth.Request{Agent: "bot", Grants: grants(t, "crm@us:read-only")}, "crm@us:read-only", "us"},
		"a task and a wish":     {auth.Request{Agent: "bot", Task: "weekly", Grants: grants(t, "crm:read-write")}, "crm@emea:contacts.read", "emea"},
		"a task and all":        {auth.Request{Agent: "bot", Task: "weekly", Grants: grants(t, "crm:read-write slack:read-write")}, "crm@emea:contacts.read slack:chat:write", "emea"},
		"a task and the same":   {auth.Request{Agent: "bot", Task: "weekly", Grants: grants(t, "crm@emea:read-write")}, "crm@emea:contacts.read", "emea"},
		"a task and another":    {auth.Request{Agent: "bot", Task: "weekly", Grants: grants(t, "crm@us:read-write slack:chat:write")}, "slack:chat:write", ""},
		"neither names any":     {auth.Request{Agent: "bot", Grants: grants(t, "crm:read-only")}, "crm:read-only", ""},
		"no wish and no task":   {auth.Request{Agent: "bot"}, "crm:read-write slack:read-write", ""},
		"for a user, with both": {auth.Request{Agent: "bot", User: "ann", Task: "weekly"}, "crm@emea:contacts.read slack:chat:write", "emea"},
	} {
		token, _ := mint(t, s, c.r)
		id, err := s.Authenticate(t.Context(), token)
		if err != nil || id.Grants.String() != c.scope || id.Grants.Account("crm") != c.crms || id.User != c.r.User {
			t.Errorf("%s: %s for %q, user %q, %v", name, id.Grants, id.Grants.Account("crm"), id.User, err)
		}
	}
	if _, _, err := s.Mint(t.Context(), auth.Request{Agent: "bot", Task: "weekly", Grants: grants(t, "crm@us:read-write")}); err == nil {
		t.Error("a token for another account than the task's")
	}
}
