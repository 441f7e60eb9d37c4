package main

import "slices"

// furtherJobs are jobs beyond the everyday ones that both sides can do, for the
// check that they leave the same state.
func furtherJobs() []task {
	var all []task
	for _, group := range []struct {
		service, vendor string
		jobs            []task
	}{
		{"slack", vendorReference, slackJobs()},
		{"hubspot", vendorHubSpot, hubspotJobs()},
		{"pinecone", vendorPinecone, pineconeJobs()},
		{"metabase", vendorMetabase, metabaseJobs()},
	} {
		for _, t := range group.jobs {
			t.service, t.vendor = group.service, group.vendor
			all = append(all, t)
		}
	}
	return slices.Clip(all)
}

// slackJobs are done by the archived reference server, the only one for Slack that
// can be run on another address.
func slackJobs() []task {
	const channel, name = "C07SUPUPD8S1", "#support-updates"
	first := func(a answer) string { return a.where("messages", "user", "U07MARTAKLN").text("ts") }
	theirThread := func(s *session) string {
		return first(s.call("slack_get_channel_history", object{"channel_id": channel, "limit": 10}))
	}
	ourThread := func(s *session) string {
		return s.call("slack_read_channel", object{"channel": name}).where("messages", "author_id", "U07MARTAKLN").text("ts")
	}
	return []task{
		{
			key: "slack-ref-channels", words: "List the channels", facts: []string{"support-updates", "C07GENERAL01"},
			ours:   func(s *session) { s.call("slack_list_channels", object{}) },
			theirs: func(s *session) { s.call("slack_list_channels", object{"limit": 100}) },
		},
		{
			key: "slack-ref-thread", words: "Read a thread", facts: []string{"A fix is in review"},
			ours: func(s *session) { s.call("slack_read_thread", object{"channel": name, "thread_ts": ourThread(s)}) },
			theirs: func(s *session) {
				s.call("slack_get_thread_replies", object{"channel_id": channel, "thread_ts": theirThread(s)})
			},
		},
		{
			key: "slack-ref-post", words: "Post a message", writes: true,
			ours: func(s *session) { s.call("slack_post_message", object{"channel": name, "text": "Exports work again."}) },
			theirs: func(s *session) {
				s.call("slack_post_message", object{"channel_id": channel, "text": "Exports work again."})
			},
		},
		{
			key: "slack-ref-reply", words: "Reply in a thread", writes: true,
			ours: func(s *session) {
				s.call("slack_post_message", object{"channel": name, "thread_ts": ourThread(s), "text": "The fix is out."})
			},
			theirs: func(s *session) {
				s.call("slack_reply_to_thread", object{"channel_id": channel, "thread_ts": theirThread(s), "text": "The fix is out."})
			},
		},
		{
			key: "slack-ref-react", words: "Put a reaction under a message", writes: true,
			ours: func(s *session) {
				s.call("slack_add_reaction", object{"channel": name, "ts": ourThread(s), "emoji": "white_check_mark"})
			},
			theirs: func(s *session) {
				s.call("slack_add_reaction", object{"channel_id": channel, "timestamp": theirThread(s), "reaction": "white_check_mark"})
			},
		},
		{
			key: "slack-ref-users", words: "Find a person", facts: []string{"jonas.brekke@northwind.example", "U07JONASBRK"},
			ours:   func(s *session) { s.call("slack_search_users", object{"query": "Jonas"}) },
			theirs: func(s *session) { s.call("slack_get_users", object{"limit": 100}) },
		},
	}
}
