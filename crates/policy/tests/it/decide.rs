//! Deny beats approval beats allow; what nothing matched is denied; each thing is judged by itself.

use iron_policy::{Access, Approval, Effect, ToolKind};

use crate::kit::{AGENT, Of, TEAM, call, named, rules, set};

#[test]
fn what_nothing_matches_is_denied_by_default() {
    let decision = call("send").decided(&set("[]"));
    assert_eq!(decision.effect, Effect::Deny);
    assert!(decision.default);
    assert_eq!(decision.reason, "no policy allows the call");
    assert!(decision.rules.is_empty());
}

#[test]
fn deny_beats_approval_beats_allow_whatever_the_order() {
    let yaml = "
- {name: c, effect: deny, match: {tools: [drop_*]}}
- {name: a, effect: allow}
- {name: b, effect: require_approval, match: {tools: ['*_all', drop_*]}}
";
    let mut policies = rules(yaml);
    for _ in 0..3 {
        policies.rotate_left(1);
        let set = iron_policy::PolicySet::compile(&policies).expect("compiles");
        let rules = |tool| call(tool).decided(&set).rules;
        assert_eq!(rules("read"), ["a"]);
        assert_eq!(rules("send_all"), ["b"]);
        assert_eq!(rules("drop_all"), ["c"]);
    }
}

#[test]
fn the_least_allowed_thing_decides() {
    let set = set("
- {name: tmp, effect: allow, match: {paths: ['/tmp/*', '/data/*']}}
- {name: data, effect: require_approval, match: {paths: ['/data/*']}}
- {name: secret, effect: deny, match: {paths: ['/data/secret/*']}}
");
    let read = || call("read");
    assert_eq!(read().path("/tmp/a").effect(&set), Effect::Allow);
    let asked = read().path("/tmp/a").path("/data/b").decided(&set);
    assert_eq!(asked.effect, Effect::RequireApproval);
    assert_eq!(asked.resource.as_deref(), Some("/data/b"));
    let denied = read()
        .path("/data/b")
        .path("/data/secret/c")
        .path("/tmp/a")
        .decided(&set);
    assert_eq!(denied.rules, ["secret"]);
    let unknown = read().path("/tmp/a").path("/home/x").decided(&set);
    assert_eq!(unknown.effect, Effect::Deny);
    assert!(unknown.default);
    assert_eq!(unknown.resource.as_deref(), Some("/home/x"));
    assert!(!unknown.reason.contains("/home/x"));
    assert_eq!(read().effect(&set), Effect::Deny);
}

#[test]
fn hosts_and_paths_of_addresses_are_matched_apart() {
    let set = set("
- {name: api, effect: allow, match: {domains: ['API.openai.com/v1/*', '*.example.com/*', docs.rs]}}
");
    for (host, path, expected) in [
        ("api.openai.com", "/v1/chat", Effect::Allow),
        ("api.openai.com", "/v2/chat", Effect::Deny),
        ("www.example.com", "/", Effect::Allow),
        ("evil.net", "/www.example.com/x", Effect::Deny),
        ("evil.net", "/.example.com/", Effect::Deny),
        ("example.com", "/", Effect::Deny),
        ("docs.rs", "/anything", Effect::Allow),
        ("docs.rs.evil.net", "/", Effect::Deny),
    ] {
        assert_eq!(
            call("get").url(host, path).effect(&set),
            expected,
            "{host}{path}"
        );
    }
}

#[test]
fn statements_are_judged_table_by_table() {
    let set = set("
- {name: read, effect: allow, match: {statements: [SELECT], tables: [orders, 'public.*']}}
- {name: private, effect: deny, match: {tables: [users]}}
- {name: none, effect: allow, match: {statements: [show]}}
");
    let query = |tables: &[&str]| call("q").sql("select", tables).decided(&set);
    assert_eq!(query(&["orders"]).rules, ["read"]);
    assert_eq!(query(&["Orders", "public.items"]).rules, ["read"]);
    // What allows means what it says; what denies means the table in any schema.
    assert_eq!(query(&["other.orders"]).effect, Effect::Deny);
    assert_eq!(query(&["orders", "public.users"]).rules, ["private"]);
    assert_eq!(query(&[]).effect, Effect::Deny);
    assert_eq!(call("q").sql("show", &[]).effect(&set), Effect::Allow);
    assert_eq!(
        call("q").sql("delete", &["orders"]).effect(&set),
        Effect::Deny
    );
}

#[test]
fn programs_are_denied_in_every_folder_and_allowed_in_none_but_those_of_the_system() {
    let set = set("
- {name: may, effect: allow, match: {commands: [git, ls, rm, '/opt/*']}}
- {name: rm, effect: deny, match: {commands: [rm]}}
");
    for (program, expected) in [
        ("git", Effect::Allow),
        ("/tmp/git", Effect::Deny),
        ("/opt/bin/git", Effect::Allow),
        ("rm", Effect::Deny),
        ("/opt/bin/rm", Effect::Deny),
        ("rmdir", Effect::Deny),
    ] {
        assert_eq!(
            call("run").command(program).effect(&set),
            expected,
            "{program}"
        );
    }
}

#[test]
fn people_are_matched_in_any_case() {
    let set = set("- {name: ours, effect: allow, match: {recipients: ['*@Example.com']}}");
    assert_eq!(
        call("mail").to("Ann@example.COM").effect(&set),
        Effect::Allow
    );
    assert_eq!(
        call("mail").to("ann@example.com.evil.net").effect(&set),
        Effect::Deny
    );
    let both = call("mail").to("ann@example.com").to("bob@evil.net");
    assert_eq!(both.effect(&set), Effect::Deny);
}

#[test]
fn tools_agents_and_teams_are_told_apart_by_what_is_declared() {
    let set = set(&format!(
        "
- name: one
  effect: allow
  match:
    tools: ['github/*', read]
    tool_kinds: [api, custom]
    access: [read]
    risk_levels: [low, medium]
    agents: ['res*', 'agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07aaaa']
    teams: [sales, '{TEAM}']
- {{name: id, effect: allow, match: {{tools: [by_id], agents: ['{AGENT}']}}}}
"
    ));
    let good = || call("github/list").access(Access::Read).team("anything");
    assert_eq!(good().effect(&set), Effect::Allow);
    assert_eq!(good().kind(ToolKind::Shell).effect(&set), Effect::Deny);
    assert_eq!(good().access(Access::Write).effect(&set), Effect::Deny);
    assert_eq!(good().by("other").effect(&set), Effect::Deny);
    assert_eq!(
        call("gitlab/list")
            .access(Access::Read)
            .team("sales")
            .effect(&set),
        Effect::Deny
    );
    assert_eq!(call("read").access(Access::Read).effect(&set), Effect::Deny);
    assert_eq!(call("by_id").effect(&set), Effect::Allow);
    // Nobody becomes another agent by its name.
    let mut other = call("by_id").by(AGENT);
    other.agent.id = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07bbbb"
        .parse()
        .expect("an id");
    assert_eq!(other.effect(&set), Effect::Deny);
}

#[test]
fn rules_about_data_and_the_network_also_hold_for_tools_that_reach_there() {
    let set = set("
- {name: tools, effect: allow}
- {name: evil, kind: network, effect: deny, match: {domains: ['*.evil.net']}}
- {name: away, kind: network, effect: allow, match: {domains: ['*']}}
- {name: users, kind: data, effect: require_approval, match: {tables: [users]}}
");
    assert_eq!(
        call("get").url("www.evil.net", "/").decided(&set).rules,
        ["evil"]
    );
    assert_eq!(
        call("get").url("good.net", "/").decided(&set).rules,
        ["tools"]
    );
    assert_eq!(
        call("q").sql("select", &["users"]).decided(&set).rules,
        ["users"]
    );
    let connect = |host| call("").of(Of::Network).url(host, "/").decided(&set);
    assert_eq!(connect("good.net").rules, ["away"]);
    assert_eq!(connect("www.evil.net").rules, ["evil"]);
    let query = |table| {
        call("")
            .of(Of::Data("crm".to_owned()))
            .sql("select", &[table])
    };
    assert_eq!(query("users").decided(&set).rules, ["users"]);
    assert_eq!(query("orders").decided(&set).effect, Effect::Deny);
}

#[test]
fn models_are_allowed_unless_a_rule_says_otherwise() {
    let set = set("
- {name: dear, kind: model, effect: deny, match: {models: ['gpt-*-pro']}}
- {name: all, effect: deny}
");
    let model = |name: &str| call("").of(Of::Model(name.to_owned())).decided(&set);
    assert_eq!(model("gpt-6-pro").rules, ["dear"]);
    assert_eq!(model("gpt-6").effect, Effect::Allow);
    assert!(model("gpt-6").default);
}

#[test]
fn terms_of_approval_are_joined_to_the_strictest() {
    let set = set("
- {name: a, effect: require_approval, approval: {approvers: [ann@x.org, Bob@x.org], quorum: 2, timeout_seconds: 600}}
- {name: b, effect: require_approval, approval: {approvers: [bob@x.org, 'role:operator'], timeout_seconds: 60, forbid_own: true}}
- {name: c, effect: require_approval, match: {tools: [pay]}}
");
    let asked = call("mail").decided(&set);
    assert_eq!(asked.rules, ["a", "b"]);
    let terms = Approval {
        approvers: vec!["bob@x.org".to_owned()],
        quorum: 2,
        timeout_seconds: Some(60),
        forbid_own: true,
    };
    assert_eq!(asked.approval, Some(terms));
    let admins = call("pay")
        .decided(&set)
        .approval
        .expect("somebody is asked");
    assert!(admins.approvers.is_empty());
}

#[test]
fn a_rule_that_fails_never_widens() {
    let overflow = "context.now + 9223372036854775807 > 0";
    let set = set(&format!("
- name: may
  effect: allow
  cedar: 'permit(principal, action == Action::\"call_tool\", resource) when {{ resource.name == \"a\" && {overflow} }};'
- name: must-not
  effect: deny
  cedar: 'forbid(principal, action == Action::\"call_tool\", resource) when {{ resource.name == \"b\" && {overflow} }};'
- name: must-ask
  effect: require_approval
  cedar: 'permit(principal, action == Action::\"call_tool\", resource) when {{ resource.name == \"c\" && {overflow} }};'
- {{name: rest, effect: allow, match: {{tools: [b, c]}}}}
"));
    assert!(call("a").decided(&set).default);
    assert_eq!(call("b").decided(&set).rules, ["must-not"]);
    assert_eq!(call("c").decided(&set).rules, ["must-ask"]);
}

#[test]
fn a_call_that_names_too_much_is_denied() {
    let set = set("- {name: all, effect: allow}");
    let mut many = call("read");
    many.resources.paths = (0..257).map(|number| format!("/tmp/{number}")).collect();
    assert_eq!(many.effect(&set), Effect::Deny);
    many.resources.paths.pop();
    assert_eq!(many.effect(&set), Effect::Allow);
}

#[test]
fn tools_are_visible_as_long_as_a_call_could_pass() {
    let set = set("
- {name: read, effect: allow, match: {access: [read]}}
- {name: tmp, effect: allow, match: {tools: [write_file], paths: ['/tmp/*']}}
- {name: ask, effect: require_approval, match: {tools: [pay]}}
- {name: pro, effect: deny, match: {tools: [pay]}, conditions: {attributes: {environment: dev}}}
- {name: never, effect: deny, match: {tools: ['secret/*']}}
");
    let sees = |name: &str, access| {
        let call = call(name).access(access);
        set.could_allow(&call.tool, &call.agent)
    };
    assert!(sees("anything", Access::Read));
    assert!(!sees("anything", Access::Write));
    assert!(sees("write_file", Access::Write));
    assert!(sees("pay", Access::Write));
    assert!(!sees("secret/read", Access::Read));
    assert!(!sees("secret/*", Access::Read));
    assert!(sees("s*", Access::Read));
    let mut pay = named("pay");
    pay.attributes
        .insert("environment".to_owned(), "dev".to_owned());
    assert!(!set.could_allow(&pay, &crate::kit::agent()));
}
