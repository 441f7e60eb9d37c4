package metabase

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

// twoDatabases has the table 9 and the question 9 in database 2, and not in 1.
func twoDatabases(rw http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/database"):
		_, _ = fmt.Fprint(rw, `{"data":[{"id":1,"name":"Shown"},{"id":2,"name":"Secret"}],"total":2}`)
	case r.URL.Path == "/api/field/9":
		_, _ = fmt.Fprint(rw, `{"id":9,"name":"email","table_id":9}`)
	case strings.HasPrefix(r.URL.Path, "/api/field/9/"):
		_, _ = fmt.Fprint(rw, `{"values":[["a@b.example"]],"has_more_values":false}`)
	case strings.HasPrefix(r.URL.Path, "/api/table/9"):
		_, _ = fmt.Fprint(rw, `{"id":9,"name":"people","db_id":2,"fields":[{"id":9,"name":"email","base_type":"type/Text"}]}`)
	case r.URL.Path == "/api/card/9":
		_, _ = fmt.Fprint(rw, `{"id":9,"name":"people","database_id":2,"result_metadata":[{"name":"email","base_type":"type/Text"}],"dataset_query":{"database":2,"type":"query","query":{"source-table":9}}}`)
	case r.URL.Path == "/api/dataset":
		rw.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprint(rw, `{"data":{"rows":[["a@b.example"]],"cols":[{"name":"email"}]},"status":"completed","row_count":1}`)
	default:
		http.NotFound(rw, r)
	}
}

// A rule may be about args.database: what is named beside it has to be in it.
func TestADatabaseThatIsNamedIsTheOneThatIsRead(t *testing.T) {
	w := against(t, http.HandlerFunc(twoDatabases))
	for tool, all := range map[string][]string{
		"metabase_run_query":       {`{"database":1,"table":9}`, `{"database":"Shown","table":"card__9"}`},
		"metabase_field_values":    {`{"database":1,"field":9}`},
		"metabase_describe_table":  {`{"database":1,"table":9}`},
		"metabase_create_question": {`{"name":"x","database":1,"query":{"table":9}}`, `{"name":"x","database":1,"query":{"database":2,"table":9}}`},
	} {
		for _, args := range all {
			out, err := w.call(tool, args)
			if f := fault.From(err); f == nil || f.Kind != fault.InvalidArguments {
				t.Errorf("%s %s: %v, %v", tool, args, out, err)
			}
		}
	}
	if _, err := w.call("metabase_run_query", `{"database":2,"table":9}`); err != nil {
		t.Error(err)
	}
}

func TestFunctionsOfMoreDatabasesThatReachBeyondTheTables(t *testing.T) {
	for _, sql := range []string{
		"SELECT * FROM urlCluster('c','http://169.254.169.254/','CSV')", "SELECT * FROM fileCluster('c','/etc/passwd','CSV')",
		"SELECT * FROM cluster('c', db.t)", "SELECT * FROM icebergS3('http://x')", "SELECT * FROM azureBlobStorageCluster('c','x')", "SELECT * FROM ytsaurus('http://x')",
		"SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM read_xlsx('/x')", "SELECT * FROM st_read('/x')", "SELECT * FROM delta_scan('s3://x')", "SELECT * FROM parquet_metadata('/x')", "SELECT getenv('HOME')",
		"SELECT content FROM http_get('http://169.254.169.254/')", "SELECT aws_lambda.invoke('x')", "SELECT aws_s3.query_export_to_s3('SELECT 1','b')", "SELECT lo_get(1234)",
		"SELECT pg_current_logfile()", "SELECT XMLTYPE(bfilename('A','b'),1) FROM dual", "SELECT 1 SETUSER 'dbo'",
	} {
		if _, err := guard(sql); err == nil {
			t.Errorf("let through: %s", sql)
		}
	}
	for _, sql := range []string{"SELECT cluster, http, parquet_rows FROM iceberg_loads", "SELECT CLUSTER FROM t"} {
		if _, err := guard(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// Who gets an alert gets the rows: to say so takes the right to run the query.
func TestRowsAreSentByThoseWhoMayRead(t *testing.T) {
	w := sandboxed(t)
	w.allows = func(scope string) bool { return scope == "alert.write" || scope == "content.read" }
	for tool, args := range map[string]string{
		"metabase_save_alert":        `{"question":102,"schedule":"daily 9:00","to":["#support-updates"]}`,
		"metabase_save_subscription": `{"dashboard":42,"schedule":"daily 9:00","to":["#support-updates"]}`,
	} {
		_, err := w.call(tool, args)
		if f := fault.From(err); f == nil || f.Kind != fault.NotPermitted || len(f.Needed) != 1 || f.Needed[0] != "query.run" {
			t.Errorf("%s: %v", tool, err)
		}
	}
}
