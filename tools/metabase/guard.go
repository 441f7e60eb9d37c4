package metabase

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"toolvault/tools/fault"
)

const maxSQL = 20 << 10 // bytes

// guard lets through SQL that only reads: one statement that begins with SELECT,
// WITH, VALUES, SHOW, DESCRIBE or EXPLAIN, and has no word in it that writes,
// locks, waits, or reaches files and other servers. It returns the names of the
// {{parameters}} in it, in order, each once.
//
// Metabase speaks to many databases, which disagree on where a text or a comment
// ends; what one reads as a text is a command to another. So the guard does not
// guess the dialect: it refuses what they read differently (lexer in lex.go), and
// judges the rest. It is strict on purpose, and a second line only: the first is
// a database user that may not write.
func guard(sql string) (params []string, err error) {
	if len(sql) > maxSQL {
		return nil, refuse("the SQL is longer than %d bytes", maxSQL)
	}
	if !utf8.ValidString(sql) {
		return nil, refuse("the SQL is not valid UTF-8")
	}
	tokens, err := lex(sql)
	if err != nil {
		return nil, err
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].text == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	if err := judge(tokens); err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if t.kind == parameter && !slices.Contains(params, t.text) {
			params = append(params, t.text)
		}
	}
	return params, nil
}

func refuse(format string, args ...any) error {
	f := fault.New(fault.InvalidArguments, "The SQL guard did not let this through: "+format+".", args...)
	f.NotSent = true
	return f
}

func forbid(format string, args ...any) error {
	f := fault.New(fault.NotPermitted, "The SQL guard did not let this through: "+format+".", args...)
	f.NotSent = true
	return f
}

// judge decides on the words of one statement.
func judge(tokens []token) error {
	first := ""
	for _, t := range tokens {
		if t.text == "(" && t.kind == sign {
			continue
		}
		if t.kind == word {
			first = fold(t.text)
		}
		break
	}
	if !slices.Contains(beginnings, first) {
		return forbid("only statements that read are allowed: begin with SELECT, WITH, VALUES, SHOW, DESCRIBE or EXPLAIN")
	}
	for i, t := range tokens {
		next := ""
		if i+1 < len(tokens) && tokens[i+1].kind != text {
			next = tokens[i+1].text
		}
		if t.kind == sign && t.text == ";" {
			return forbid("one statement at a time; there is a semicolon in the middle")
		}
		if t.kind != word && t.kind != quoted {
			continue
		}
		w := fold(t.text)
		if t.kind == word {
			if slices.Contains(verbs, w) {
				return forbid("the word %s is not allowed, since it can change or lock something; a column of that name has to stand in quotes", w)
			}
			if first == "EXPLAIN" && (w == "ANALYZE" || w == "ANALYSE" || w == "PROFILE") {
				return forbid("EXPLAIN may not run the statement; leave out %s", w)
			}
			if w == "FOR" && slices.Contains([]string{"SHARE", "KEY", "NO"}, fold(next)) {
				return forbid("FOR %s locks rows", fold(next))
			}
		}
		if forbiddenFunction(w, next == "(") {
			return forbid("the function %s is not allowed, since it reaches beyond the tables", w)
		}
	}
	return nil
}

var beginnings = []string{"SELECT", "WITH", "VALUES", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"}

// verbs are denied wherever they stand: in a common table expression, or after a
// complete SELECT, since SQL Server needs no semicolon between statements.
var verbs = strings.Fields(`
	INSERT UPDATE DELETE MERGE UPSERT INTO OUTFILE DUMPFILE DROP ALTER CREATE TRUNCATE
	GRANT REVOKE DENY CALL EXEC EXECUTE COPY UNLOAD SET RESET LOCK UNLOCK VACUUM REINDEX
	ATTACH DETACH PRAGMA INSTALL SHUTDOWN KILL BACKUP RESTORE BULK WAITFOR DECLARE DBCC
	RECONFIGURE USE BEGIN COMMIT ROLLBACK SAVEPOINT PREPARE DEALLOCATE HANDLER RENAME
	WRITETEXT UPDATETEXT READTEXT RAISERROR GOTO WHILE SETUSER LISTEN NOTIFY UNLISTEN DISCARD REFRESH
`)

// Functions that read files, reach servers, run SQL from a text, wait or take
// locks. A prefix ends in *.
var forbidden = strings.Fields(`
	PG_READ_* PG_LS_* PG_STAT_FILE PG_STAT_RESET* PG_FILE_* PG_SLEEP* PG_TERMINATE_* PG_CANCEL_* PG_RELOAD_* PG_ROTATE_*
	PG_SWITCH_* PG_CREATE_* PG_DROP_* PG_PROMOTE PG_WAL_* PG_BACKUP_* PG_START_BACKUP PG_STOP_BACKUP
	PG_ADVISORY_* PG_TRY_ADVISORY_* PG_NOTIFY PG_LOGICAL_* PG_REPLICATION_* PG_EXECUTE_* PG_IMPORT_*
	DBLINK* LO_IMPORT LO_EXPORT LO_CREAT* LO_UNLINK LO_PUT LO_OPEN LO_FROM_BYTEA LO_TRUNCATE* LOREAD LOWRITE SET_CONFIG SETVAL NEXTVAL QUERY_TO_XML* CURSOR_TO_XML* TS_STAT TS_REWRITE CROSSTAB* CONNECTBY
	LOAD_FILE LOAD_EXTENSION GET_LOCK RELEASE_LOCK RELEASE_ALL_LOCKS IS_FREE_LOCK SYS_EXEC SYS_EVAL MASTER_POS_WAIT
	XP_* OPENROWSET OPENQUERY OPENDATASOURCE FN_TRACE_*
	UTL_* DBMS_* HTTPURITYPE
	CSVREAD CSVWRITE FILE_READ FILE_WRITE LINK_SCHEMA RUNSCRIPT MEMORY_FREE ABORT_SESSION CANCEL_SESSION
	READFILE WRITEFILE READ_CSV* READ_PARQUET* READ_JSON* READ_TEXT* READ_BLOB* READ_NDJSON* PARQUET_SCAN POSTGRES_SCAN* SQLITE_SCAN* MYSQL_SCAN*
	AWS_LAMBDA AWS_S3 LOAD_AWS_CREDENTIALS LO_GET PG_CURRENT_LOGFILE PG_LOGFILE_* PG_EXPORT_SNAPSHOT BFILENAME
	EXTERNAL_QUERY SYSTEM$* REMOTESECURE CLUSTERALLREPLICAS JAVA_METHOD REFLECT
`)

// Words that are harmless as a column and not as a function. A prefix ends in *.
var forbiddenCalls = strings.Fields(`
	SLEEP BENCHMARK FILE URL S3 S3CLUSTER HDFS REMOTE JDBC ODBC MYSQL POSTGRESQL MONGODB REDIS SQLITE EXECUTABLE
	GLOB EDIT SCRIPT SYSTEM SLEEPEACHROW AZUREBLOBSTORAGE* GCS ICEBERG* DELTALAKE* DELTA_SCAN HUDI* CLUSTER URLCLUSTER FILECLUSTER HDFSCLUSTER
	YTSAURUS ARROWFLIGHT HTTP HTTP_GET HTTP_POST HTTP_PUT HTTP_PATCH HTTP_DELETE HTTP_HEAD SNIFF_CSV READ_XLSX ST_READ* PARQUET_* GETENV
`)

func forbiddenFunction(w string, called bool) bool {
	return among(w, forbidden) || called && among(w, forbiddenCalls)
}

func among(w string, list []string) bool {
	return slices.ContainsFunc(list, func(f string) bool {
		prefix, ok := strings.CutSuffix(f, "*")
		return ok && strings.HasPrefix(w, prefix) || f == w
	})
}

// fold brings a word to upper case as the most generous database would, so that
// letters which only turn into ASCII (a long s, a Kelvin sign) hide nothing.
func fold(s string) string {
	return strings.Map(unicode.ToUpper, strings.Map(unicode.ToLower, s))
}
