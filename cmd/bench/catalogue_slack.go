package main

// The everyday tasks in Slack. Slack's own server runs at Slack only: its side is
// the tool calls that its list (August 2026) asks for, with the double's answers to
// the methods that each tool wraps.
func slackTasks() []task {
	const since, sinceTS = "2026-11-23T00:00:00Z", "1795392000"
	channels := []string{"types", "public_channel,private_channel", "exclude_archived", "true"}
	// theirChannel finds a channel's id by its name.
	theirChannel := func(s *session, name string) string {
		found := s.find("slack_search_channels", object{"query": name}, slack("conversations.list", channels...), "channels", func(o object) bool { return o["name"] == name })
		return found.text("channels", 0, "id")
	}
	theirThread := func(s *session) (channel, ts string) {
		channel = theirChannel(s, "support-updates")
		read := s.instead("slack_read_channel", object{"channel_id": channel, "oldest": sinceTS}, slack("conversations.history", "channel", channel, "oldest", sinceTS))
		return channel, read.where("messages", "user", "U07MARTAKLN").text("ts")
	}
	ourThread := func(s *session) string {
		read := s.call("slack_read_channel", object{"channel": "#support-updates", "since": since})
		return read.where("messages", "author_id", "U07MARTAKLN").text("ts")
	}
	rivalThread := func(s *session) string {
		return s.call("conversations_history", object{"channel_id": "#support-updates", "limit": "50"}).row("UserID", "U07MARTAKLN")["MsgID"]
	}
	return []task{
		{
			key: "slack-catch-up", words: "What was said in #support-updates since Monday?",
			facts: []string{"Two new tickets overnight", "50k rows time out"},
			ours: func(s *session) {
				s.call("slack_read_channel", object{"channel": "#support-updates", "since": since})
			},
			theirs: func(s *session) { theirThread(s) },
			rival:  func(s *session) { rivalThread(s) },
		},
		{
			key: "slack-reply", words: "Read Marta's thread about Acme there, and answer in it that the fix is out", writes: true,
			facts: []string{"A fix is in review"},
			ours: func(s *session) {
				ts := ourThread(s)
				s.call("slack_read_thread", object{"channel": "#support-updates", "thread_ts": ts})
				s.call("slack_post_message", object{"channel": "#support-updates", "thread_ts": ts, "text": "The fix is out."})
			},
			theirs: func(s *session) {
				channel, ts := theirThread(s)
				s.instead("slack_read_thread", object{"channel_id": channel, "message_ts": ts}, slack("conversations.replies", "channel", channel, "ts", ts))
				s.instead("slack_send_message", object{"channel_id": channel, "thread_ts": ts, "message": "The fix is out."},
					slack("chat.postMessage", "channel", channel, "thread_ts", ts, "markdown_text", "The fix is out.", "unfurl_links", "false", "unfurl_media", "false"))
			},
			rival: func(s *session) {
				ts := rivalThread(s)
				s.call("conversations_replies", object{"channel_id": "#support-updates", "thread_ts": ts})
				s.call("conversations_add_message", object{"channel_id": "#support-updates", "thread_ts": ts, "text": "The fix is out.", "content_type": "text/plain"})
			},
		},
		{
			key: "slack-react", words: "Put a check mark under the latest message there", writes: true,
			ours: func(s *session) {
				read := s.call("slack_read_channel", object{"channel": "#support-updates", "limit": 1})
				s.call("slack_add_reaction", object{"channel": "#support-updates", "ts": read.text("messages", 0, "ts"), "emoji": "white_check_mark"})
			},
			theirs: func(s *session) {
				channel := theirChannel(s, "support-updates")
				read := s.instead("slack_read_channel", object{"channel_id": channel, "limit": 1}, slack("conversations.history", "channel", channel, "limit", "1"))
				ts := read.text("messages", 0, "ts")
				s.instead("slack_add_reaction", object{"channel_id": channel, "message_ts": ts, "emoji": "white_check_mark"},
					slack("reactions.add", "channel", channel, "timestamp", ts, "name", "white_check_mark"))
			},
			rival: func(s *session) {
				read := s.call("conversations_history", object{"channel_id": "#support-updates", "limit": "1"})
				s.call("reactions_add", object{"channel_id": "#support-updates", "timestamp": read.row("Channel", "C07SUPUPD8S1")["MsgID"], "emoji": "white_check_mark"})
			},
		},
		{
			key: "slack-dm", words: "Tell Jonas in a direct message that Dana wrote again", writes: true,
			ours: func(s *session) {
				s.call("slack_post_message", object{"channel": "@jonas", "text": "Dana wrote again."})
			},
			theirs: func(s *session) {
				found := s.find("slack_search_users", object{"query": "Jonas"}, slack("users.list", "limit", "200"), "members", func(o object) bool { return o["name"] == "jonas" })
				user := found.text("members", 0, "id")
				channel := (&session{ctx: s.ctx, world: s.world}).instead("", nil, slack("conversations.open", "users", user)).text("channel", "id") // the tool does this by itself
				s.instead("slack_send_message", object{"channel_id": user, "message": "Dana wrote again."},
					slack("chat.postMessage", "channel", channel, "markdown_text", "Dana wrote again.", "unfurl_links", "false", "unfurl_media", "false"))
			},
			rival: func(s *session) {
				user := s.call("users_search", object{"query": "Jonas"}).row("UserName", "jonas")["UserID"]
				s.call("conversations_add_message", object{"channel_id": user, "text": "Dana wrote again.", "content_type": "text/plain"})
			},
		},
		{
			key: "slack-search", words: "Where did somebody write about exports?", person: true,
			facts: []string{"Two new tickets overnight", "50k rows time out"},
			ours:  func(s *session) { s.call("slack_search_messages", object{"query": "exports"}) },
			theirs: func(s *session) {
				s.instead("slack_search_public", object{"query": "exports"}, slack("assistant.search.context", "query", "exports", "content_types", "messages", "limit", "20"))
			},
			rival: func(s *session) { s.call("conversations_search_messages", object{"search_query": "exports"}) },
		},
	}
}
