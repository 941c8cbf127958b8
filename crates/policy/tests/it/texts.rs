//! The YAML form, the examples in it, the shipped rules, and what has changed.

use iron_policy::{
    Diff, Effect, PolicySet, Role, ToolKind, check_examples, from_yaml, shipped, to_yaml,
    with_shipped,
};

use crate::kit::{call, rules};

#[test]
fn one_rule_or_a_list_is_read() {
    assert_eq!(from_yaml("# nothing\n---\n").expect("reads"), []);
    assert_eq!(from_yaml("name: a\neffect: deny").expect("reads").len(), 1);
    assert_eq!(
        from_yaml("# two\n- {name: a, effect: deny}\n- {name: b, effect: allow}")
            .expect("reads")
            .len(),
        2
    );
    assert_eq!(
        from_yaml("[{name: a, effect: deny}]").expect("reads").len(),
        1
    );
}

#[test]
fn unknown_words_are_named_with_the_ones_that_were_meant() {
    for (yaml, expected) in [
        (
            "- {name: a, efect: allow}",
            "line 1, column 13: unknown word `efect`; did you mean `effect`?",
        ),
        (
            "name: a\neffect: alow",
            "line 2, column 9: unknown word `alow`; did you mean `allow`?",
        ),
        (
            "- {name: a, effect: deny, match: {tolls: [x]}}",
            "line 1, column 35: unknown word `tolls`; did you mean `tools`?",
        ),
        (
            "- {effect: allow}",
            "line 1, column 4: missing field `name`",
        ),
    ] {
        let error = from_yaml(yaml).expect_err(yaml).to_string();
        assert_eq!(error, expected);
    }
    let twice = from_yaml("name: a\nname: b\neffect: deny").expect_err("twice");
    assert_eq!(twice.line, 2);
    let alien = from_yaml("- {name: a, zzzzzz: 1}")
        .expect_err("alien")
        .to_string();
    assert!(
        alien.contains("unknown field `zzzzzz`, expected one of"),
        "{alien}"
    );
}

#[test]
fn what_is_written_reads_the_same() {
    let policies = shipped();
    assert_eq!(from_yaml(&to_yaml(policies)).expect("reads"), policies);
    assert_eq!(from_yaml(&to_yaml(&[])).expect("reads"), []);
}

#[test]
fn the_shipped_rules_hold_their_examples() {
    check_examples(shipped(), &[]).expect("they hold");
    for policy in shipped() {
        assert!(!policy.examples.matches.is_empty(), "{}", policy.name);
        assert!(!policy.examples.passes.is_empty(), "{}", policy.name);
        assert!(!policy.description.is_empty(), "{}", policy.name);
    }
}

#[test]
fn an_example_that_does_not_hold_says_why_and_who_decided() {
    let error = |yaml: &str| {
        check_examples(&rules(yaml), &[])
            .expect_err(yaml)
            .to_string()
    };
    assert_eq!(
        error(
            "
- name: tmp
  effect: allow
  match: {paths: ['/tmp/*']}
  examples: {match: [{tool: read, resources: {paths: [/tmp/a]}}, {tool: read, resources: {paths: [/etc/a]}}]}
- {name: no, effect: deny, match: {tools: [read]}}
"
        ),
        "policy `tmp`: examples.match[1]: the policy must match the call, but does not, because of \
         `match.paths`; all policies together: deny, denied by `no`"
    );
    assert_eq!(
        error("- {name: all, effect: allow, examples: {no_match: [{tool: x}]}}"),
        "policy `all`: examples.no_match[0]: the policy matches the call, but must not; all policies \
         together: allow, allowed by `all`"
    );
    assert_eq!(
        error("- {name: all, effect: allow, examples: {match: [{tool: x, at: noon}]}}"),
        "policy `all`: examples.match[0]: at: expected an instant in UTC such as \
         `2026-03-02T12:00:00Z`"
    );
    assert_eq!(
        error("- {name: m, kind: model, effect: deny, examples: {match: [{tool: x}]}}"),
        "policy `m`: examples.match[0]: model: missing; an example for `kind: model` needs it"
    );
}

#[test]
fn examples_may_give_the_arguments_themselves() {
    let yaml = |path: &str| {
        format!(
            "- {{name: a, effect: allow, match: {{paths: ['/data/*']}}, examples: {{match: \
             [{{tool: read_file, tool_kind: file, arguments: {{path: {path}}}}}]}}}}"
        )
    };
    check_examples(&rules(&yaml("/data/a")), &[]).expect("it holds");
    let error = |path| {
        let error = check_examples(&rules(&yaml(path)), &[]).expect_err(path);
        error.to_string()
    };
    assert!(error("/home/a").contains("because of `match.paths`"));
    let refused = error("/data/../etc/passwd");
    assert!(
        refused.starts_with("policy `a`: examples.match[0]: arguments: "),
        "{refused}"
    );
    assert!(refused.contains("name `resources` instead"), "{refused}");
}

#[test]
fn examples_know_registered_tools_also_by_pattern() {
    let policies = rules(
        "- {name: pay, effect: deny, match: {tool_kinds: [payment]}, examples: {match: [{tool: bank/pay}], no_match: [{tool: bank/balance}]}}",
    );
    let tool = |name: &str, kind| iron_policy::Tool {
        kind,
        ..iron_policy::Tool::named(name)
    };
    let tools = [
        tool("*", ToolKind::Api),
        tool("bank/*", ToolKind::Payment),
        tool("bank/balance", ToolKind::Database),
    ];
    check_examples(&policies, &tools).expect("they hold");
    assert!(check_examples(&policies, &[]).is_err());
}

#[test]
fn roles_may_what_they_say() {
    let set = PolicySet::compile(shipped()).expect("compiles");
    let effect = |role, access| call("tool").role(role).access(access).effect(&set);
    use iron_policy::Access::{Admin, Read, Write};
    for (role, read, write, admin) in [
        (Role::ReadOnly, Effect::Allow, Effect::Deny, Effect::Deny),
        (Role::ReadWrite, Effect::Allow, Effect::Allow, Effect::Deny),
        (Role::Admin, Effect::Allow, Effect::Allow, Effect::Allow),
    ] {
        assert_eq!(effect(role, Read), read);
        assert_eq!(effect(role, Write), write);
        assert_eq!(effect(role, Admin), admin);
    }
}

#[test]
fn databases_are_read_and_added_to() {
    let set = PolicySet::compile(shipped()).expect("compiles");
    let query = |role, kind| {
        let call = call("query")
            .kind(ToolKind::Database)
            .role(role)
            .sql(kind, &["orders"]);
        call.effect(&set)
    };
    for (kind, expected) in [
        ("select", Effect::Allow),
        ("insert", Effect::Allow),
        ("update", Effect::Deny),
        ("delete", Effect::Deny),
        ("drop", Effect::Deny),
        ("truncate", Effect::Deny),
        ("grant", Effect::Deny),
    ] {
        assert_eq!(query(Role::ReadWrite, kind), expected, "{kind}");
    }
    assert_eq!(query(Role::Admin, "update"), Effect::Allow);
    assert_eq!(query(Role::Admin, "drop"), Effect::Deny);
}

#[test]
fn a_rule_of_the_tenant_takes_the_place_of_the_shipped_one() {
    let own = rules("- {name: shipped/approve-payments, effect: require_approval, enabled: false}");
    let pay = call("pay").kind(ToolKind::Payment);
    let set = PolicySet::compile(shipped()).expect("compiles");
    assert_eq!(pay.effect(&set), Effect::RequireApproval);
    let set = PolicySet::compile(&with_shipped(&own)).expect("compiles");
    assert_eq!(pay.effect(&set), Effect::Allow);
    assert_eq!(set.len(), shipped().len() - 1);
}

#[test]
fn taint_asks_before_anything_leaves() {
    let set = PolicySet::compile(shipped()).expect("compiles");
    let post = call("post").kind(ToolKind::Api);
    assert_eq!(post.effect(&set), Effect::Allow);
    let decision = post.tainted().decided(&set);
    assert_eq!(decision.rules, ["shipped/approve-tainted"]);
}

#[test]
fn changes_are_named_by_their_fields() {
    let before = rules(
        "
- {name: a, effect: allow, match: {paths: ['/tmp/*'], tools: [x]}}
- {name: b, effect: allow}
- {name: c, effect: deny}
",
    );
    let after = rules(
        "
- {name: c, effect: deny}
- {name: d, effect: deny}
- {name: a, effect: deny, match: {paths: ['/data/*'], tools: [x]}, conditions: {tainted: true}}
",
    );
    let diff = Diff::between(&before, &after);
    assert_eq!(diff.added, ["d"]);
    assert_eq!(diff.removed, ["b"]);
    assert_eq!(diff.changed.len(), 1);
    assert_eq!(
        diff.changed[0].fields,
        ["conditions.tainted", "effect", "match.paths"]
    );
    assert!(Diff::between(&after, &after).is_empty());
}
