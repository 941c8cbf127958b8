//! Roles, times, attributes and taint.

use iron_policy::{Effect, Role};

use crate::kit::{call, set};

#[test]
fn conditions_hold_together() {
    let set = set("
- name: office
  effect: allow
  conditions:
    roles: [admin]
    hours: 09:00-17:00
    weekdays: [mon, tue]
    timezone: Europe/Berlin
    attributes: {environment: [prod, staging]}
    tainted: false
");
    let good = || {
        call("x")
            .role(Role::Admin)
            .says("environment", "prod")
            .at("2026-03-02T08:00:00Z")
    };
    assert_eq!(good().effect(&set), Effect::Allow);
    assert_eq!(good().role(Role::ReadWrite).effect(&set), Effect::Deny);
    assert_eq!(good().at("2026-03-02T07:59:59Z").effect(&set), Effect::Deny);
    assert_eq!(good().at("2026-03-04T08:00:00Z").effect(&set), Effect::Deny);
    assert_eq!(good().says("environment", "dev").effect(&set), Effect::Deny);
    assert_eq!(good().tainted().effect(&set), Effect::Deny);
}

#[test]
fn times_end_to_the_minute_and_nights_belong_to_the_day_before() {
    let set = set("
- {name: day, effect: allow, match: {tools: [day]}, conditions: {hours: 09:00-17:00, timezone: Europe/Berlin}}
- {name: night, effect: allow, match: {tools: [night]}, conditions: {hours: 22:00-06:00, weekdays: [fri]}}
- {name: fridays, effect: allow, match: {tools: [friday]}, conditions: {weekdays: [fri], timezone: Asia/Tokyo}}
");
    for (tool, at, expected) in [
        ("day", "2026-07-01T06:59:59Z", Effect::Deny),
        ("day", "2026-07-01T07:00:00Z", Effect::Allow),
        ("day", "2026-07-01T14:59:59Z", Effect::Allow),
        ("day", "2026-07-01T15:00:00Z", Effect::Deny),
        ("day", "2026-01-01T15:59:59Z", Effect::Allow),
        ("day", "2026-01-01T16:00:00Z", Effect::Deny),
        ("night", "2026-03-06T21:59:59Z", Effect::Deny),
        ("night", "2026-03-06T22:00:00Z", Effect::Allow),
        ("night", "2026-03-07T05:59:59Z", Effect::Allow),
        ("night", "2026-03-07T06:00:00Z", Effect::Deny),
        ("night", "2026-03-06T05:00:00Z", Effect::Deny),
        ("night", "2026-03-07T22:00:00Z", Effect::Deny),
        ("friday", "2026-03-05T15:00:00Z", Effect::Allow),
        ("friday", "2026-03-06T15:00:00Z", Effect::Deny),
    ] {
        assert_eq!(call(tool).at(at).effect(&set), expected, "{tool} {at}");
    }
}

#[test]
fn what_is_declared_beats_what_is_claimed() {
    let set = set("
- {name: a, effect: allow, conditions: {attributes: {environment: dev}}}
- {name: b, effect: deny, conditions: {attributes: {data_class: [phi]}}}
- {name: c, effect: deny, conditions: {attributes: {end_user: mallory}}}
");
    let dev = || call("x").says("environment", "dev");
    assert_eq!(dev().effect(&set), Effect::Allow);
    let mut agents = dev();
    agents
        .agent
        .attributes
        .insert("environment".to_owned(), "prod".to_owned());
    assert_eq!(agents.effect(&set), Effect::Deny);
    agents
        .tool
        .attributes
        .insert("environment".to_owned(), "dev".to_owned());
    assert_eq!(agents.effect(&set), Effect::Allow);
    let mut health = dev().says("data_class", "none");
    health.tool.data_class = vec!["pci".to_owned(), "phi".to_owned()];
    assert_eq!(health.decided(&set).rules, ["b"]);
    let mut user = dev().says("end_user", "ann");
    user.end_user = Some("mallory".to_owned());
    assert_eq!(user.decided(&set).rules, ["c"]);
}
