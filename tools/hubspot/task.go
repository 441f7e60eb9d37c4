package hubspot

import (
	"context"
	"strings"
	"time"

	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

type createTaskIn struct {
	Subject   string `json:"subject"`
	Due       string `json:"due"`
	Body      string `json:"body"`
	Priority  string `json:"priority"`
	Type      string `json:"type"`
	Owner     string `json:"owner"`
	Associate []Ref  `json:"associate_to"`
}

// wholeDay is a day without a time of day.
var wholeDay = pattern.New(`(?i)^(\d{4}-\d{2}-\d{2}|today|tomorrow|((next|last)\s+)?[a-z]+day|(this|next)\s+(week|month))$`)

// createTask makes a task. One that is due on a day is due at nine there, as HubSpot
// itself has it, and not at midnight.
func (s *service) createTask(ctx context.Context, c *upstream.Client, in createTaskIn) (Logged, error) {
	due, err := s.instant(ctx, c, "due", in.Due, true)
	if err != nil {
		return Logged{}, err
	}
	if wholeDay.MatchString(strings.TrimSpace(in.Due)) {
		due = due.Add(9 * time.Hour)
	}
	return s.log(ctx, c, activity{
		kind: "tasks", body: in.Body, bodyIn: "hs_task_body", owner: in.Owner, at: due, associate: in.Associate,
		properties: map[string]string{
			"hs_task_subject": in.Subject, "hs_task_status": "NOT_STARTED",
			"hs_task_priority": strings.ToUpper(in.Priority), "hs_task_type": strings.ToUpper(in.Type),
		},
	})
}

type completeTaskIn struct {
	ID string `json:"id"`
}

func (s *service) completeTask(ctx context.Context, c *upstream.Client, in completeTaskIn) (One, error) {
	k, _ := standard("tasks")
	return s.update(ctx, c, k, in.ID, "", map[string]string{"hs_task_status": "COMPLETED"})
}
