package metabase

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"toolvault/tools/fault"
	"toolvault/tools/sandbox"
)

func TestAlerts(t *testing.T) {
	w := sandboxed(t)
	all := must[Alerts](w, "metabase_list_alerts", `{}`)
	if all.Total != 2 || all.Alerts[0].Schedule != "daily 8:00" || fmt.Sprint(all.Alerts[0].To) != "[Ana Costa]" || all.Alerts[1].Kind != "subscription" || fmt.Sprint(all.Alerts[1].To) != "[Ben Okoye]" {
		t.Errorf("all: %+v", all)
	}
	made := must[Alert](w, "metabase_save_alert", `{"question":"Cases","condition":"goal_above","schedule":"fri 17:30","to":["ana@sandbox.example","#support-updates","Ben Okoye"],"once":true}`)
	if made.Schedule != "weekly 17:30" && made.Schedule != "fri 17:30" || len(made.To) != 3 || !made.Once || !made.Active || made.Question.Name != "Cases" {
		t.Errorf("made %+v", made)
	}
	if of := must[Alerts](w, "metabase_list_alerts", `{"question":"Cases"}`); of.Total != 1 || of.Alerts[0].ID != made.ID {
		t.Errorf("of the question: %+v", of)
	}
	off := must[Alert](w, "metabase_save_alert", fmt.Sprintf(`{"id":%d,"active":false}`, made.ID))
	if off.Active || off.Schedule != made.Schedule || len(off.To) != 3 || off.Condition != "goal_above" {
		t.Errorf("off: %+v", off)
	}
	sub := must[Alert](w, "metabase_save_subscription", `{"dashboard":"Customers","schedule":"monthly","to":["Ben Okoye","#finance"],"csv":true}`)
	if sub.Schedule != "monthly 8:00" || fmt.Sprint(sub.To) != "[Ben Okoye #finance]" || sub.Dashboard.ID != 43 {
		t.Errorf("subscription: %+v", sub)
	}
	sub = must[Alert](w, "metabase_save_subscription", fmt.Sprintf(`{"id":%d,"to":["Ana Costa"]}`, sub.ID))
	if sub.Schedule != "monthly 8:00" || fmt.Sprint(sub.To) != "[Ana Costa]" {
		t.Errorf("changed: %+v", sub)
	}
	sub = must[Alert](w, "metabase_save_subscription", fmt.Sprintf(`{"id":%d,"active":false,"skip_if_empty":true,"csv":false}`, sub.ID))
	if sub.Active {
		t.Errorf("ended: %+v", sub)
	}
}

// Data goes to nobody who is not of the instance, whatever a text has talked the
// model into.
func TestNobodyOutsideIsTold(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	before := double.Snapshot()
	for _, to := range []string{"mallory@evil.example", "ana@sandbox.example.evil.example", "ana@sandbox.exampl", "#", "#a b", "Mallory"} {
		for tool, args := range map[string]string{
			"metabase_save_alert":        `{"question":101,"schedule":"daily","to":["` + to + `"]}`,
			"metabase_save_subscription": `{"id":9,"to":["Ana Costa","` + to + `"]}`,
		} {
			if _, err := w.call(tool, args); err == nil {
				t.Errorf("%s to %s", tool, to)
			}
		}
	}
	if !maps.Equal(before, double.Snapshot()) {
		t.Error("something was saved")
	}
}

func TestAlertsTeach(t *testing.T) {
	w := sandboxed(t)
	w.refused(fault.InvalidArguments, "needs question, schedule and to", "metabase_save_alert", `{"question":101}`)
	w.refused(fault.InvalidArguments, "stays with its question", "metabase_save_alert", `{"id":7,"question":101}`)
	w.refused(fault.InvalidArguments, `Write "hourly"`, "metabase_save_alert", `{"id":7,"schedule":"often"}`)
	w.refused(fault.InvalidArguments, "on the hour", "metabase_save_subscription", `{"id":9,"schedule":"daily 8:30"}`)
	w.refused(fault.InvalidArguments, "nothing to change", "metabase_save_subscription", `{"id":9}`)
	w.refused(fault.InvalidArguments, "nothing to send", "metabase_save_subscription", `{"dashboard":44,"schedule":"daily","to":["Ana Costa"]}`)
	w.refused(fault.InvalidArguments, "question or dashboard", "metabase_list_alerts", `{"question":101,"dashboard":42}`)
}

func TestSchedules(t *testing.T) {
	for words, cron := range map[string]string{
		"hourly": "0 0 * * * ? *", "daily": "0 0 8 * * ? *", "Daily at 9:30": "0 30 9 * * ? *", "monday 9am": "0 0 9 ? * 2 *",
		"sun 23:05": "0 5 23 ? * 1 *", "monthly 12 pm": "0 0 12 1 * ? *", "0 0/15 9-17 ? * 2-6": "0 0/15 9-17 ? * 2-6",
	} {
		got, err := cronOf(words)
		if err != nil || got != cron {
			t.Errorf("%q: %q, %v", words, got, err)
		}
		if s, ok := readSchedule(words); ok && wordsOf(cron) != s.String() {
			t.Errorf("%q is %q, and read back %q", words, s, wordsOf(cron))
		}
	}
	for _, words := range []string{"", "often", "daily 25:00", "mon 8:60", "monkey 8:00", "monthly 13pm", "hourly 8:00", "* * *", "0 0 8 * * ? *; drop"} {
		if got, err := cronOf(words); err == nil {
			t.Errorf("%q is %q", words, got)
		}
	}
	if got := wordsOf("0 0 9 ? * MON *"); got != "mon 9:00" {
		t.Errorf("got %q", got)
	}
	if got := wordsOf("0 0 6 ? * 2,4 \u202e"); strings.Contains(got, "\u202e") {
		t.Errorf("got %q", got)
	}
}

// The same again is no second alert: everybody would be told twice.
func TestTheSameAlertAgain(t *testing.T) {
	double := sandbox.NewMetabase()
	w := guarded(t, double)
	for tool, args := range map[string]string{
		"metabase_save_alert":        `{"question":101,"schedule":"daily","to":["Ana Costa","#ops"]}`,
		"metabase_save_subscription": `{"dashboard":43,"schedule":"mon 9:00","to":["#ops","Ben Okoye"]}`,
	} {
		first := must[Alert](w, tool, args)
		state := double.Snapshot()
		if again := must[Alert](w, tool, args); again.ID != first.ID || !maps.Equal(state, double.Snapshot()) {
			t.Errorf("%s: %+v, then %+v", tool, first, again)
		}
		other := strings.Replace(args, "#ops", "#support", 1)
		if second := must[Alert](w, tool, other); second.ID == first.ID {
			t.Errorf("%s: to others is the same: %+v", tool, second)
		}
	}
	if got := must[Alert](w, "metabase_save_alert", `{"question":102,"schedule":"daily 8:00","to":["Ana Costa"]}`); got.ID != 7 {
		t.Errorf("the one that was there: %+v", got)
	}
}
