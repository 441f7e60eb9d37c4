package metabase

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"toolvault/tools/fault"
)

func TestGuardLetsReadsThrough(t *testing.T) {
	for _, sql := range []string{
		"select 1",
		"SELECT * FROM orders WHERE created_at > '2026-01-01' LIMIT 10;",
		"  (select 1) union (select 2) ; ; ",
		"with x as (select 1 as a) select * from x",
		"values (1), (2)",
		"show tables", "describe orders", "desc orders",
		"explain select * from orders",
		"select replace(name, 'a', 'b'), deleted, updated_at, created_by, \"update\" from t",
		"select 'drop table x; -- it''s only text' as a",
		"select `delete` from t",
		"select a /* delete this */ from t -- drop it\nwhere b = 1",
		"select a from t\r\nwhere b = 1",
		"select count(*) filter (where status = 'open') from t group by 1 order by 2 desc offset 5",
		"select tags[1], array['a','b'] from t",
		"select [order id] from [my table]",
		"select url, file, remote, script, load, system from t",
		"select data->>'a', data->'b' from t where a is not null and b <> 1 - 1",
		"select 'C:\\temp\\x' from t",
		"select 'münchen', größe from städte",
		"select * from t where id = {{id}} and name = {{ name }} or id = {{id}}",
		"select lo_quantity, lo_revenue from lineorder",
		"select * from pg_stat_activity",
		"select case when a then 1 else 2 end from t",
		"select extract(year from d), date_trunc('month', d) from t",
		"select $1 from t",
	} {
		if _, err := guard(sql); err != nil {
			t.Errorf("%s\n\t%v", sql, err)
		}
	}
	params, err := guard("select * from t where id = {{id}} and name = {{ name }} or id = {{id}}")
	if err != nil || !slices.Equal(params, []string{"id", "name"}) {
		t.Errorf("parameters: %v, %v", params, err)
	}
}

func TestGuardRefuses(t *testing.T) {
	for _, c := range []struct{ why, sql string }{
		{"empty", ""},
		{"only a comment", "-- x"},
		{"insert", "insert into t values (1)"},
		{"update", "update t set a = 1"},
		{"delete", "delete from t"},
		{"case", "DeLeTe FROM t"},
		{"truncate", "truncate t"},
		{"a verb after a comment", "/* x */ drop table t"},
		{"a verb after a blank line", "\n\n drop table t"},
		{"call", "call p()"},
		{"set", "set role admin"},
		{"copy", "copy t to program 'sh'"},
		{"do", "do $$ begin end $$"},
		{"begin", "begin; select 1"},
		{"a JSON pipeline", `[{"$out":"x"}]`},
		{"a parameter first", "{{x}}"},
		{"two statements", "select 1; drop table t"},
		{"two reads", "select 1; select 2"},
		{"CTE that writes", "with x as (delete from t returning *) select * from x"},
		{"CTE that inserts", "with x as (select 1) insert into t select * from x"},
		{"select into", "select * into t2 from t"},
		{"outfile", "select 1 into outfile '/tmp/x'"},
		{"for update", "select * from t for update"},
		{"for share", "select * from t for share"},
		{"for no key update", "select * from t for no key update"},
		{"lock in share mode", "select * from t lock in share mode"},
		{"explain analyze", "explain analyze select 1"},
		{"explain (analyze)", "explain (analyze, verbose) select 1"},
		{"explain of a write", "explain delete from t"},
		{"SQL Server without semicolon", "select 1 exec xp_cmdshell 'dir'"},
		{"SQL Server waitfor", "select 1 waitfor delay '0:0:10'"},
		{"SQL Server shutdown", "select 1 shutdown"},
		{"SQL Server backup", "select 1 backup database x to disk = 'y'"},
		{"openrowset", "select * from openrowset(bulk 'x', single_blob) a"},
		{"read a file", "select pg_read_file('/etc/passwd')"},
		{"quoted function", `select "pg_read_file"('/etc/passwd')`},
		{"qualified function", "select pg_catalog.pg_ls_dir('.')"},
		{"escaped name", `select U&"pg\005fsleep"(10)`},
		{"sleep", "select pg_sleep(10)"},
		{"sleep of MySQL", "select sleep (10)"},
		{"benchmark", "select benchmark(1e9, md5('a'))"},
		{"load_file", "select load_file('/etc/passwd')"},
		{"dblink", "select * from dblink('host=x', 'select 1') as t(a int)"},
		{"large object", "select lo_import('/etc/passwd')"},
		{"terminate", "select pg_terminate_backend(1)"},
		{"set_config", "select set_config('role', 'x', false)"},
		{"nextval", "select nextval('s')"},
		{"SQL in a text", "select query_to_xml('delete from t', true, true, '')"},
		{"url of ClickHouse", "select * from url('http://169.254.169.254/', CSV)"},
		{"file of ClickHouse", "select * from file('/etc/passwd')"},
		{"DuckDB", "select * from read_csv_auto('/etc/passwd')"},
		{"Oracle", "select utl_http.request('http://x') from dual"},
		{"H2", "select csvwrite('x', 'select 1')"},
		{"BigQuery", "select * from external_query('c', 'drop table t')"},
		{"Snowflake", "select system$cancel_query('x')"},
		{"long s", "select 1 in\u017fert"},
		{"dotless i", "select 1 \u0131nsert x"},
		{"executed comment", "select 1 /*! into outfile 'x' */"},
		{"executed comment of MariaDB", "select 1 /*M! into outfile 'x' */"},
		{"hint", "select /*+ set_var(x=1) */ 1"},
		{"nested comment", "select 1 /* a /* b */ ' */ ; drop table t -- '"},
		{"overlapping comment", "select 1 /* a /*/ ' */ */ ; drop table t -- '"},
		{"comment that is one only to some", "select 1 /*/ ' */ ; drop table t -- '"},
		{"open comment", "select 1 /* drop"},
		{"# comment", "select 1 # ' \n ; drop table t -- '"},
		{"// comment", "select 1 // ' \n ; drop table t -- '"},
		{"-- without a blank", "select 1 --' \n ; drop table t -- '"},
		{"carriage return in a comment", "select 1 -- \r ' \n ; drop table t; -- '"},
		{"carriage return", "select 1 \r drop"},
		{"line separator in a comment", "select 1 -- \u2028 ' \n ; drop table t; -- '"},
		{"backslash and quote", `select 'a\' ; drop table t; -- '`},
		{"backslash and quote, two", `select "a\" ; drop table t; -- "`},
		{"three quotes", `select '''a' ; drop table t; -- '''`},
		{"three double quotes", `select """a" ; drop table t; -- """`},
		{"four quotes inside", `select 'a'''' ; drop table t; -- '`},
		{"dollar quotes", "select $$ ' $$ ; drop table t; -- '"},
		{"tagged dollar quotes", "select $a$ ' $a$ ; drop table t; -- '"},
		{"dollar quotes with a picture", "select $😀$ ' $😀$ ; drop table t; -- '"},
		{"dollar quotes after a number", "select 1$😀$ ' $😀$ ; drop table t; -- '"},
		{"q quotes of Oracle", "select q'[it's]' ; drop table t; -- '"},
		{"bracket hides a quote", "select [ ' ] ; drop table t; -- '"},
		{"bracket with two kinds", `select [ ' " ' " ] ; drop table t; -- "`},
		{"bracket with a doubled end", "select [a]] ' ] ; drop table t; -- '"},
		{"bracket with a comment", "select [ -- ] \n 1"},
		{"open bracket", "select [a"},
		{"quote in backticks", "select `'` ; drop table t; -- '`"},
		{"open text", "select 'a"},
		{"control character", "select 1\x00drop"},
		{"form feed", "select 1\fdrop"},
		{"invisible character", "select 1 dr\u200bop"},
		{"no-break space", "select\u00a01"},
		{"snippet", "select * from t where {{snippet: x}}"},
		{"another question", "select * from {{#12}}"},
		{"parameter in a text", "select '{{x}}'"},
		{"parameter in a comment", "select 1 -- {{x}}"},
		{"stray braces", "select 1 }}"},
		{"optional clause", "select 1 [[where a = {{x}}]]"},
		{"not UTF-8", "select '\xff'"},
		{"too long", "select '" + strings.Repeat("x", maxSQL) + "'"},
	} {
		_, err := guard(c.sql)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.NotPermitted && f.Kind != fault.InvalidArguments || !f.NotSent {
			t.Errorf("%s: %q: got %v", c.why, c.sql, err)
		}
	}
}

// Whatever passes begins with a word that reads, and outside of its texts has no
// semicolon in the middle and none of the worst verbs. The check shares nothing
// with the guard: it looks at what is left when texts are taken out the way that
// each of three databases would.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{
		"select 1", "select 'a''b' from t", "with x as (select 1) select * from x; drop table t",
		"select [a] from t -- x\n", "select $$a$$", `select 'a\'b'`, "select /* */ 1 # x\n", "select {{a}}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if _, err := guard(sql); err != nil {
			var f *fault.Error
			if !errors.As(err, &f) {
				t.Errorf("not a fault: %v", err)
			}
			return
		}
		for name, d := range map[string]dialect{
			"PostgreSQL": {dollar: true, nested: true},
			"MySQL":      {backslash: true, hash: true, dashBlank: true},
			"SQL Server": {brackets: true, nested: true},
		} {
			code := d.code(sql)
			if strings.Contains(strings.TrimRight(code, "; \t\r\n"), ";") {
				t.Errorf("%s sees several statements in %q: %q", name, sql, code)
			}
			for _, w := range strings.FieldsFunc(strings.ToLower(code), func(r rune) bool {
				return (r < 'a' || r > 'z') && r != '_' && (r < '0' || r > '9') && r < 128 && r != '$'
			}) {
				if slices.Contains([]string{"insert", "update", "delete", "drop", "into", "exec", "truncate", "alter"}, w) {
					t.Errorf("%s sees %q in %q", name, w, sql)
				}
			}
		}
	})
}

// dialect is how one database tells texts and comments from code.
type dialect struct{ backslash, hash, dashBlank, dollar, nested, brackets bool }

// code is the statement with texts, quoted names and comments taken out.
func (d dialect) code(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		rest := s[i:]
		switch c := s[i]; {
		case c == '\'' || c == '"' || c == '`':
			i++
			for i < len(s) {
				if d.backslash && c != '`' && s[i] == '\\' {
					i += 2
					continue
				}
				if s[i] == c {
					if i+1 < len(s) && s[i+1] == c {
						i += 2
						continue
					}
					break
				}
				i++
			}
			i++
			out.WriteByte(' ')
		case c == '[' && d.brackets:
			i++
			for i < len(s) {
				if s[i] == ']' {
					if i+1 < len(s) && s[i+1] == ']' {
						i += 2
						continue
					}
					break
				}
				i++
			}
			i++
		case strings.HasPrefix(rest, "--") && (!d.dashBlank || len(rest) == 2 || rest[2] <= ' '), c == '#' && d.hash:
			end := strings.IndexByte(rest, '\n')
			if d.dollar && end < 0 {
				end = strings.IndexByte(rest, '\r')
			}
			if end < 0 {
				return out.String()
			}
			i += end
		case strings.HasPrefix(rest, "/*"):
			depth := 1
			i += 2
			for i < len(s) && depth > 0 {
				switch {
				case strings.HasPrefix(s[i:], "*/"):
					depth--
					i += 2
				case d.nested && strings.HasPrefix(s[i:], "/*"):
					depth++
					i += 2
				default:
					i++
				}
			}
			out.WriteByte(' ')
		case c == '$' && d.dollar && dollarQuote.MatchString(rest):
			tag := dollarQuote.FindString(rest)
			end := strings.Index(rest[len(tag):], tag)
			if end < 0 {
				return out.String()
			}
			i += end + 2*len(tag)
		default:
			out.WriteByte(c)
			i++
		}
	}
	return out.String()
}
