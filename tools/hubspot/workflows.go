package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/upstream"
)

// flowsPath is the one address that has no date in it: of workflows HubSpot has a
// dated version only as a beta, whose address has changed already. Version 4 is kept
// until 30 March 2027 (developers.hubspot.com/docs/api-reference/automation-automation-v4-v4/guide).
const flowsPath = "/automation/v4/flows"

const (
	flowPage     = 100
	maxFlowPages = 10 // that a name is looked for in
	maxSteps     = 200
	maxFields    = 400 // characters of what a step is told
	maxTrigger   = 2000
)

type listWorkflowsIn struct {
	Search string `json:"search"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// WorkflowList is a page of workflows.
type WorkflowList struct {
	Workflows []Workflow `json:"workflows"`
	Next      string     `json:"next_cursor,omitempty"`
	Note      string     `json:"note,omitempty"`
}

// Workflow is a workflow: what HubSpot does by itself.
type Workflow struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"`
	Enabled    bool   `json:"enabled"`
	ObjectType string `json:"object_type"`
	UpdatedAt  string `json:"updated_at,omitempty"`
}

func (w Workflow) line() string {
	state := "off"
	if w.Enabled {
		state = "on"
	}
	return fmt.Sprintf("%s %s %s, %s", w.ID, upstream.Quote(w.Name), w.ObjectType, state)
}

// Text is one line a workflow.
func (l WorkflowList) Text() string {
	lines := []string{fmt.Sprintf("%d workflows", len(l.Workflows))}
	for _, w := range l.Workflows {
		lines = append(lines, w.line())
	}
	return strings.Join(lines, "\n") + more(l.Next, l.Note)
}

type wireFlow struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"isEnabled"`
	TypeID  string `json:"objectTypeId"`
	At      string `json:"updatedAt"`

	Start   string          `json:"startActionId"`
	Trigger json.RawMessage `json:"enrollmentCriteria"`
	Steps   []wireStep      `json:"actions"`
}

type wireStep struct {
	ID     string          `json:"actionId"`
	Type   string          `json:"type"`
	TypeID string          `json:"actionTypeId"`
	Fields json.RawMessage `json:"fields"`
	Next   struct {
		ID string `json:"nextActionId"`
	} `json:"connection"`
}

func (w wireFlow) workflow(k kind) Workflow {
	return Workflow{ID: upstream.Clean(w.ID, 40), Name: upstream.Clean(w.Name, 200), Enabled: w.Enabled, ObjectType: k.name, UpdatedAt: stamp(w.At)}
}

// flows reads a page of workflows.
func (s *service) flows(ctx context.Context, c *upstream.Client, after string, limit int) ([]wireFlow, string, error) {
	params := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		params.Set("after", after)
	}
	var got struct {
		Results []wireFlow `json:"results"`
		Paging  wirePaging `json:"paging"`
	}
	if err := c.Get(ctx, flowsPath, params, &got); err != nil {
		return nil, "", err
	}
	return got.Results[:min(len(got.Results), limit)], got.Paging.Next.After, nil
}

// allFlows are the workflows on the types that the call may see.
func (s *service) allFlows(ctx context.Context, c *upstream.Client) (all []Workflow, note string, err error) {
	after := ""
	for page := 0; ; page++ {
		if page == maxFlowPages {
			note = fmt.Sprintf("only the first %d workflows were looked at", maxFlowPages*flowPage)
			break
		}
		got, next, err := s.flows(ctx, c, after, flowPage)
		if err != nil {
			return nil, "", err
		}
		for _, w := range got {
			if k := s.kindOf(ctx, c, w.TypeID); readable(c, k) == nil {
				all = append(all, w.workflow(k))
			}
		}
		c.Progress(float64(page+1), 0, "pages of workflows read")
		if after = next; after == "" {
			break
		}
	}
	if slices.ContainsFunc(kindNames(), func(name string) bool { return !c.Allows("crm.objects." + name + ".read") }) {
		note = notes(note, "workflows on types that this agent may not see are left out")
	}
	return all, note, nil
}

func (s *service) listWorkflows(ctx context.Context, c *upstream.Client, in listWorkflowsIn) (WorkflowList, error) {
	query := []string{"list_workflows", in.Search}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return WorkflowList{}, err
	}
	all, note, err := s.allFlows(ctx, c)
	if err != nil {
		return WorkflowList{}, err
	}
	words := strings.Fields(strings.ToLower(in.Search))
	fit := slices.DeleteFunc(all, func(w Workflow) bool {
		return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(strings.ToLower(w.Name), word) })
	})
	out := WorkflowList{Workflows: []Workflow{}, Note: note}
	page, next := tools.Page(query, at, fit, in.Limit, "")
	out.Workflows, out.Next = append(out.Workflows, page...), next
	return out, nil
}

type getWorkflowIn struct {
	Workflow string `json:"workflow"`
}

// WorkflowSteps is a workflow with what starts it and what it does.
type WorkflowSteps struct {
	Workflow
	Trigger string `json:"trigger,omitempty"` // HubSpot's JSON, cut to 2,000 characters
	Start   string `json:"starts_with,omitempty"`
	Steps   []Step `json:"steps"`
}

// Step is one action of a workflow.
type Step struct {
	ID     string `json:"id"`
	Does   string `json:"does"`             // "set property", else HubSpot's id of the action
	Fields string `json:"fields,omitempty"` // HubSpot's JSON, cut to 400 characters
	Next   string `json:"next,omitempty"`   // the step behind it, where there is one only
}

// Text is a line for the workflow, one for what starts it, and one a step.
func (w WorkflowSteps) Text() string {
	text := w.line()
	if w.Trigger != "" {
		text += "\nstarts when " + upstream.Quote(w.Trigger)
	}
	for _, st := range w.Steps {
		text += "\nstep " + st.ID + ": " + upstream.Quote(st.Does)
		if st.Fields != "" {
			text += " " + upstream.Quote(st.Fields)
		}
		if st.Next != "" {
			text += ", then step " + st.Next
		}
	}
	return text
}

// actionNames are HubSpot's own actions, by the ids that its guide gives them.
var actionNames = map[string]string{
	"0-1": "wait", "0-35": "wait until a day or time", "0-3": "create task", "0-4": "send marketing email", "0-5": "set property",
	"0-8": "send internal email", "0-9": "send in-app notification", "0-14": "create record", "0-63809083": "add to list", "0-63863438": "remove from list",
}

func (s *service) getWorkflow(ctx context.Context, c *upstream.Client, in getWorkflowIn) (WorkflowSteps, error) {
	id := in.Workflow
	if !isRecordID(id) {
		all, _, err := s.allFlows(ctx, c)
		if err != nil {
			return WorkflowSteps{}, err
		}
		var choice []names.Named
		for _, w := range all {
			choice = append(choice, names.Named{ID: w.ID, Name: w.Name})
		}
		picked, err := names.Pick("workflow", in.Workflow, choice, "hubspot_list_workflows")
		if err != nil {
			return WorkflowSteps{}, err
		}
		id = picked.ID
	}
	var w wireFlow
	if err := c.Get(ctx, flowsPath+"/"+url.PathEscape(id), nil, &w); err != nil {
		return WorkflowSteps{}, err
	}
	if !isRecordID(w.ID) {
		return WorkflowSteps{}, fault.New(fault.UpstreamError, "HubSpot answered without the workflow. Try again later; if it stays so, tell the operator.")
	}
	k := s.kindOf(ctx, c, w.TypeID)
	if err := readable(c, k); err != nil {
		return WorkflowSteps{}, err
	}
	out := WorkflowSteps{Workflow: w.workflow(k), Trigger: compact(w.Trigger, maxTrigger), Start: upstream.Clean(w.Start, 40), Steps: []Step{}}
	for _, st := range w.Steps[:min(len(w.Steps), maxSteps)] {
		does := actionNames[st.TypeID]
		if does == "" {
			does = strings.ToLower(strings.ReplaceAll(upstream.Clean(strings.TrimSpace(st.Type+" "+st.TypeID), 80), "_", " "))
		}
		out.Steps = append(out.Steps, Step{upstream.Clean(st.ID, 40), does, compact(st.Fields, maxFields), upstream.Clean(st.Next.ID, 40)})
	}
	return out, nil
}

// compact is a JSON value as a short text; "" for none.
func compact(raw json.RawMessage, most int) string {
	text := upstream.Clean(string(raw), most)
	if text == "null" || text == "{}" {
		return ""
	}
	return text
}

func (s *service) workflowTools() []tools.Tool {
	return []tools.Tool{
		tools.New("hubspot_list_workflows", s.listWorkflows),
		tools.New("hubspot_get_workflow", s.getWorkflow),
	}
}
