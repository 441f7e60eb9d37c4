package segment

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"toolvault/tools/sandbox/double"
)

type regulation struct {
	id, kind, source, status string
	subjects                 []string
	created                  time.Time
}

const maxSubjects = 5000

// regulate is /regulations. What Segment does over days happens here at once, but for
// the status, which stays RUNNING.
func (a *asked) regulate(get bool) {
	if get {
		status := a.r.URL.Query().Get("status")
		some := slices.DeleteFunc(slices.Clone(a.in.regulations), func(r *regulation) bool {
			return status != "" && r.status != status || a.s.now().Sub(r.created) > 90*24*time.Hour
		})
		slices.Reverse(some)
		listed(a, "regulations", some, func(r *regulation) map[string]any {
			return map[string]any{
				"id": r.id, "subjectType": "USER_ID", "subjects": r.subjects, "status": r.status,
				"createdAt": r.created.UTC().Format(time.RFC3339), "regulationType": r.kind,
			}
		})
		return
	}
	from := ""
	if len(a.parts) == 3 && a.parts[1] == "sources" {
		x := a.in.source(a.parts[2])
		if x == nil {
			a.missing()
			return
		}
		from = x.id
	} else if len(a.parts) != 1 {
		a.missing()
		return
	}
	var body struct {
		Kind        string   `json:"regulationType"`
		SubjectType string   `json:"subjectType"`
		Subjects    []string `json:"subjectIds"`
	}
	kinds := []string{"SUPPRESS_ONLY", "UNSUPPRESS", "SUPPRESS_WITH_DELETE", "DELETE_ONLY", "DELETE_INTERNAL", "SUPPRESS_WITH_DELETE_INTERNAL", "DELETE_ARCHIVE_ONLY"}
	switch err := decode(a.r, &body); {
	case err != nil:
		refuse(a.w, http.StatusUnprocessableEntity, "validation", "", "The body is invalid.")
		return
	case !slices.Contains(kinds, body.Kind):
		refuse(a.w, http.StatusUnprocessableEntity, "validation", "regulationType", "regulationType is invalid")
		return
	case body.SubjectType != "USER_ID" && body.SubjectType != "ANONYMOUS_ID":
		refuse(a.w, http.StatusUnprocessableEntity, "validation", "subjectType", "subjectType is invalid")
		return
	case len(body.Subjects) == 0 || len(body.Subjects) > maxSubjects:
		refuse(a.w, http.StatusUnprocessableEntity, "validation", "subjectIds", "subjectIds must have between 1 and 5000 items")
		return
	}
	in := a.in
	r := &regulation{id: "reg_" + double.Fake(in.name+body.Kind+strings.Repeat("+", len(in.regulations)), 22), kind: body.Kind, source: from, status: "RUNNING", subjects: body.Subjects, created: a.s.now()}
	in.regulations = append(in.regulations, r)
	for _, id := range body.Subjects {
		switch {
		case body.Kind == "UNSUPPRESS":
			delete(in.suppressed, id)
		case strings.HasPrefix(body.Kind, "SUPPRESS"):
			in.suppressed[id] = true
		}
		if strings.Contains(body.Kind, "DELETE") {
			in.users = slices.DeleteFunc(in.users, func(p *profile) bool { return p == in.find(false, "user_id", id) })
		}
	}
	in.note(r.created, "Workspace Regulation Created", "token", body.Kind, r.id, "REGULATION")
	a.data(map[string]any{"regulateId": r.id})
}
