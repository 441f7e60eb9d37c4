package monitor

import "time"

// The rules.
const (
	RuleSpike        = "spike"               // an agent calls far more than it does at this hour of the week
	RuleHours        = "unusual_hours"       // an agent calls when it never does, or must not
	RuleVolume       = "data_volume"         // an agent reads far more than it does in any hour
	RuleDenials      = "denials"             // an agent is refused over several tools: probing
	RuleAuth         = "auth_failures"       // a service refuses a credential again and again
	RuleSignIn       = "sign_in_failures"    // somebody tries to sign in again and again
	RuleTokenRefused = "tokens_refused"      // tokens are refused, many from one place
	RuleReplayed     = "token_replayed"      // a code, a refresh token or an assertion came twice
	RuleFirstUse     = "first_use"           // a tool, service, channel or object type that the agent never used
	RuleNewClient    = "new_client"          // a credential is used through a program that never used it
	RuleRefresh      = "refresh_failures"    // a credential cannot be renewed
	RuleExpiring     = "credential_expiring" // a credential ends soon, and nothing here can renew it
	RuleCap          = "alerts_suppressed"   // there were more alerts than one can read
	RuleTest         = "test"                // `alerts test`
)

// Rules are all that judge, in the order in which people read them.
func Rules() []string {
	return []string{
		RuleSpike, RuleHours, RuleVolume, RuleDenials, RuleAuth, RuleSignIn, RuleTokenRefused, RuleReplayed,
		RuleFirstUse, RuleNewClient, RuleRefresh, RuleExpiring,
	}
}

// Actions of a rule.
const (
	ActionFreshToken = "require_fresh_token" // all tokens that the agent has are void; it can get new ones
	ActionSuspend    = "suspend"             // the agent may do nothing until a person resumes it
)

// Rule is how one rule judges. A field that a rule does not use says so in
// docs/alerts.md, and cannot be set.
type Rule struct {
	Off      bool
	Severity string
	Action   string        // ActionFreshToken or ActionSuspend; empty: none
	Count    float64       // records from which on anything is said; RuleVolume: MB in an hour
	Ratio    float64       // to what is normal
	Tools    int           // distinct ones
	Window   time.Duration // in which they are counted
	After    time.Duration // how long an agent has to be known
}

// Hours are when an agent is expected to work.
type Hours struct {
	Days     [7]bool        // from Sunday
	From, To time.Duration  // since midnight; To may be below From: over night
	Zone     *time.Location // nil: UTC
}

// contain reports whether a time is within them.
func (h *Hours) contain(t time.Time) bool {
	if h.Zone != nil {
		t = t.In(h.Zone)
	} else {
		t = t.UTC()
	}
	at := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	day := int(t.Weekday())
	if h.From < h.To {
		return h.Days[day] && at >= h.From && at < h.To
	}
	return h.Days[day] && at >= h.From || h.Days[(day+6)%7] && at < h.To
}

// Set is the rules that hold for an agent.
type Set struct {
	Rules map[string]Rule
	Hours *Hours // nil: learned
}

// Settings are how a Judge judges. The zero value has the defaults.
type Settings struct {
	All     Set
	Agents  map[string]Set // what differs for an agent: complete rules
	PerHour int            // alerts of each severity that are raised in an hour; 0: DefaultPerHour
}

// DefaultPerHour is how many alerts of one severity an hour may have.
const DefaultPerHour = 30

// Defaults are the rules as they are unless somebody says otherwise.
func Defaults() map[string]Rule {
	const day = 24 * time.Hour
	return map[string]Rule{
		RuleSpike:        {Severity: Medium, Count: 200, Ratio: 3},
		RuleHours:        {Severity: Medium, Count: 5, After: 21 * day},
		RuleVolume:       {Severity: High, Count: 20, Ratio: 4},
		RuleDenials:      {Severity: High, Count: 10, Tools: 4, Window: 10 * time.Minute},
		RuleAuth:         {Severity: Medium, Count: 5, Window: 10 * time.Minute},
		RuleSignIn:       {Severity: High, Count: 10, Window: 10 * time.Minute},
		RuleTokenRefused: {Severity: Medium, Count: 30, Window: 10 * time.Minute},
		RuleReplayed:     {Severity: High, Count: 1, Window: time.Hour},
		RuleFirstUse:     {Severity: Low, After: 21 * day},
		RuleNewClient:    {Severity: Medium, After: 14 * day},
		RuleRefresh:      {Severity: Medium, Count: 3, Window: time.Hour},
		RuleExpiring:     {Severity: Low},
	}
}

// rule is the one that holds for an agent. Of one that is off what it leaves open is as
// usual: what is no incident is learned all the same.
func (s Settings) rule(agent, name string) Rule {
	r, ok := s.Agents[agent].Rules[name]
	if !ok {
		r, ok = s.All.Rules[name]
	}
	switch {
	case !ok:
		return Rule{Off: true}
	case r.Off:
		r = Defaults()[name]
		r.Off = true
	}
	return r
}

// howto is the rules that judge the calls of an agent, looked up once.
type howto struct {
	spike, hours, volume, denials, auth, first, client Rule
	given                                              *Hours
}

func (s Settings) howto(agent string) *howto {
	return &howto{
		spike: s.rule(agent, RuleSpike), hours: s.rule(agent, RuleHours), volume: s.rule(agent, RuleVolume), denials: s.rule(agent, RuleDenials),
		auth: s.rule(agent, RuleAuth), first: s.rule(agent, RuleFirstUse), client: s.rule(agent, RuleNewClient), given: s.hours(agent),
	}
}

func (s Settings) hours(agent string) *Hours {
	if h := s.Agents[agent].Hours; h != nil {
		return h
	}
	return s.All.Hours
}

// filled is the settings with what is missing.
func (s Settings) filled() Settings {
	rules := Defaults()
	for name, r := range s.All.Rules {
		rules[name] = r
	}
	s.All.Rules = rules
	if s.PerHour <= 0 {
		s.PerHour = DefaultPerHour
	}
	return s
}
