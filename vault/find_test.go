package vault

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"toolvault/auth/scope"
)

var (
	channelsRead = scope.Need{Service: "slack", Name: "channels:read"}
	chatWrite    = scope.Need{Service: "slack", Name: "chat:write", Write: true}
)

func TestFindNeverChoosesAnAccountInSilence(t *testing.T) {
	k := newKit(t)
	decl := func(id, account string, o Owner, words string) Declaration {
		return Declaration{ID: id, Owner: o, Service: "slack", Type: TypeAPIKey, Source: "env:X", Account: account, Scope: scopes(t, words)}
	}
	agent, ada := Owner{Agent: "a"}, Owner{Agent: "a", User: "ada"}
	k.Configure([]Declaration{
		decl("us", "us", agent, "channels:read"), decl("emea", "emea", agent, scope.ReadWrite), decl("emea-2", "emea", agent, "chat:write"),
		decl("ada-us", "us", ada, "chat:write"),
		decl("one", "emea", Owner{Agent: "b"}, "channels:read"), decl("one-2", "emea", Owner{Agent: "b"}, "chat:write"),
		decl("ada-c", "emea", Owner{Agent: "c", User: "ada"}, "channels:read"), decl("own-c", "us", Owner{Agent: "c"}, "channels:read"),
		decl("bare", "", Owner{Agent: "d"}, "channels:read"), decl("named", "emea", Owner{Agent: "d"}, "channels:read"),
		decl("plain", "", Owner{Agent: "e"}, "channels:read"),
	}, nil)
	for _, c := range []struct {
		name    string
		owner   Owner
		account string
		need    scope.Need
		want    string // the id
		err     error
		names   string // to choose from
	}{
		{"none chosen", agent, "", channelsRead, "", ErrAccount, "emea us"},
		{"none chosen, one grants", agent, "", chatWrite, "", ErrAccount, "emea us"},
		{"chosen", agent, "us", channelsRead, "us", nil, ""},
		{"chosen, the first that grants", agent, "emea", chatWrite, "emea", nil, ""},
		{"chosen, and another grants", agent, "us", chatWrite, "", ErrScope, ""},
		{"unknown", agent, "apac", channelsRead, "", ErrAccount, "emea us"},
		{"the user's own first", ada, "us", chatWrite, "ada-us", nil, ""},
		{"then the agent's of that account", ada, "us", channelsRead, "us", nil, ""},
		{"another user", Owner{Agent: "a", User: "bob"}, "us", chatWrite, "", ErrScope, ""},
		{"one account, none chosen", Owner{Agent: "b"}, "", chatWrite, "one-2", nil, ""},
		{"one account, chosen", Owner{Agent: "b"}, "emea", channelsRead, "one", nil, ""},
		{"one account, another chosen", Owner{Agent: "b"}, "us", channelsRead, "", ErrAccount, "emea"},
		{"the user's and the agent's", Owner{Agent: "c", User: "ada"}, "", channelsRead, "", ErrAccount, "emea us"},
		{"the agent's, without the user", Owner{Agent: "c"}, "", channelsRead, "own-c", nil, ""},
		{"the user's, by another user", Owner{Agent: "c", User: "bob"}, "emea", channelsRead, "", ErrAccount, "us"},
		{"one named and one not", Owner{Agent: "d"}, "", channelsRead, "", ErrAccount, "emea"},
		{"without names", Owner{Agent: "e"}, "", channelsRead, "plain", nil, ""},
		{"without names, chosen", Owner{Agent: "e"}, "emea", channelsRead, "", ErrAccount, ""},
		{"nobody's", Owner{Agent: "f"}, "", channelsRead, "", ErrNotDeclared, ""},
		{"nobody's, chosen", Owner{Agent: "f"}, "emea", channelsRead, "", ErrNotDeclared, ""},
	} {
		got, err := k.Find(c.owner, c.need.Service, c.account, c.need)
		if got.ID != c.want || !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%s: got %q, %v", c.name, got.ID, err)
		}
		var undecided *AccountError
		if errors.As(err, &undecided) && strings.Join(undecided.Names, " ") != c.names {
			t.Errorf("%s: it names %q", c.name, undecided.Names)
		}
	}
}

func TestHeldAndAccountsAreOfTheOwnerAlone(t *testing.T) {
	k := newKit(t)
	decl := func(id, account, agent, user string) Declaration {
		return Declaration{ID: id, Owner: Owner{agent, user}, Service: "slack", Account: account, Scope: scopes(t, scope.ReadOnly)}
	}
	k.Configure([]Declaration{
		decl("1", "us", "a", ""), decl("2", "emea", "a", "ada"), decl("3", "us", "a", "ada"), decl("4", "us", "a", "bob"), decl("5", "apac", "b", "ada"), decl("6", "", "c", ""),
	}, nil)
	for _, c := range []struct {
		agent, user string
		held        []string
		accounts    []string
	}{
		{"a", "", []string{"1"}, []string{"us"}},
		{"a", "ada", []string{"2", "3", "1"}, []string{"emea", "us"}},
		{"a", "bob", []string{"4", "1"}, []string{"us"}},
		{"a", "carol", []string{"1"}, []string{"us"}},
		{"b", "", nil, nil},
		{"b", "ada", []string{"5"}, []string{"apac"}},
		{"c", "ada", []string{"6"}, nil},
	} {
		owner := Owner{c.agent, c.user}
		var held []string
		for _, d := range k.Held(owner, "slack") {
			held = append(held, d.ID)
		}
		if accounts := k.Accounts(owner, "slack"); !slices.Equal(held, c.held) || !slices.Equal(accounts, c.accounts) {
			t.Errorf("%+v holds %q in %q", owner, held, accounts)
		}
	}
}
