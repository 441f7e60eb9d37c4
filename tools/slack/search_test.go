package slack

import (
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
	"toolvault/tools/toolstest"
)

func found1(t *testing.T, out any) string {
	t.Helper()
	var ts []string
	for _, m := range out.(Found).Messages {
		ts = append(ts, m.ChannelID+"/"+m.TS)
	}
	return strings.Join(ts, " ")
}

// secretly says something in a private channel, which only where: all finds.
func secretly(t *testing.T, w *world) string {
	t.Helper()
	w.secret, w.svc = w.double.Secret, newService(w.svcNow)
	p := w.must("slack_post_message", `{"channel":"#support-leads","text":"exports: hire two people"}`).(Posted)
	return "C07SUPLEADS1/" + p.TS
}

func TestSearches(t *testing.T) {
	w := newWorld(t)
	const tickets, acme, reply = "C07SUPUPD8S1/1795423200.000110", "C07SUPUPD8S1/" + parentTS, "C07SUPUPD8S1/1795425000.000140"
	for args, want := range map[string]string{
		`{"query":"exports"}`:                                       acme + " " + tickets,
		`{"query":"exports -tickets"}`:                              acme,
		`{"query":"exports","from_user":"@jonas"}`:                  tickets,
		`{"query":"exports","since":"2026-11-23T08:50:00Z"}`:        acme,
		`{"query":"exports","until":"2026-11-23T08:50:00Z"}`:        tickets,
		`{"query":"\"a fix\"","in_channel":"#support-updates"}`:     reply,
		`{"query":"exports","in_channel":"#general"}`:               "",
		`{"query":"exports","in_channel":"C07SUPUPD8S1","limit":1}`: acme,
	} {
		if got := found1(t, w.must("slack_search_messages", args)); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	first := w.must("slack_search_messages", `{"query":"exports","limit":1}`).(Found)
	second := w.must("slack_search_messages", `{"query":"exports","limit":1,"cursor":"`+first.Next+`"}`).(Found)
	if first.Next == "" || found1(t, second) != tickets || second.Next != "" {
		t.Errorf("%+v, then %+v", first, second)
	}
	around := w.must("slack_search_messages", `{"query":"looks after","context":true}`).(Found).Messages[0]
	if len(around.Before) == 0 || !strings.HasPrefix(around.Before[len(around.Before)-1], "jonas: Two new tickets") || around.Permalink != parentLink || around.Author != "marta" {
		t.Errorf("%+v", around)
	}
	w.fails(fault.InvalidArguments, "", "slack_search_messages", `{"query":"x","in_channel":"#support-leads"}`)
	secret := secretly(t, w)
	if got := found1(t, w.must("slack_search_messages", `{"query":"exports","include_bots":true}`)); strings.Contains(got, "LEADS") {
		t.Errorf("a private channel is searched unasked: %s", got)
	}
	if got := found1(t, w.must("slack_search_messages", `{"query":"exports","where":"all","include_bots":true}`)); !strings.Contains(got, secret) {
		t.Errorf("%s", got)
	}
	if got := found1(t, w.must("slack_search_messages", `{"query":"exports","where":"all","in_channel":"#support-leads","include_bots":true}`)); got != secret {
		t.Errorf("%s", got)
	}
}

// A token with the scope of old alone searches in the way of old, and finds there
// no more than was asked for, though Slack finds all that its user may see.
func TestTheSearchOfOld(t *testing.T) {
	w := newWorld(t)
	secret := secretly(t, w)
	w.secret, w.asked = sandbox.SlackUserToken(w.double, "search:read", "channels:read", "groups:read", "users:read"), nil
	w.svc = newService(w.svcNow)
	out := w.must("slack_search_messages", `{"query":"exports","include_bots":true,"limit":5}`).(Found)
	if got := found1(t, out); got != "C07SUPUPD8S1/"+parentTS+" C07SUPUPD8S1/1795423200.000110" {
		t.Errorf("%s", got)
	}
	if out.Total != 0 {
		t.Errorf("the total tells of what is not shown: %d", out.Total)
	}
	if !slices.Contains(w.asked, "search.messages") {
		t.Errorf("asked %v", w.asked)
	}
	w.asked = nil
	all := w.must("slack_search_messages", `{"query":"exports","where":"all","include_bots":true,"since":"2026-11-23"}`).(Found)
	if got := found1(t, all); !strings.Contains(got, secret) || all.Total != 3 {
		t.Errorf("%s, %d", got, all.Total)
	}
	if slices.Contains(w.asked, "assistant.search.context") {
		t.Errorf("asked %v: which way it goes is remembered", w.asked)
	}
	page := w.must("slack_search_messages", `{"query":"exports","where":"all","limit":1}`).(Found)
	next := w.must("slack_search_messages", `{"query":"exports","where":"all","limit":1,"cursor":"`+page.Next+`"}`).(Found)
	if found1(t, page) == found1(t, next) || len(next.Messages) == 0 && next.Next == "" {
		t.Errorf("%+v, then %+v", page, next)
	}
	// An agent that may search public channels only uses the same token.
	c := w.client()
	c.Permit(func(scope string) bool { return scope == "search:read.public" })
	_, err := toolstest.Call(t, w.svc, c, "slack_search_messages", `{"query":"exports","where":"all"}`)
	if f := fault.From(err); f == nil || f.Kind != fault.NotPermitted {
		t.Errorf("%v", err)
	}
	if l := w.must("slack_list_files", `{"query":"exports"}`).(FileList); len(l.Files) == 0 {
		t.Errorf("%+v", l)
	}
}

func TestABotCannotSearchAndIsToldWhy(t *testing.T) {
	w := newWorld(t)
	for _, scopes := range [][]string{{"search:read.public", "channels:read"}, {"channels:read"}, {"search:read"}} {
		w.secret = sandbox.SlackToken(w.double, scopes...)
		w.svc = newService(w.svcNow)
		_, err := w.call("slack_search_messages", `{"query":"exports"}`)
		f := fault.From(err)
		if f == nil || f.Kind != fault.NotPermitted || f.Retryable || len(f.Needed) == 0 {
			t.Errorf("%v: %v", scopes, err)
		}
		if slices.Contains(scopes, "search:read.public") && !strings.Contains(f.Message, "token of a user") {
			t.Errorf("%v: %s", scopes, f.Message)
		}
	}
}

// Direct messages are searched by the person they are with, and what is found says
// whose they are.
func TestSearchesDirectMessages(t *testing.T) {
	w := newWorld(t)
	p := w.must("slack_post_message", `{"channel":"@marta","text":"the exports are mended"}`).(Posted)
	for _, who := range []string{"@marta", "U07MARTAKLN", "marta.klein@northwind.example", p.ChannelID} {
		out := w.must("slack_search_messages", `{"query":"exports","in_channel":"`+who+`","where":"all","include_bots":true}`).(Found)
		if got := found1(t, out); got != p.ChannelID+"/"+p.TS || out.Messages[0].Channel != "@marta" {
			t.Errorf("%s: %+v", who, out)
		}
	}
	w.fails(fault.InvalidArguments, "", "slack_search_messages", `{"query":"exports","in_channel":"@marta"}`)
	c := w.client()
	c.Permit(func(scope string) bool { return scope != "search:read.im" })
	_, err := toolstest.Call(t, w.svc, c, "slack_search_messages", `{"query":"exports","in_channel":"@marta","where":"all"}`)
	if f := fault.From(err); f == nil || !slices.Equal(f.Needed, []string{"slack:search:read.im"}) {
		t.Errorf("%v", err)
	}
	w.secret, w.svc = sandbox.SlackUserToken(w.double, "search:read", "channels:read", "im:read", "users:read", "im:write"), newService(w.svcNow)
	if got := found1(t, w.must("slack_search_messages", `{"query":"exports","where":"all","include_bots":true}`)); !strings.Contains(got, p.ChannelID+"/"+p.TS) {
		t.Errorf("the search of old: %s", got)
	}
	if got := found1(t, w.must("slack_search_messages", `{"query":"exports","include_bots":true}`)); strings.Contains(got, p.ChannelID) {
		t.Errorf("direct messages are searched unasked: %s", got)
	}
}
