package metabase

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"toolvault/tools/fault"
	"toolvault/tools/names"
	"toolvault/tools/pattern"
	"toolvault/tools/upstream"
)

// recipients are whom something is sent to: people of the instance by their ids,
// and Slack channels. An address that nobody of the instance has is refused: data
// does not leave for a mailbox that a text has put into the model's mind.
type recipients struct {
	users    []int64
	channels []string
}

var slackChannel = pattern.New(`^#[\p{L}\p{N}._-]+$`)

func (s *service) recipients(ctx context.Context, c *upstream.Client, to []string) (recipients, error) {
	var out recipients
	if !c.Allows("query.run") { // who is sent the rows has run the query
		return out, lacks("query.run", "To have rows sent")
	}
	var people []names.Named
	for _, word := range to {
		word = strings.TrimSpace(word)
		if strings.HasPrefix(word, "#") {
			if utf8.RuneCountInString(word) > 81 || !slackChannel.MatchString(word) {
				return out, fault.Wrong("to: %q is no Slack channel.", upstream.Clean(word, 80))
			}
			out.channels = append(out.channels, word)
			continue
		}
		if people == nil {
			var err error
			if people, err = s.people(ctx, c); err != nil {
				return out, err
			}
		}
		id, err := pickPerson(word, people)
		if err != nil {
			return out, err
		}
		out.users = append(out.users, id)
	}
	return out, nil
}

// people are those whom the credential may send to, GET /api/user/recipients: each
// once by name and once by e-mail.
func (s *service) people(ctx context.Context, c *upstream.Client) ([]names.Named, error) {
	return s.lists.Get(c.CredentialKey()+"\x00people", func() ([]names.Named, error) {
		var answer struct {
			Data []userModel `json:"data"`
		}
		if err := c.Get(ctx, "/api/user/recipients", nil, &answer); err != nil {
			return nil, err
		}
		list := []names.Named{}
		for _, u := range answer.Data {
			id := strconv.FormatInt(u.ID, 10)
			list = append(list, names.Named{ID: id, Name: u.Name}, names.Named{ID: id, Name: u.Email})
		}
		return list, nil
	})
}

func pickPerson(word string, people []names.Named) (int64, error) {
	mail := strings.Contains(word, "@")
	var some []names.Named
	for _, p := range people {
		if strings.Contains(p.Name, "@") != mail {
			continue
		}
		if mail && strings.EqualFold(p.Name, word) {
			return strconv.ParseInt(p.ID, 10, 64)
		}
		some = append(some, p)
	}
	if mail {
		return 0, fault.Wrong("to: nobody of this Metabase has the address %s. Only its people can be told, and its Slack channels, written #channel.", upstream.Clean(word, 100))
	}
	one, err := names.Pick("user", word, some, "the people's page in Metabase")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(one.ID, 10, 64)
}
