package slack

import (
	"context"
	"net/http"
	"strings"
	"time"

	"toolvault/tools"
	"toolvault/tools/upstream"
)

func (s *service) accountTools() []tools.Tool {
	return []tools.Tool{tools.New("slack_whoami", s.whoami)}
}

// Account is whose token it is.
type Account struct {
	Team      string   `json:"team"`
	TeamID    string   `json:"team_id"`
	URL       string   `json:"url,omitempty"`
	Account   string   `json:"account"`
	AccountID string   `json:"account_id"`
	Kind      string   `json:"kind"` // "bot" or "user"
	TimeZone  string   `json:"time_zone,omitempty"`
	Scopes    []string `json:"scopes,omitempty"` // of the token at Slack
	Note      string   `json:"note,omitempty"`
}

// Text is a few lines.
func (a Account) Text() string {
	t := "Workspace " + upstream.Quote(a.Team) + " (" + a.TeamID + ")"
	if a.URL != "" {
		t += ", " + a.URL
	}
	t += "\n" + a.Kind + " token of " + named(a.Account, a.AccountID)
	if a.TimeZone != "" {
		t += ", time zone " + a.TimeZone
	}
	if len(a.Scopes) > 0 {
		t += "\nScopes: " + strings.Join(a.Scopes, " ")
	}
	if a.Note != "" {
		t += "\nNote: " + a.Note
	}
	return t
}

// whoami asks Slack itself, and not what is remembered: it is what one calls when
// something is wrong. The scopes stand in a header of every answer.
func (s *service) whoami(ctx context.Context, c *upstream.Client, _ struct{}) (Account, error) {
	var granted string
	who, err := whoAmI(ctx, c, func(h http.Header) { granted = h.Get("X-OAuth-Scopes") })
	if err != nil {
		return Account{}, err
	}
	s.books.of(c.CredentialKey()).setSelf(who)
	out := Account{
		Team: label(who.Team), TeamID: label(who.TeamID), URL: workspace(who.URL), Account: "@" + label(who.User), AccountID: label(who.UserID), Kind: who.kind(),
	}
	for _, scope := range strings.Split(granted, ",") {
		if scope = strings.TrimSpace(scope); scopeForm.MatchString(scope) && len(out.Scopes) < 200 {
			out.Scopes = append(out.Scopes, scope)
		}
	}
	if zone := s.zone(ctx, c); zone != time.UTC {
		out.TimeZone = zone.String()
	}
	if out.Kind == "bot" {
		out.Note = "A bot sees only the channels that it is a member of; search needs the token of a user."
	}
	return out, nil
}
