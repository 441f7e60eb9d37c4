package monitor

import "fmt"

// The things that an agent can use for the first time.
const (
	usedTool = iota
	usedService
	usedChannel
	usedObject
	usages
)

// usageOf tells which arguments say on what a tool works.
func usageOf(argument string) (usage int, word string) {
	switch argument {
	case "channel":
		return usedChannel, "channel"
	case "object_type":
		return usedObject, "object type"
	case "index":
		return usedObject, "index"
	case "database":
		return usedObject, "database"
	case "collection":
		return usedObject, "collection"
	}
	return 0, ""
}

// usedTo is how many calls it takes besides to know what an agent uses.
const usedTo = 300

// maxName is how much of a name an alert shows, in bytes.
const maxName = 120

// firstUse judges what an agent uses.
func (j *Judge) firstUse(s *seen, a *agent) {
	if len(s.service) == 0 {
		return
	}
	j.use(s, a, usedService, "service", s.service)
	j.use(s, a, usedTool, "tool", s.tool)
	if s.body == nil {
		return
	}
	members(s.member("arguments"), func(key, value []byte) bool {
		usage, word := usageOf(string(key))
		if word == "" {
			return true
		}
		text := textOf(value)
		if text == nil {
			text = value // a number
		}
		if len(text) > 0 {
			j.use(s, a, usage, word, text)
		}
		return true
	})
}

func (j *Judge) use(s *seen, a *agent, usage int, word string, name []byte) {
	h := hash(word, name)
	if a.Used[h] {
		return
	}
	if len(a.Used) >= maxUsed {
		return
	}
	a.Used[h] = true
	agent, rule := a.name, &a.how.first
	if !a.known(s.time, rule.After) || a.Calls < usedTo {
		if a.known(s.time, week) { // in the first week all is new
			a.New[usage].came(s.time)
		}
		return
	}
	if before := a.New[usage].came(s.time); before >= often || rule.Off {
		return
	}
	severity := ""
	if usage == usedService && rule.Severity == Low {
		severity = Medium
	}
	shown := string(name[:min(len(name), maxName)])
	j.sign(s, sign{rule: RuleFirstUse, how: *rule, severity: severity, key: agent, subject: Subject{Agent: agent, Service: string(s.service)}, say: func() (string, string) {
		return fmt.Sprintf("agent %s used the %s %s for the first time", agent, word, shown),
			fmt.Sprintf("it has been here for %d days and made %d calls without it", (s.time.Unix()-a.First)/86400, a.Calls)
	}})
}
