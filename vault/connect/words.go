package connect

import (
	"slices"
	"strings"

	"toolvault/vault"
)

// inWords is what permissions mean for a person, in order, each once, seeing and
// changing the same together. One that is not known is shown as the service calls
// it.
func inWords(scopes []string) []string {
	var all []string
	for _, s := range scopes {
		text := sentence(s)
		if kind, ok := strings.CutSuffix(s, ".write"); ok && slices.Contains(scopes, kind+".read") {
			text = strings.Replace(text, changes, seesAndChanges, 1)
		}
		if kind, ok := strings.CutSuffix(s, ".read"); ok && slices.Contains(scopes, kind+".write") && strings.HasPrefix(sentence(kind+".write"), changes) {
			continue
		}
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

const (
	changes        = "Create and change "
	seesAndChanges = "See, create and change "
)

// sentence is what one permission means; "" for what a person need not know of.
func sentence(scope string) string {
	if text, ok := sentences[scope]; ok {
		return text
	}
	// HubSpot: crm.objects.KIND.read and .write
	if kind, ok := strings.CutPrefix(scope, "crm.objects."); ok {
		name, verb, _ := strings.Cut(kind, ".")
		name = strings.ReplaceAll(name, "_", " ")
		if name == "custom" {
			name = "records of types of your own"
		}
		switch verb {
		case "read":
			return "See " + name
		case "write":
			return changes + name
		}
	}
	return vault.OneLine(scope, 120)
}

// sentences are the permissions of the services whose names say little.
// Sources: docs.slack.dev/reference/scopes, HubSpot's and Google's lists of scopes,
// Salesforce's "OAuth tokens and scopes".
var sentences = map[string]string{
	// Slack
	"channels:read":          "See which public channels there are",
	"groups:read":            "See the private channels that it is in",
	"im:read":                "See its direct conversations",
	"mpim:read":              "See its group conversations",
	"channels:history":       "Read messages in public channels that it is in",
	"groups:history":         "Read messages in private channels that it is in",
	"im:history":             "Read its direct messages",
	"mpim:history":           "Read messages in its group conversations",
	"chat:write":             "Post messages",
	"chat:write.public":      "Post messages in public channels that it is not in",
	"chat:write.customize":   "Post messages under another name and picture",
	"channels:join":          "Join public channels",
	"channels:manage":        "Create and change public channels",
	"channels:write":         "Change public channels",
	"groups:write":           "Create and change private channels",
	"im:write":               "Begin direct conversations",
	"mpim:write":             "Begin group conversations",
	"users:read":             "See who is in the workspace",
	"users:read.email":       "See people’s email addresses",
	"users.profile:read":     "See people’s profiles",
	"reactions:read":         "See reactions to messages",
	"reactions:write":        "Add and remove reactions",
	"pins:read":              "See pinned messages",
	"pins:write":             "Pin messages",
	"bookmarks:read":         "See bookmarks",
	"bookmarks:write":        "Add and change bookmarks",
	"files:read":             "See files",
	"files:write":            "Upload, change and delete files",
	"usergroups:read":        "See groups of people",
	"usergroups:write":       "Create and change groups of people",
	"emoji:read":             "See custom emoji",
	"team:read":              "See the name of the workspace",
	"dnd:read":               "See who wants not to be disturbed",
	"reminders:write":        "Set reminders",
	"canvases:read":          "Read canvases",
	"canvases:write":         "Create, change and delete canvases",
	"lists:read":             "Read lists",
	"lists:write":            "Create and change lists",
	"search:read":            "Search all messages and files that you can see",
	"search:read.public":     "Search messages in public channels",
	"search:read.private":    "Search messages in private channels that you are in",
	"search:read.im":         "Search your direct messages",
	"search:read.mpim":       "Search your group conversations",
	"search:read.files":      "Search files",
	"search:read.users":      "Search people",
	"assistant:write":        "Answer as an assistant",
	"incoming-webhook":       "Post messages in one channel",
	"commands":               "Add commands",
	"app_mentions:read":      "Read messages that mention it",
	"conversations.connect":  "Manage shared channels",
	"links:read":             "See links in messages",
	"metadata.message:read":  "See data attached to messages",
	"remote_files:read":      "See remote files",
	"workflow.steps:execute": "Run steps of workflows",

	// HubSpot
	"oauth":            "See which account it is",
	"tickets":          "See, create and change tickets",
	"sales-email-read": "Read the content of emails",
	"crm.lists.read":   "See lists",
	"crm.lists.write":  "Create and change lists",

	// Google
	"email":                                 "See your email address",
	"profile":                               "See your name",
	"openid":                                "See who you are",
	googleScopes + "userinfo.email":         "See your email address",
	googleScopes + "userinfo.profile":       "See your name",
	googleScopes + "calendar":               "See, change and share all calendars",
	googleScopes + "calendar.readonly":      "See all calendars",
	googleScopes + "calendar.events":        "See and change events in all calendars",
	googleScopes + "calendar.events.owned":  "See and change events in calendars of your own",
	googleScopes + "calendar.app.created":   "Make calendars of its own and change those",
	googleScopes + "calendar.freebusy":      "See when you are busy",
	googleScopes + "drive.readonly":         "See all files in Drive",
	googleScopes + "drive.file":             "See and change files in Drive that it has made or been given",
	googleScopes + "gmail.readonly":         "Read all email",
	googleScopes + "gmail.send":             "Send email in your name",
	googleScopes + "spreadsheets":           "See and change all spreadsheets",
	googleScopes + "spreadsheets.readonly":  "See all spreadsheets",
	googleScopes + "calendar.calendarlist":  "See and change the list of your calendars",
	googleScopes + "calendar.events.public": "See events in public calendars",

	googleScopes + "calendar.calendarlist.readonly": "See the list of your calendars",
	googleScopes + "calendar.events.readonly":       "See events in all calendars",
	googleScopes + "calendar.events.freebusy":       "See when you are busy",
	googleScopes + "calendar.events.owned.readonly": "See events in calendars of your own",
	googleScopes + "documents.readonly":             "Read all documents",

	// Salesforce
	"api":           "See and change all records that you can, through the API",
	"refresh_token": "Go on while you are away, until you take it back",
	"full":          "Do all that you can do",
	"web":           "Use the web pages as you",
	"chatter_api":   "Read and write in Chatter as you",

	"offline_access": "Go on while you are away, until you take it back",
	"read-only":      "Read all that there is",
	"read-write":     "Read and change all that there is",
}

const googleScopes = "https://www.googleapis.com/auth/"
