//! What must hold for all rules and all calls.

mod random;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use self::random::{Call, calls, policies, resources};
use super::*;
use crate::facts::Facts;
use crate::{Conditions, Match, Policy, Values};

fn compiled(policies: &[Policy]) -> PolicySet {
    PolicySet::compile(policies).expect("all of these can be used")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_short_form_says_what_cedar_says(policies in policies(), call in calls()) {
        let set = compiled(&policies);
        let request = call.request();
        let clocks = set.clocks(&request);
        let facts = Facts::of(&request, &clocks);
        let world = World::new(set.vocabulary, &request, set.zones.iter().zip(clocks.iter().copied()));
        let world = world.expect("Cedar takes it");
        for resource in judged(&call.resources) {
            let asked = world.ask(resource).expect("Cedar takes it");
            for rule in &set.rules {
                let facts = facts.about(resource);
                let concerned = concerns(rule.kind, rule.effect, &facts) == Truth::Yes;
                let answer = asked.answer(&rule.cedar);
                prop_assert!(!concerned || answer != Answer::Failed, "{}", rule.text);
                let cedar = concerned && answer == Answer::Matches;
                prop_assert_eq!(rule.test(&facts), Truth::from(cedar), "{}", rule.text);
            }
        }
    }

    #[test]
    fn sorting_out_rules_beforehand_changes_nothing(policies in policies(), call in calls()) {
        let set = compiled(&policies);
        let request = call.request();
        let clocks = set.clocks(&request);
        let facts = Facts::of(&request, &clocks);
        let world = World::new(set.vocabulary, &request, set.zones.iter().zip(clocks.iter().copied()));
        let world = world.expect("Cedar takes it");
        let mut tally = Tally::default();
        for resource in judged(&call.resources) {
            let asked = world.ask(resource).expect("Cedar takes it");
            let concerned = set.rules.iter().filter(|rule| {
                concerns(rule.kind, rule.effect, &facts.about(resource)) == Truth::Yes
            });
            let hits = concerned.filter(|rule| rule.counts_as_matched(asked.answer(&rule.cedar)));
            let hits: Vec<_> = hits.map(Rule::hit).collect();
            tally.add(&hits, || resource.map(|resource| resource.to_string()));
        }
        let whole = tally.decide(call.request().subject.kind() == Kind::Model);
        prop_assert_eq!(set.decide(&request), whole);
    }

    #[test]
    fn the_order_of_rules_does_not_count(
        (policies, shuffled) in policies().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        call in calls(),
    ) {
        let request = call.request();
        prop_assert_eq!(compiled(&policies).decide(&request), compiled(&shuffled).decide(&request));
    }

    #[test]
    fn another_denial_or_thing_never_widens(
        policies in policies(), more in policies(), call in calls(), also in resources(),
    ) {
        let before = compiled(&policies).decide(&call.request()).effect;
        let denials = more.into_iter().map(|policy| Policy {
            name: format!("more {}", policy.name),
            effect: Effect::Deny,
            ..policy
        });
        let with_denials: Vec<_> = policies.iter().cloned().chain(denials).collect();
        prop_assert!(compiled(&with_denials).decide(&call.request()).effect >= before);
        let mut wider = call.clone();
        wider.resources.paths.extend(also.paths);
        wider.resources.urls.extend(also.urls);
        if judged(&call.resources) != [None] {
            prop_assert!(compiled(&policies).decide(&wider.request()).effect >= before);
        }
    }

    #[test]
    fn what_can_be_called_can_be_seen(
        policies in policies(), call in calls(), pattern in option::of(select(&["*", "b/*", "a*"][..])),
    ) {
        let call = Call { kind: Kind::Tool, ..call };
        let set = compiled(&policies);
        let mut tool = call.tool.clone();
        tool.name = call.name.clone();
        let fits = |pattern: &&str| crate::glob::matches(pattern, &call.name);
        if let Some(pattern) = pattern.filter(fits) {
            tool.name = pattern.to_owned();
        }
        let decision = set.decide(&call.request());
        prop_assert!(decision.effect == Effect::Deny || set.could_allow(&tool, &call.agent));
    }

    #[test]
    fn explanations_agree_with_decisions(policies in policies(), call in calls()) {
        let set = compiled(&policies);
        let decision = set.decide(&call.request());
        let explained = set.explain(&call.request());
        let matched = |rule: &String| explained.iter().any(|it| it.rule == *rule && it.matched);
        prop_assert!(decision.rules.iter().all(matched));
        let denies = explained.iter().any(|it| it.matched && it.effect == Effect::Deny);
        prop_assert!(!denies || decision.effect == Effect::Deny);
    }

    #[test]
    fn any_text_is_a_glob_a_name_and_a_value(text in "[^\\p{Cc}*]{1,40}", other in "[^\\p{Cc}]{1,10}") {
        let matches = Match { agents: vec![text.clone()], ..Match::default() };
        let attributes = [(text.clone(), Values::One(text.clone()))];
        let policy = Policy {
            name: "p".to_owned(),
            description: String::new(),
            kind: Kind::Tool,
            effect: Effect::Allow,
            matches,
            conditions: Conditions { attributes: attributes.into(), ..Conditions::default() },
            approval: None,
            cedar: None,
            examples: crate::Examples::default(),
            enabled: true,
        };
        let open = Policy {
            matches: Match { agents: vec![format!("{text}*")], ..Match::default() },
            ..policy.clone()
        };
        for (policy, name) in [(policy, text.clone()), (open, format!("{text}{other}"))] {
            let sample = crate::SampleCall {
                tool: "x".to_owned(),
                agent: Some(name),
                attributes: [(text.clone(), text.clone())].into(),
                ..crate::SampleCall::default()
            };
            let sample = crate::Sample::new(&sample, Kind::Tool, &[]).expect("a call");
            let reserved = ["risk_level", "external", "untrusted_output", "data_class", "end_user"];
            prop_assume!(!reserved.contains(&text.as_str()));
            prop_assert_eq!(compiled(&[policy]).decide(&sample.request()).effect, Effect::Allow);
        }
    }
}
