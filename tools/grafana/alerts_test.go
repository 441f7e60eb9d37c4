package grafana

import (
	"regexp"
	"strings"
	"testing"

	"toolvault/tools/fault"
	double "toolvault/tools/sandbox/grafana"
)

func TestListAlerts(t *testing.T) {
	w := sandboxed(t)
	got := must[Rules](w, "grafana_list_alerts", `{"state":"firing"}`)
	if got.Total != 1 || got.Rules[0].UID != "exports-fail" || len(got.Rules[0].Alerts) != 1 || got.Rules[0].Alerts[0].Since != "2026-11-24T11:20:00Z" {
		t.Errorf("firing: %+v", got)
	}
	for args, want := range map[string]string{
		`{}`: "exports-fail disk-full", `{"state":"error"}`: "disk-full", `{"state":"inactive"}`: "worker-down disk-full", `{"state":"pending"}`: "",
		`{"state":"all","folder":"Support operations"}`: "exports-fail worker-down", `{"state":"all","search":"DISK"}`: "disk-full",
	} {
		var uids []string
		for _, r := range must[Rules](w, "grafana_list_alerts", args).Rules {
			uids = append(uids, r.UID)
		}
		if strings.Join(uids, " ") != want {
			t.Errorf("%s: %v", args, uids)
		}
	}
	first := must[Rules](w, "grafana_list_alerts", `{"state":"all","limit":2}`)
	second := must[Rules](w, "grafana_list_alerts", `{"state":"all","limit":2,"cursor":"`+first.Next+`"}`)
	if len(first.Rules) != 2 || len(second.Rules) != 1 || second.Next != "" || second.Rules[0].UID != "disk-full" {
		t.Errorf("over pages: %+v, %+v", first, second)
	}
}

func TestGetAlertRule(t *testing.T) {
	w := sandboxed(t)
	for _, ref := range []string{"exports-fail", "Exports fail", "exports FAIL"} {
		r := must[RuleDetail](w, "grafana_get_alert_rule", `{"rule":"`+ref+`"}`)
		if r.UID != "exports-fail" || r.For != "5m" || r.Receiver != "support-oncall" || len(r.Queries) != 2 || r.Queries[1].Query != "$A > 5" || r.Queries[1].Datasource != "__expr__" {
			t.Errorf("%s: %+v", ref, r)
		}
	}
	w.refused(fault.NotFound, "There are", "grafana_get_alert_rule", `{"rule":"zzz"}`)
}

func TestSilences(t *testing.T) {
	d := double.New(atNoon)
	w := against(t, guarded(t, d))
	made := must[Silence](w, "grafana_create_silence", `{"matchers":["alertname=\"Exports fail\"","customer=~\"acme|initech\"","severity!=warning"],"until":"tomorrow 9:00","comment":"release"}`)
	if made.Ends != "2026-11-25T09:00:00Z" || made.State != "active" || made.By != silencedBy {
		t.Errorf("made %+v", made)
	}
	got := must[Silences](w, "grafana_list_silences", `{"search":"acme"}`)
	if got.Total != 1 || got.Silences[0].ID != made.ID || strings.Join(got.Silences[0].Matchers, " ") != `alertname="Exports fail" customer=~"acme|initech" severity!="warning"` {
		t.Errorf("listed %+v", got)
	}
	if got := must[Silences](w, "grafana_list_silences", `{"state":"all","limit":1}`); got.Total != 3 || !strings.Contains(got.Text(), "and 2 more") {
		t.Errorf("all: %+v", got)
	}
	if got := must[Silence](w, "grafana_expire_silence", `{"id":"`+made.ID+`"}`); got.State != "expired" || got.Note != "" {
		t.Errorf("ended %+v", got)
	}
	if got := must[Silence](w, "grafana_expire_silence", `{"id":"`+made.ID+`"}`); got.State != "expired" || got.Note == "" {
		t.Errorf("ended again %+v", got)
	}
	w.refused(fault.NotFound, "grafana_list_silences", "grafana_expire_silence", `{"id":"no-such-one"}`)
	w.refused(fault.InvalidArguments, "past", "grafana_create_silence", `{"matchers":["a=b"],"until":"2026-11-24T11:00:00Z","comment":"x"}`)
	w.refused(fault.InvalidArguments, "31 days", "grafana_create_silence", `{"matchers":["a=b"],"until":"40d","comment":"x"}`)
}

// A silence that would hide every alert is refused before anything is sent.
func TestNothingSilencesEverything(t *testing.T) {
	var seen []string
	w := against(t, counted(double.New(atNoon), &seen))
	for _, m := range []string{`["alertname=~\".*\""]`, `["alertname=~\".+\""]`, `["alertname!=\"x\""]`, `["a!~\"x\"","b=~\"(?s).*\""]`, `["alertname=\"\""]`, `["alertname=~\"[^z]+\""]`, `["a=~\"|x\""]`} {
		w.refused(fault.InvalidArguments, "every alert", "grafana_create_silence", `{"matchers":`+m+`,"until":"1h","comment":"x"}`)
	}
	for _, m := range []string{`["nothing"]`, `["1a=b"]`, `["a=\"b"]`, `["a=~\"(\""]`} {
		w.refused(fault.InvalidArguments, "matcher", "grafana_create_silence", `{"matchers":`+m+`,"until":"1h","comment":"x"}`)
	}
	if seen != nil {
		t.Errorf("sent %v", seen)
	}
}

// A matcher that is read, and written again, is the same; none that is taken alone
// matches whatever there is.
func FuzzMatcher(f *testing.F) {
	for _, s := range []string{`a="b"`, `a=~"b.*"`, `a!="b"`, `a!~b|c`, `a = "x\"y"`, "a=`raw`", `a=b=c`, `a=~(`, `é=x`, `a=""`, "a=\"\\n\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMatcher(text)
		if err != nil {
			return
		}
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(m.Name) {
			t.Errorf("%q: the label %q", text, m.Name)
		}
		again, err := parseMatcher(m.String())
		if err != nil || again.Name != m.Name || again.Value != m.Value && strings.ToValidUTF8(m.Value, "") == m.Value || again.Regex != m.Regex || again.equal() != m.equal() {
			t.Errorf("%q: %s, again %s, %v", text, m, again, err)
		}
		if _, err := parseMatchers([]string{text}); err == nil {
			matches := m.Value == anything
			if m.Regex {
				re, _ := m.regexp()
				matches = re.MatchString(anything) || re.MatchString("")
			}
			if matches && m.Value != anything || !m.equal() {
				t.Errorf("%q silences everything", text)
			}
		}
	})
}

func TestAnnotations(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		w := with(t, options(legacy))
		made := must[Made](w, "grafana_create_annotation", `{"text":"Rolled back to 2.13.9","time":"30m","end":"10m","tags":["rollback"],"dashboard":"Export service","panel":2}`)
		got := must[Annotations](w, "grafana_list_annotations", `{"from":"1h","tags":["rollback"],"dashboard":"exports-health"}`)
		if len(got.Annotations) != 1 || got.Annotations[0].ID != made.ID || got.Annotations[0].Time != "2026-11-24T11:30:00Z" || got.Annotations[0].End != "2026-11-24T11:50:00Z" || got.Annotations[0].Panel != 2 {
			t.Errorf("got %+v", got)
		}
		if got := must[Annotations](w, "grafana_list_annotations", `{"from":"7d","type":"alert"}`); len(got.Annotations) != 1 || got.Annotations[0].Alert != "Alerting" {
			t.Errorf("of alerts: %+v", got)
		}
		if got := must[Annotations](w, "grafana_list_annotations", `{"from":"7d","limit":2}`); !got.Full || len(got.Annotations) != 2 {
			t.Errorf("a limit: %+v", got)
		}
		w.refused(fault.InvalidArguments, "needs dashboard", "grafana_create_annotation", `{"text":"x","panel":1}`)
		w.refused(fault.InvalidArguments, "before time", "grafana_create_annotation", `{"text":"x","end":"1h"}`)
	}
}
