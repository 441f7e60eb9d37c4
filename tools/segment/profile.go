package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"toolvault/tools"
	"toolvault/tools/fault"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

func (s *service) profileTools() []tools.Tool {
	return []tools.Tool{
		tools.New("segment_get_profile", s.getProfile),
		tools.New("segment_get_profile_events", s.getProfileEvents),
		tools.New("segment_get_profile_ids", s.getProfileIDs),
	}
}

var spaceForm = pattern.New(`^[A-Za-z0-9_-]{3,64}$`)

func checkSpace(v string) error {
	if !spaceForm.MatchString(v) {
		return errors.New("this must be the id of a space, such as spa_2rW…: letters and digits, no address")
	}
	return nil
}

// kindForm is how the kind of an id looks: user_id, email, ios.idfa, …
var kindForm = pattern.New(`^[A-Za-z][A-Za-z0-9_. -]{0,63}$`)

// identifier is a person's or a company's id as Segment takes it, KIND:VALUE. What
// has no kind is an e-mail address or else a user_id. Kinds are in lower case, and so
// are addresses.
func identifier(word string) (string, error) {
	word = strings.TrimSpace(word)
	kind, value, ok := strings.Cut(word, ":")
	switch {
	case ok && kindForm.MatchString(kind):
		kind, value = strings.ToLower(kind), strings.TrimSpace(value)
	case strings.Contains(word, "@"):
		kind, value = "email", word
	default:
		kind, value = "user_id", word
	}
	if kind == "email" {
		value = strings.ToLower(value)
	}
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\ufffd' }) {
		return "", fault.Wrong("profile has to be an id of a person or company: an e-mail address, a user id, or KIND:VALUE such as anonymous_id:a1b2 or group_id:acme. Nothing was asked.")
	}
	return kind + ":" + value, nil
}

// escaped is an identifier in a path. Segment answers 500 to what is not percent-encoded, so
// all is but letters, digits and -._~ (RFC 3986, section 2.3) and the colon.
func escaped(id string) string {
	kind, value, _ := strings.Cut(id, ":")
	var b strings.Builder
	write := func(s string) {
		for i := range len(s) {
			switch c := s[i]; {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '~':
				b.WriteByte(c)
			default:
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
	}
	write(kind)
	b.WriteByte(':')
	write(value)
	return b.String()
}

// profile reads a part of a profile into out.
func (s *service) profile(ctx context.Context, c *upstream.Client, id, part string, q url.Values, out any) error {
	space := c.Param(paramSpace)
	if space == "" {
		return fault.Wrong("It is not known which space to read: an admin has to set space on the Segment credential. Nothing was asked.")
	}
	collection := "users"
	if strings.HasPrefix(id, "group_id:") {
		collection = "accounts"
	}
	return c.Do(ctx, upstream.Request{
		API: host(c, profiles), Read: true, Query: q, Fault: faultOf(profiles, c.Param(paramRegion)),
		Path: "/v1/spaces/" + url.PathEscape(space) + "/collections/" + collection + "/profiles/" + escaped(id) + "/" + part,
	}, out)
}

// cursor is how a list of a profile goes on.
type cursor struct {
	More bool   `json:"has_more"`
	Next string `json:"next"`
}

func (c cursor) next() string {
	if !c.More {
		return ""
	}
	return c.Next
}

func profileQuery(limit int, next string, include []string) url.Values {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if next != "" {
		q.Set("next", next)
	}
	if len(include) > 0 {
		q.Set("include", strings.Join(include, ","))
	}
	return q
}

type getProfileIn struct {
	Profile string   `json:"profile"`
	Include []string `json:"include"`
	Class   string   `json:"class"`
	Limit   int      `json:"limit"`
	Cursor  string   `json:"cursor"`
}

// Trait is one thing that is known of a person or company.
type Trait struct {
	Name  string `json:"name"`
	Value any    `json:"value"` // a text, a number, or true or false; a list or object as its JSON
}

// Profile is the answer of segment_get_profile.
type Profile struct {
	Profile string  `json:"profile"`
	Traits  []Trait `json:"traits"` // in order of their names
	Next    string  `json:"next_cursor,omitempty"`
}

// Text is one line a trait.
func (p Profile) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Profile %s:\n", p.Profile)
	if len(p.Traits) == 0 {
		b.WriteString("no such traits\n")
	}
	for _, t := range p.Traits {
		fmt.Fprintf(&b, "%s: %s\n", upstream.Quote(t.Name), plain(t.Value))
	}
	return b.String() + more(p.Next)
}

const maxValue = 1000 // characters of a trait or property

// plain is a cleaned value in the text of a result.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return upstream.Quote(s)
	}
	return fmt.Sprint(v)
}

func (s *service) getProfile(ctx context.Context, c *upstream.Client, in getProfileIn) (Profile, error) {
	id, err := identifier(in.Profile)
	if err != nil {
		return Profile{}, err
	}
	query := getProfileIn{Profile: id, Include: in.Include, Class: in.Class}
	at, err := tools.OpenPosition(query, in.Cursor)
	if err != nil {
		return Profile{}, err
	}
	q := profileQuery(in.Limit, at.Cursor, in.Include)
	if in.Class != "" {
		q.Set("class", in.Class)
	}
	var answer struct {
		Traits map[string]json.RawMessage `json:"traits"`
		Cursor cursor                     `json:"cursor"`
	}
	if err := s.profile(ctx, c, id, "traits", q, &answer); err != nil {
		return Profile{}, err
	}
	all := make([]Trait, 0, len(answer.Traits))
	for _, name := range slices.Sorted(maps.Keys(answer.Traits)) {
		if v := upstream.CleanJSON(answer.Traits[name], maxValue); v != nil {
			all = append(all, Trait{upstream.Clean(name, 200), v})
		}
	}
	out := Profile{Profile: upstream.Clean(id, 300)}
	out.Traits, out.Next = tools.Page(query, at, all, in.Limit, answer.Cursor.next())
	return out, nil
}
