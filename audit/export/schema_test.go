package export

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// schema is a class of OCSF, flattened: see testdata/ocsf/README.md.
type schema struct {
	Version string
	Class   object
	Objects map[string]object
	Types   map[string]struct {
		Type, Regex string
		MaxLen      int `json:"max_len"`
	}
}

type object struct {
	Attributes  map[string]attribute
	Constraints map[string][]string
}

type attribute struct {
	Type, Requirement, Profile, Sibling string
	ObjectType                          string `json:"object_type"`
	Array                               bool   `json:"is_array"`
	Deprecated                          bool
	Enum                                map[string]string
}

func readSchema(t testing.TB, version string) *schema {
	t.Helper()
	raw, err := os.ReadFile("testdata/ocsf/api_activity-" + version + ".json")
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{}
	if err := json.Unmarshal(raw, s); err != nil || s.Version != version {
		t.Fatal(s.Version, err)
	}
	return s
}

// check holds an event against the class and returns what does not fit.
func (s *schema) check(raw []byte) (wrong []string) {
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		return []string{err.Error()}
	}
	var profiles []string
	if m, ok := v["metadata"].(map[string]any); ok {
		list, _ := m["profiles"].([]any)
		for _, p := range list {
			profiles = append(profiles, fmt.Sprint(p))
		}
	}
	c := checker{schema: s, profiles: profiles}
	c.object("", s.Class, v)
	if uid, class := v["type_uid"], v["class_uid"]; uid != class.(float64)*100+v["activity_id"].(float64) {
		c.fail("type_uid", "is %v", uid)
	}
	return c.wrong
}

type checker struct {
	schema   *schema
	profiles []string
	wrong    []string
}

func (c *checker) fail(path, format string, args ...any) {
	c.wrong = append(c.wrong, path+" "+fmt.Sprintf(format, args...))
}

func (c *checker) object(path string, o object, v map[string]any) {
	for name, a := range o.Attributes {
		applies := a.Profile == "" || slices.Contains(c.profiles, a.Profile)
		value, there := v[name]
		switch {
		case !there && applies && a.Requirement == "required":
			c.fail(path+name, "is required")
		case there && !applies:
			c.fail(path+name, "is of the profile %s, which the event does not name", a.Profile)
		case there && a.Deprecated:
			c.fail(path+name, "is deprecated")
		case there:
			c.attribute(path+name, a, value)
			c.sibling(path, a, value, v)
		}
	}
	for name := range v {
		if _, ok := o.Attributes[name]; !ok {
			c.fail(path+name, "is no attribute")
		}
	}
	if names := o.Constraints["at_least_one"]; names != nil && !slices.ContainsFunc(names, func(n string) bool { return v[n] != nil }) {
		c.fail(path, "has none of %v", names)
	}
}

// sibling holds the word beside a number against the number's caption.
func (c *checker) sibling(path string, a attribute, value any, in map[string]any) {
	word, there := in[a.Sibling]
	if a.Sibling == "" || !there || a.Enum == nil {
		return
	}
	if n, ok := value.(float64); ok && n != 99 && a.Enum[strconv.Itoa(int(n))] != word {
		c.fail(path+a.Sibling, "is %v, not %s", word, a.Enum[strconv.Itoa(int(n))])
	}
}

func (c *checker) attribute(path string, a attribute, value any) {
	if a.Array {
		list, ok := value.([]any)
		if !ok {
			c.fail(path, "is no list")
			return
		}
		a.Array = false
		for i, item := range list {
			c.attribute(fmt.Sprintf("%s[%d]", path, i), a, item)
		}
		return
	}
	if a.Type == "object_t" {
		v, ok := value.(map[string]any)
		o, known := c.schema.Objects[a.ObjectType]
		switch {
		case !ok:
			c.fail(path, "is no object")
		case known:
			c.object(path+".", o, v)
		case a.ObjectType != "object": // unmapped: anything
			c.fail(path, "is a %s, which testdata does not have", a.ObjectType)
		}
		return
	}
	c.value(path, a, value)
}

func (c *checker) value(path string, a attribute, value any) {
	base := a.Type
	for c.schema.Types[base].Type != "" {
		base = c.schema.Types[base].Type
	}
	switch base {
	case "string_t":
		s, ok := value.(string)
		if !ok {
			c.fail(path, "is no text")
			return
		}
		if t := c.schema.Types[a.Type]; t.Regex != "" && !regexp.MustCompile(t.Regex).MatchString(s) {
			c.fail(path, "is no %s: %q", a.Type, s)
		}
		if a.Enum != nil && a.Enum[s] == "" {
			c.fail(path, "is none of its values: %q", s)
		}
	case "integer_t", "long_t", "timestamp_t":
		n, ok := value.(float64)
		if !ok || n != float64(int64(n)) {
			c.fail(path, "is no whole number: %v", value)
			return
		}
		if a.Enum != nil && a.Enum[strconv.Itoa(int(n))] == "" {
			c.fail(path, "is none of its values: %v", value)
		}
	case "boolean_t":
		if _, ok := value.(bool); !ok {
			c.fail(path, "is neither true nor false")
		}
	case "json_t": // anything
	default:
		c.fail(path, "has the type %s, which the test does not know", base)
	}
}
