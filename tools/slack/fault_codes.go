package slack

import (
	"strings"

	"toolvault/tools/fault"
)

// verdict is what one of Slack's error codes means to a caller.
type verdict struct {
	kind fault.Kind
	say  string // one sentence or two, what to do next among them; %s is the code
	safe bool   // nothing was done: a write may be tried again
}

const (
	newToken  = "Slack refused the credential (%s). A person has to connect Slack again or put in a new token; trying again will not help."
	noAccess  = "Slack does not let this credential do that (%s). A person with more rights has to do it, or change the workspace's settings."
	tryLater  = "Slack had a fault of its own (%s). Try again in a minute."
	badInput  = "Slack did not accept the request (%s). Correct the arguments and call again."
	unknownID = "Slack knows no such thing, or this credential may not see it (%s). Check the id."
	sharedOut = "That channel is shared with another organisation, whose settings do not allow it (%s). Use a channel of your own, or ask an admin."
	noPlan    = "The workspace's plan does not have that (%s). An admin has to change the plan; trying again will not help."
	ours      = "toolvault sent something that Slack did not expect (%s). Tell the operator; trying again will not help."
)

// verdicts are the codes of docs.slack.dev that the methods of these tools
// answer with. All come as HTTP 200 with ok:false.
func verdicts() map[string]verdict {
	v := map[string]verdict{}
	add := func(kind fault.Kind, say string, codes ...string) {
		for _, c := range codes {
			v[c] = verdict{kind, say, true}
		}
	}
	for _, fill := range []func(func(fault.Kind, string, ...string)){ofAccess, ofConversations, ofMessages, ofFiles, ofPeople, ofSearch} {
		fill(add)
	}
	add(fault.RateLimited, "Slack is limiting the rate of calls (%s). Wait, then go on more slowly.", "ratelimited", "rate_limited", "message_limit_exceeded")
	add(fault.RateLimited, "Too many messages are scheduled for that channel at that time (%s). Choose another time.", "restricted_too_many")
	add(fault.UpstreamUnavailable, tryLater, "external_channel_migrating", "list_record_comment_fetch_failed", "fetch_members_failed", "unable_to_fetch_custom_emojis",
		"canvas_editing_locked", "streaming_state_conflict")
	for _, c := range []string{"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "update_failed", "file_update_failed", "canvas_creation_failed", "unable_to_share_files"} {
		v[c] = verdict{fault.UpstreamUnavailable, tryLater, false}
	}
	return v
}

func ofAccess(add func(fault.Kind, string, ...string)) {
	add(fault.CredentialInvalid, newToken, "invalid_auth", "not_authed", "token_expired", "token_revoked", "account_inactive", "bad_token", "invalid_token",
		"org_login_required", "two_factor_setup_required", "is_inactive")
	add(fault.NotPermitted, noAccess, "no_permission", "access_denied", "ekm_access_denied", "accesslimited", "team_access_not_granted", "not_authorized", "permission_denied",
		"enterprise_is_restricted", "app_access_restricted", "send_on_behalf_not_allowed", "user_not_visible", "not_visible", "no_access", "template_not_visible")
	add(fault.NotPermitted, "Slack does not take this kind of token for that (%s). A bot's token cannot do all that a user's can; an admin has to connect the other kind.", "not_allowed_token_type")
	add(fault.NotPermitted, noPlan, "paid_teams_only", "plan_upgrade_required", "feature_not_enabled", "storage_limit_reached",
		"free_team_canvas_tab_already_exists", "free_teams_cannot_create_non_tabbed_canvases", "free_teams_cannot_create_standalone_canvases", "free_teams_cannot_edit_standalone_canvases")
	add(fault.InvalidArguments, badInput, "missing_argument", "limit_required", "no_item_specified", "invalid_arguments", "invalid_array_arg", "method_not_supported_for_channel_type")
	add(fault.InvalidArguments, "Slack did not accept the cursor (%s). Start again without it.", "invalid_cursor")
	add(fault.InvalidArguments, "Slack did not accept the limit (%s). Ask for fewer.", "invalid_limit")
	add(fault.InvalidArguments, "Slack did not accept the point in time (%s). Check since and until.", "invalid_ts_latest", "invalid_ts_oldest")
	add(fault.UpstreamError, ours, "invalid_arg_name", "invalid_charset", "invalid_form_data", "invalid_post_type", "missing_post_type", "as_user_not_supported", "deprecated_endpoint", "method_deprecated",
		"unknown_method", "invalid_types", "invalid_metadata_filter_keys", "invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large", "metadata_must_be_sent_from_app",
		"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "block_mismatch", "draft_already_deleted", "draft_already_sent", "draft_has_conflict", "draft_not_found",
		"unknown_snippet_type", "unknown_subtype", "unknown_type", "alt_txt_too_large", "users_list_not_supplied", "no_channel", "markdown_text_conflict", "missing_file_data",
		"attachment_payload_limit_exceeded", "too_many_attachments", "too_many_contact_cards", "invalid_channel_provided", "invalid_group_provided", "file_comment_not_found")
	add(fault.InvalidArguments, "The token is for several workspaces, and Slack wants one (%s). An admin has to connect the workspace itself.",
		"target_team_must_be_specified_in_org_context", "target_team_not_on_org", "missing_team", "invalid_team", "team_not_found", "org_user_not_in_team")
}

func ofConversations(add func(fault.Kind, string, ...string)) {
	add(fault.NotPermitted, "The app is not a member of that channel (%s). Join a public one with slack_join_channel; a private one a person has to invite it to (/invite @app).",
		"not_in_channel")
	add(fault.NotFound, "Slack has no such channel that this credential can see (%s). Check the name with slack_list_channels; a private channel must have the app as a member.",
		"channel_not_found", "channel_is_limited_access", "invalid_channel", "context_channel_not_found", "duplicate_channel_not_found")
	add(fault.Conflict, "That channel is archived (%s). Choose another one, or unarchive it with slack_update_channel.", "is_archived")
	add(fault.Conflict, "That is so already, and nothing was changed (%s). There is nothing more to do.", "already_reacted", "no_reaction", "already_in_channel", "already_pinned", "no_pin", "already_archived", "not_archived")
	add(fault.NotPermitted, "That channel cannot be archived (%s): it is one that everybody is in.", "cant_archive_general", "cant_archive_required")
	add(fault.NotPermitted, "The workspace's settings do not let this app make channels (%s). A person with more rights has to do it.", "cannot_create_channel")
	add(fault.Conflict, "There is a channel of that name already, maybe archived or private (%s). Choose another name.", "name_taken")
	add(fault.InvalidArguments, "Slack does not take that name (%s). Use lower case, digits, - and _, at most 80 characters.",
		"invalid_name_maxlength", "invalid_name_punctuation", "invalid_name_required", "invalid_name_specials")
	add(fault.InvalidArguments, "The text is too long for a topic or purpose (%s): 250 characters at most.", "too_long")
	add(fault.NotPermitted, "That channel has as many members as it may have, or the person may not be in more channels (%s).", "too_many_members", "ura_max_channels")
	add(fault.NotPermitted, sharedOut, "slack_connect_blocked_file_type", "slack_connect_canvas_sharing_blocked", "slack_connect_clip_sharing_blocked", "slack_connect_file_link_sharing_blocked",
		"slack_connect_file_upload_sharing_blocked", "slack_connect_lists_sharing_blocked", "no_external_invite_permission")
	add(fault.InvalidArguments, "Slack did not accept the ts (%s). Take it from slack_read_channel.", "invalid_timestamp")
}

func ofMessages(add func(fault.Kind, string, ...string)) {
	add(fault.NotPermitted, "That person or app takes no direct messages (%s). Post to a channel instead.", "messages_tab_disabled")
	add(fault.NotFound, "There is no message with that ts in that channel (%s). Take the ts from slack_read_channel.",
		"message_not_found", "thread_not_found", "bad_timestamp", "cannot_reply_to_message", "duplicate_message_not_found")
	add(fault.NotPermitted, "Only the app's own messages can be changed or deleted (%s). Ask the author.", "cant_update_message", "cant_delete_message")
	add(fault.Conflict, "It is too late to change that message: the workspace allows it only for a while (%s). Post a correction.", "edit_window_closed")
	add(fault.Conflict, "That reply was shown in the channel too, and cannot be changed so (%s). Post a correction.", "cant_broadcast_message", "no_dual_broadcast_content_update")
	add(fault.Conflict, "There can be no more reactions on that message (%s).", "too_many_emoji", "too_many_reactions")
	add(fault.Conflict, "That cannot be reacted to, or its thread is closed (%s).", "not_reactable", "thread_locked", "restricted_action_thread_locked")
	add(fault.InvalidArguments, "There is no emoji of that name here (%s). Use a common one, such as thumbsup or eyes; slack_search_emojis finds the workspace's own.", "invalid_name")
	add(fault.InvalidArguments, "The text is too long for Slack (%s). Make it shorter, or post it in parts.", "msg_too_long", "msg_blocks_too_long")
	add(fault.InvalidArguments, "There is no text to post (%s). Give one that is more than blanks.", "no_text")
	add(fault.InvalidArguments, "Slack does not take that time (%s). It has to be ahead, by 120 days at most.", "time_in_past", "time_too_far", "invalid_time")
	add(fault.NotFound, "There is no such scheduled message (%s); it may have been posted. Look with slack_list_scheduled_messages.", "invalid_scheduled_message_id")
	add(fault.NotPermitted, "Not everybody may post in that channel, or only replies, or none, are allowed there (%s). Choose another channel, or reply in a thread.",
		"restricted_action", "restricted_action_read_only_channel", "restricted_action_non_threadable_channel", "restricted_action_thread_only_channel", "posting_to_channel_denied")
}

func ofFiles(add func(fault.Kind, string, ...string)) {
	add(fault.NotFound, "Slack has no such file that this credential can see (%s). Find it with slack_list_files.", "file_not_found", "file_deleted", "file_is_deleted")
	add(fault.NotPermitted, "The workspace does not take such files (%s). Send another type, or ask an admin.",
		"blocked_file_type", "file_type_not_allowed", "file_uploads_disabled", "file_uploads_except_images_disabled")
	add(fault.InvalidArguments, "The file is larger than the workspace takes (%s). Send less.", "file_upload_size_restricted", "snippet_too_large")
	add(fault.Conflict, "The file has been shared as often as it may be (%s).", "file_share_limit_reached", "max_file_sharing_exceeded", "channels_limit_exceeded")
	add(fault.NotFound, "Slack has no such canvas that this credential can see (%s). Find it with slack_list_files (type canvases).", "canvas_not_found", "canvas_deleted")
	add(fault.NotPermitted, "The workspace has canvases switched off (%s). An admin has to switch them on.", "canvas_disabled_file_team", "canvas_disabled_user_team", "canvas_globally_disabled")
	add(fault.InvalidArguments, "The canvas could not be changed so (%s). Ids of sections change with every edit: read it anew with slack_read_canvas.", "canvas_editing_failed")
	add(fault.InvalidArguments, "The canvas would be too large (%s). Put less into it.", "canvas_too_large")
}

func ofPeople(add func(fault.Kind, string, ...string)) {
	add(fault.NotFound, "Slack knows no such person (%s). Find the right one with slack_search_users.",
		"user_not_found", "users_not_found", "user_disabled", "invalid_users", "no_user", "failed_for_some_users")
	add(fault.NotPermitted, "That person cannot be invited there (%s). A guest or an app may not be in every channel; a person with more rights has to do it.",
		"cant_invite", "app_cannot_join_channel", "invitee_cant_see_channel", "user_is_restricted", "user_is_ultra_restricted", "user_team_not_in_channel")
	add(fault.InvalidArguments, "The app cannot invite itself (%s). Join with slack_join_channel.", "cant_invite_self")
	add(fault.InvalidArguments, "Those people cannot be in one conversation (%s). At most eight, and not the app itself.", "invalid_user_combination", "too_many_users", "not_enough_users")
	add(fault.Conflict, "There is a user group of that name or handle already (%s). Choose another; slack_list_usergroups shows those that there are.",
		"handle_already_exists", "name_already_exists")
	add(fault.InvalidArguments, "Slack does not take that handle, name or description (%s). Use a short handle in lower case, digits, - and _, that no person has.",
		"bad_handle", "forbidden_handle", "missing_subteam_name", "name_too_long", "description_too_long")
	add(fault.NotFound, "Slack has no such user group (%s). Find it with slack_list_usergroups.", "no_such_subteam", "subteam_not_found")
	add(fault.InvalidArguments, "A user group has to have somebody in it, and not too many (%s).", "no_users_provided", "subteam_max_users_exceeded", "too_many_linked_channels")
}

func ofSearch(add func(fault.Kind, string, ...string)) {
	add(fault.InvalidArguments, "There is nothing to search for (%s). Give a query.", "missing_query", "no_query", "No query passed")
	add(fault.InvalidArguments, "The query is too long for Slack (%s). Give fewer words.", "query_too_long")
	add(fault.NotPermitted, "Slack lets only the token of a user search (%s). An admin has to connect one.", "invalid_action_token")
	add(fault.NotPermitted, "The workspace has this search switched off (%s). An admin has to switch it on.", "assistant_search_context_disabled")
}

var codes = verdicts()

// families are codes by how they are spelt, for those that are not listed.
var families = []struct {
	affix   string
	suffix  bool
	verdict verdict
}{
	{"restricted_action", false, verdict{fault.NotPermitted, noAccess, true}},
	{"cant_", false, verdict{fault.NotPermitted, noAccess, true}},
	{"slack_connect_", false, verdict{fault.NotPermitted, sharedOut, true}},
	{"too_many_", false, verdict{fault.InvalidArguments, badInput, true}},
	{"metadata_", false, verdict{fault.UpstreamError, ours, true}},
	{"draft_", false, verdict{fault.UpstreamError, ours, true}},
	{"invalid_", false, verdict{fault.InvalidArguments, badInput, true}},
	{"_not_found", true, verdict{fault.NotFound, unknownID, true}},
}

// unknownCode is what is said of a code that is neither listed nor spelt like one
// that is.
const unknownCode = "Slack answered with an error that is not known here (%s). If it stays so, tell the operator."

func judge(code string) verdict {
	if v, ok := codes[code]; ok {
		return v
	}
	for _, f := range families {
		if f.suffix && strings.HasSuffix(code, f.affix) || !f.suffix && strings.HasPrefix(code, f.affix) {
			return f.verdict
		}
	}
	return verdict{fault.UpstreamError, unknownCode, false}
}
