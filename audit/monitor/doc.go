// Package monitor is what looks wrong: rules over the audit log, and alerts.
//
// A Judge reads records in their order and learns what is normal for each agent,
// service and credential. What is not it makes an incident of, and tells of it
// once when it begins, now and then while it lasts, and when it has ended. Its
// clock is the records' own: over the same records it finds the same, whether
// they come as they are written or a month later (Replay).
//
// A Monitor runs a Judge beside the log, by an audit.Subscription. It keeps what
// was learned in a file beside the subscription's bookmark, together with the
// position up to which it was learned: after a crash it goes on from there, and
// counts nothing twice. Each alert is a record of the log itself, so it is
// durable before anybody is told of it, and whoever tells people of alerts
// (Deliver) follows the log in turn: none is lost to a restart.
//
// # What it cannot see
//
// It sees what the log of one machine has. An agent that calls over several
// machines is judged on each for itself. Whoever stays within what an agent
// always does is not found, nor whoever makes it grow slowly enough to be learned.
// Where bodies of records are erased, channels, object types and the addresses of
// refused tokens are not known.
package monitor
