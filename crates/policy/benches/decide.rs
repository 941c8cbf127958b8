//! What a decision costs: rules of a tenant, and a call that names three things.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use iron_policy::{
    Agent, PolicySet, Request, Resources, Role, Subject, Tool, ToolKind, from_yaml, with_shipped,
};
use iron_primitives::{Id, Timestamp};

/// With those that are shipped, 25.
const OWN: &str = "
- {name: tmp, effect: allow, match: {tools: ['*_file'], paths: ['/tmp/*', '/data/*']}}
- {name: private, effect: deny, match: {paths: ['/data/private/*', '*/.ssh/*']}}
- {name: office, effect: require_approval, match: {tools: [write_file], agents: ['finance-*']}, conditions: {hours: '17:00-09:00', timezone: Europe/Berlin}}
- {name: prod, effect: require_approval, match: {tools: ['deploy*']}, conditions: {attributes: {environment: prod}}}
- {name: health, effect: deny, match: {teams: [marketing]}, conditions: {attributes: {data_class: [phi]}}}
- {name: hosts, effect: deny, kind: network, match: {domains: ['*.evil.net', 'paste.example/*']}}
- {name: tables, effect: deny, kind: data, match: {tables: [salaries, 'hr.*']}}
- {name: mail, effect: allow, match: {tools: [send_email], recipients: ['*@example.com']}}
- {name: models, effect: deny, kind: model, match: {models: ['*-preview']}}
- {name: shells, effect: deny, match: {commands: [sh, bash, zsh]}}
";

/// Rules that are about tools by name, as tenants with many tools write them.
fn by_name(count: usize) -> String {
    let each = (0..count).map(|number| {
        format!("- {{name: tool {number}, effect: allow, match: {{tools: ['svc{number}/*']}}}}\n")
    });
    each.collect()
}

fn paths() -> Resources {
    let paths = ["/tmp/a.txt", "/data/reports/b.csv", "/data/c.json"];
    Resources {
        paths: paths.map(str::to_owned).into(),
        ..Resources::default()
    }
}

fn decide(criterion: &mut Criterion) {
    let tool = Tool {
        kind: ToolKind::File,
        ..Tool::named("write_file")
    };
    let agent = Agent {
        id: Id::from_uuid(Default::default()),
        name: "researcher".to_owned(),
        role: Role::ReadWrite,
        team: None,
        attributes: BTreeMap::new(),
    };
    let attributes = BTreeMap::from([("environment".to_owned(), "prod".to_owned())]);
    let mut group = criterion.benchmark_group("decide");
    for (name, more, resources) in [
        ("25_rules_3_paths", 0, paths()),
        ("25_rules_nothing_named", 0, Resources::default()),
        ("500_rules_3_paths", 475, paths()),
    ] {
        let own = from_yaml(&format!("{OWN}{}", by_name(more))).unwrap_or_default();
        let Ok(set) = PolicySet::compile(&with_shipped(&own)) else {
            return;
        };
        assert_eq!(set.len(), more + 25, "as many rules as the name says");
        let request = Request {
            subject: Subject::Tool {
                name: "write_file",
                tool: &tool,
            },
            agent: &agent,
            model: None,
            resources: &resources,
            attributes: &attributes,
            end_user: Some("ann"),
            tainted: false,
            now: Timestamp::from_seconds(1_767_614_400),
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| set.decide(black_box(&request)));
        });
        group.bench_function(format!("{name}/visible"), |bencher| {
            bencher.iter(|| set.could_allow(black_box(&tool), black_box(&agent)));
        });
    }
    group.finish();
}

fn compile(criterion: &mut Criterion) {
    let own = from_yaml(OWN).unwrap_or_default();
    let rules = with_shipped(&own);
    criterion.bench_function("compile_25_rules", |bencher| {
        bencher.iter(|| PolicySet::compile(black_box(&rules)));
    });
}

criterion_group!(benches, decide, compile);
criterion_main!(benches);
