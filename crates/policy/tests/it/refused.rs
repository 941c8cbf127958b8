//! Rules that cannot be used are refused, and told what to do.

use iron_policy::{MOST_RULES, Policy, PolicySet};

use crate::kit::{rules, wrong};

#[test]
fn messages_name_the_rule_the_field_and_what_to_do() {
    for (yaml, expected) in [
        (
            "- {name: a, effect: allow}\n- {name: a, effect: deny}",
            "policy `a`: name: another policy has this name; choose one that is not taken",
        ),
        (
            "- {name: '', effect: allow}",
            "policy ``: name: expected 1 to 100 characters without control characters",
        ),
        (
            "- {name: a, effect: allow, match: {paths: [/a], domains: [b]}}",
            "policy `a`: match.domains: each thing that a call names is judged by itself; write one \
             policy for `paths` and another for `domains`",
        ),
        (
            "- {name: a, effect: allow, match: {paths: [data/*]}}",
            "policy `a`: match.paths: `data/*` can match no path; begin with `/` or `*`",
        ),
        (
            "- {name: a, effect: allow, match: {domains: ['https://x.com/']}}",
            "policy `a`: match.domains: `https://x.com/` is not a host, or a host and a path; leave \
             out the scheme and the port",
        ),
        (
            "- {name: a, effect: allow, match: {domains: ['x.com:8080']}}",
            "policy `a`: match.domains: `x.com:8080` is not a host, or a host and a path; leave out \
             the scheme and the port",
        ),
        (
            "- {name: a, kind: model, effect: allow, match: {tools: [x]}}",
            "policy `a`: match.tools: means nothing for `kind: model`; leave it out or choose \
             another kind",
        ),
        (
            "- {name: a, effect: allow, match: {tools: ['*a*b*c*d*e*f*g*h*']}}",
            "policy `a`: match.tools: `*a*b*c*d*e*f*g*h*` has more than 8 stars; write several globs",
        ),
        (
            "- {name: a, effect: allow, conditions: {hours: 9-17}}",
            "policy `a`: conditions.hours: `9-17` is not a time of day; write it as `09:00-17:00`, \
             with two different ends",
        ),
        (
            "- {name: a, effect: allow, conditions: {weekdays: [monday]}}",
            "policy `a`: conditions.weekdays: `monday` is not a day; expected `mon`, `tue`, `wed`, \
             `thu`, `fri`, `sat` or `sun`",
        ),
        (
            "- {name: a, effect: allow, conditions: {weekdays: [mon], timezone: Berlin}}",
            "policy `a`: conditions.timezone: no time zone is called `Berlin`; expected one such as \
             `Europe/Berlin` or `UTC`",
        ),
        (
            "- {name: a, effect: allow, conditions: {timezone: UTC}}",
            "policy `a`: conditions.timezone: says nothing without `hours` or `weekdays`; add one of \
             them or leave it out",
        ),
        (
            "- {name: a, effect: allow, conditions: {attributes: {x: []}}}",
            "policy `a`: conditions.attributes: `x` lists no value; name at least one",
        ),
        (
            "- {name: a, effect: allow, approval: {quorum: 2}}",
            "policy `a`: approval: means nothing for `effect: allow`; leave it out or require approval",
        ),
        (
            "- {name: a, effect: require_approval, approval: {approvers: [ann]}}",
            "policy `a`: approval.approvers: `ann` names nobody; expected the id or the address of a \
             user, or `role:` with a role",
        ),
        (
            "- {name: a, effect: require_approval, approval: {quorum: 0}}",
            "policy `a`: approval.quorum: expected 1 to 10",
        ),
        (
            "- {name: a, effect: require_approval, approval: {timeout_seconds: 5}}",
            "policy `a`: approval.timeout_seconds: expected 30 to 3600",
        ),
    ] {
        assert_eq!(wrong(yaml), expected, "{yaml}");
    }
}

#[test]
fn policies_in_cedar_are_checked_against_the_schema() {
    let call = "principal, action == Action::\"call_tool\", resource";
    for (effect, text, expected) in [
        (
            "allow",
            format!("forbid({call});"),
            "policy `a`: cedar: says `forbid`, but `effect: allow` needs `permit`",
        ),
        (
            "deny",
            format!("permit({call});"),
            "policy `a`: cedar: says `permit`, but `effect: deny` needs `forbid`",
        ),
        (
            "allow",
            format!("permit({call}) when {{ resource.size == 1 }};"),
            "policy `a`: cedar: does not fit the schema: ",
        ),
        (
            "allow",
            format!("permit({call}) when {{ context.path like \"/a\" }};"),
            "policy `a`: cedar: does not fit the schema: ",
        ),
        (
            "allow",
            format!("permit({call}) when {{ resource.kind == 1 }};"),
            "policy `a`: cedar: does not fit the schema: ",
        ),
        (
            "allow",
            format!("permit({call}); permit({call});"),
            "policy `a`: cedar: not one policy in Cedar: ",
        ),
        (
            "allow",
            "permit(principal == ?principal, action, resource);".to_owned(),
            "policy `a`: cedar: not one policy in Cedar: ",
        ),
        (
            "allow",
            "permit(principal, action == Action::\"connect\", resource);".to_owned(),
            "policy `a`: cedar: can never match: it is not about calls of `kind: tool`; ",
        ),
        (
            "allow",
            format!("permit({call}) when {{ Zone::\"Mars\".minute > 3 }};"),
            "policy `a`: cedar: no time zone is called `Mars`; ",
        ),
        (
            "allow",
            format!(
                "permit({call}) when {{ {}true{} }};",
                "(".repeat(40),
                ")".repeat(40)
            ),
            "policy `a`: cedar: nested too deeply or too long; ",
        ),
        (
            "allow",
            format!(
                "permit({call}) when {{ \"{}\" == \"\" }};",
                "a".repeat(4_100)
            ),
            "policy `a`: cedar: expected 1 to 4096 characters",
        ),
    ] {
        let policy = Policy {
            cedar: Some(text.clone()),
            ..rules(&format!("- {{name: a, effect: {effect}}}")).remove(0)
        };
        let error = PolicySet::compile(&[policy]).expect_err(&text).to_string();
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}

#[test]
fn the_two_forms_do_not_mix() {
    let text = "'permit(principal, action == Action::\"call_tool\", resource);'";
    let error = wrong(&format!(
        "- {{name: a, effect: allow, match: {{tools: [x]}}, cedar: {text}}}"
    ));
    assert_eq!(
        error,
        "policy `a`: cedar: cannot stand beside `match`; say all of it in one of the two forms"
    );
}

#[test]
fn what_is_switched_off_is_checked_but_does_not_hold() {
    let set = crate::kit::set("- {name: a, effect: allow, enabled: false}");
    assert!(set.is_empty());
    assert!(
        wrong("- {name: a, effect: allow, enabled: false, match: {paths: [x]}}").contains("paths")
    );
}

#[test]
fn brackets_in_quotes_hide_nothing() {
    let nested = |closing: &str| {
        let open = format!("(\"{closing}\" == \"\" || ").repeat(30);
        format!(
            "permit(principal, action == Action::\"call_tool\", resource) when {{ {open}true{} }};",
            ")".repeat(30)
        )
    };
    for closing in ["", "))))", "\\\"))))", "// ))"] {
        let policy = Policy {
            cedar: Some(nested(closing)),
            ..rules("- {name: a, effect: allow}").remove(0)
        };
        let error = PolicySet::compile(&[policy])
            .expect_err("too deep")
            .to_string();
        assert!(error.contains("nested too deeply"), "{closing}: {error}");
    }
}

#[test]
fn a_set_and_its_lists_are_bounded() {
    let one = rules("- {name: a, effect: allow}").remove(0);
    let many = |count: usize| -> Vec<Policy> {
        let named = |number| Policy {
            name: format!("p{number}"),
            ..one.clone()
        };
        (0..count).map(named).collect()
    };
    let error = PolicySet::compile(&many(MOST_RULES + 1)).expect_err("too many");
    assert!(
        error
            .to_string()
            .contains("a set holds at most 1000 policies")
    );
    let listed = |count: usize| {
        let mut policy = one.clone();
        policy.matches.tools = (0..count).map(|number| format!("*tool{number}")).collect();
        PolicySet::compile(&[policy])
    };
    assert!(listed(100).is_ok());
    assert!(
        listed(101)
            .expect_err("too many")
            .to_string()
            .contains("at most 100 entries")
    );
}

#[test]
fn what_may_be_nested_fits_a_small_stack() {
    let nested = [
        format!(
            "{}context.tainted{}",
            "(true && ".repeat(10),
            ")".repeat(10)
        ),
        format!("{}true{}", "!(".repeat(10), ")".repeat(10)),
        format!(
            "{}true{}",
            "if context.tainted then (".repeat(10),
            ") else false".repeat(10)
        ),
        ["context.tainted"; 20].join(" && "),
    ];
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let tried = small.spawn(move || {
        for condition in nested {
            let text = format!(
                "permit(principal, action == Action::\"call_tool\", resource) when {{ {condition} }};"
            );
            let policy = Policy {
                cedar: Some(text.clone()),
                ..rules("- {name: a, effect: allow}").remove(0)
            };
            let set = PolicySet::compile(&[policy]).expect(&text);
            let _ = crate::kit::call("x").decided(&set);
        }
    });
    tried.expect("a thread").join().expect("no overflow");
}
