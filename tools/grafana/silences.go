package grafana

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
	"toolvault/tools/when"
)

const (
	silencesPath = "/api/alertmanager/grafana/api/v2/silence"
	maxSilence   = 31 * 24 * time.Hour
	silencedBy   = "toolvault"
)

func (s *service) silenceTools() []tools.Tool {
	return []tools.Tool{
		tools.New("grafana_list_silences", s.listSilences),
		tools.New("grafana_create_silence", s.createSilence),
		tools.New("grafana_expire_silence", s.expireSilence),
	}
}

// matcher is a condition on a label, as the Alertmanager's API has it.
type matcher struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Regex bool   `json:"isRegex"`
	Equal *bool  `json:"isEqual"` // absent: true
}

func (m matcher) equal() bool { return m.Equal == nil || *m.Equal }

// String is the matcher as in PromQL.
func (m matcher) String() string {
	op := map[[2]bool]string{{true, false}: "=", {true, true}: "=~", {false, false}: "!=", {false, true}: "!~"}[[2]bool{m.equal(), m.Regex}]
	return m.Name + op + strconv.Quote(m.Value)
}

var matcherForm = pattern.New(`(?s)^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$`)

// parseMatcher reads one as in PromQL: name="value", with != or, for a regular
// expression, =~ and !~. The quotes may be left out.
func parseMatcher(text string) (matcher, error) {
	m := matcherForm.FindStringSubmatch(text)
	if m == nil {
		return matcher{}, fault.Wrong(`%q is no matcher. Write it like alertname="Exports fail", with =, !=, =~ or !~.`, upstream.Clean(text, 80))
	}
	value := m[3]
	if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "`") {
		plain, err := strconv.Unquote(value)
		if err != nil {
			return matcher{}, fault.Wrong(`The quotes of the matcher %q do not pair.`, upstream.Clean(text, 80))
		}
		value = plain
	}
	equal := m[2][0] == '='
	out := matcher{Name: m[1], Value: value, Regex: len(m[2]) == 2 && m[2][1] == '~', Equal: &equal}
	if out.Regex {
		if _, err := out.regexp(); err != nil {
			return matcher{}, fault.Wrong("The regular expression of the matcher %q cannot be read (RE2).", upstream.Clean(text, 80))
		}
	}
	return out, nil
}

// regexp is anchored at both ends, as the Alertmanager does it.
func (m matcher) regexp() (*regexp.Regexp, error) { return regexp.Compile("^(?:" + m.Value + ")$") }

// anything is a value that no label has: what matches it, matches whatever there is.
const anything = "any value, toolvault asks"

// parseMatchers reads all of a silence. At least one has to say which alerts, and
// not only which not: a silence of everything hides every incident.
func parseMatchers(texts []string) ([]matcher, error) {
	var all []matcher
	narrow := false
	for _, t := range texts {
		m, err := parseMatcher(t)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
		switch {
		case !m.equal() || m.Value == "":
		case !m.Regex:
			narrow = true
		default:
			re, _ := m.regexp()
			narrow = narrow || !re.MatchString(anything) && !re.MatchString("")
		}
	}
	if !narrow {
		return nil, fault.Wrong("These matchers would silence every alert. Name at least one label and its value, such as alertname or service.")
	}
	return all, nil
}

// silenceModel is a silence: GET …/silences.
type silenceModel struct {
	ID     string `json:"id"`
	Status struct {
		State string `json:"state"` // active, pending, expired
	} `json:"status"`
	Matchers []matcher `json:"matchers"`
	Starts   string    `json:"startsAt"`
	Ends     string    `json:"endsAt"`
	By       string    `json:"createdBy"`
	Comment  string    `json:"comment"`
}

// Silence keeps alerts that match from being sent, for a time.
type Silence struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Matchers []string `json:"matchers"`
	Starts   string   `json:"starts"`
	Ends     string   `json:"ends"`
	By       string   `json:"by,omitempty"`
	Comment  string   `json:"comment,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// Text is one line.
func (s Silence) Text() string {
	text := fmt.Sprintf("silence %s  %s  %s  from %s to %s", s.ID, s.State, upstream.Quote(strings.Join(s.Matchers, ", ")), s.Starts, s.Ends)
	if s.By != "" || s.Comment != "" {
		text += fmt.Sprintf("  by %s: %s", upstream.Quote(s.By), upstream.Quote(s.Comment))
	}
	if s.Note != "" {
		text += "\n" + s.Note
	}
	return text
}

// Silences is the answer of grafana_list_silences.
type Silences struct {
	Silences []Silence `json:"silences"`
	Total    int       `json:"total"`
}

// Text is one to a line.
func (s Silences) Text() string {
	if s.Total == 0 {
		return "No such silence."
	}
	var b strings.Builder
	for _, i := range s.Silences {
		b.WriteString(i.Text() + "\n")
	}
	if more := s.Total - len(s.Silences); more > 0 {
		fmt.Fprintf(&b, "and %d more: narrow it by state or search\n", more)
	}
	return b.String()
}

var silenceForm = pattern.New(`^[A-Za-z0-9-]{1,64}$`)

func (m silenceModel) shown() Silence {
	out := Silence{
		ID: m.ID, State: word(m.Status.State, "unknown"), Matchers: []string{}, Starts: moment(m.Starts), Ends: moment(m.Ends),
		By: upstream.Clean(m.By, 100), Comment: upstream.Clean(m.Comment, 300),
	}
	for _, one := range m.Matchers[:min(len(m.Matchers), 20)] {
		out.Matchers = append(out.Matchers, upstream.Clean(one.String(), 200))
	}
	return out
}

// moment is a time of an answer, in one form.
func moment(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return "unknown"
	}
	return stamp(t)
}

// SilencesArgs are those of grafana_list_silences.
type SilencesArgs struct {
	State  string `json:"state"`
	Search string `json:"search"`
	Limit  int    `json:"limit"`
}

func (s *service) listSilences(ctx context.Context, c *upstream.Client, in SilencesArgs) (Silences, error) {
	var all []silenceModel
	if err := s.get(ctx, c, silencesPath+"s", nil, &all); err != nil {
		return Silences{}, err
	}
	slices.SortStableFunc(all, func(a, b silenceModel) int { return cmp.Compare(b.Ends, a.Ends) })
	out := Silences{Silences: []Silence{}}
	for _, m := range all {
		i := m.shown()
		if !silenceForm.MatchString(m.ID) || in.State != "all" && i.State != in.State ||
			!strings.Contains(strings.ToLower(strings.Join(i.Matchers, " ")+i.Comment), strings.ToLower(in.Search)) {
			continue
		}
		if out.Total++; len(out.Silences) < in.Limit {
			out.Silences = append(out.Silences, i)
		}
	}
	return out, nil
}

// SilenceArgs are those of grafana_create_silence.
type SilenceArgs struct {
	Matchers []string `json:"matchers"`
	Until    string   `json:"until"`
	Comment  string   `json:"comment"`
}

func (s *service) createSilence(ctx context.Context, c *upstream.Client, in SilenceArgs) (Silence, error) {
	matchers, err := parseMatchers(in.Matchers)
	if err != nil {
		return Silence{}, err
	}
	now := s.now()
	clock := s.clock()
	clock.Ahead = true
	ends, err := when.Parse("until", in.Until, clock)
	if err != nil {
		return Silence{}, err
	}
	switch d := ends.Sub(now); {
	case d <= 0:
		return Silence{}, fault.Wrong("until is in the past: %s.", stamp(ends))
	case d > maxSilence:
		return Silence{}, fault.Wrong("A silence of more than 31 days is for a person to make.")
	}
	var r struct {
		ID  string `json:"silenceID"`
		Old string `json:"id"`
	}
	err = s.do(ctx, c, upstream.Request{Path: silencesPath + "s", JSON: map[string]any{
		"matchers": matchers, "startsAt": stamp(now), "endsAt": stamp(ends), "createdBy": silencedBy, "comment": in.Comment,
	}}, &r)
	if err != nil {
		return Silence{}, err
	}
	id := cmp.Or(r.ID, r.Old)
	if !silenceForm.MatchString(id) {
		return Silence{}, fault.New(fault.UpstreamError, "Grafana has made the silence and did not say its id. Look for it with grafana_list_silences; do not make it again.")
	}
	out := Silence{ID: id, State: "active", Starts: stamp(now), Ends: stamp(ends), Comment: upstream.Clean(in.Comment, 300), By: silencedBy}
	for _, m := range matchers {
		out.Matchers = append(out.Matchers, upstream.Clean(m.String(), 200))
	}
	return out, nil
}

// ExpireArgs are those of grafana_expire_silence.
type ExpireArgs struct {
	ID string `json:"id"`
}

// expireSilence ends a silence now. It is looked at first: one that has ended is
// refused by the Alertmanager with a 500.
func (s *service) expireSilence(ctx context.Context, c *upstream.Client, in ExpireArgs) (Silence, error) {
	path := silencesPath + "/" + url.PathEscape(in.ID)
	var m silenceModel
	if err := s.do(ctx, c, upstream.Request{Path: path, Read: true, Fault: ofSilence}, &m); err != nil {
		return Silence{}, err
	}
	if m.ID != in.ID {
		return Silence{}, fault.New(fault.UpstreamError, "Grafana answered with another silence than was asked for, so nothing was done.")
	}
	out := m.shown()
	if out.State == "expired" {
		out.Note = "It had ended already."
		return out, nil
	}
	if err := s.do(ctx, c, upstream.Request{Method: http.MethodDelete, Path: path, Fault: ofSilence}, nil); err != nil {
		return Silence{}, err
	}
	out.State, out.Ends = "expired", stamp(s.now())
	return out, nil
}

func ofSilence(r *upstream.Response) *fault.Error {
	f := readFault(r)
	if f != nil && r.Status == http.StatusNotFound {
		f.Message = "There is no such silence. grafana_list_silences shows those that there are; an ended one is forgotten after some days."
	}
	return f
}
