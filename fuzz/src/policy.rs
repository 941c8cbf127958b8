use iron_policy::{
    Effect, Kind, Policy, PolicySet, Resources, Sample, SampleCall, Url, from_yaml, to_yaml,
};

/// Any text is policies or an error; policies are written as they are read, and those that can be
/// used decide on every call: with one more denial never more.
pub fn policy_yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(policies) = from_yaml(text) else {
        return;
    };
    let written = to_yaml(&policies);
    assert_eq!(
        from_yaml(&written).as_deref(),
        Ok(&policies[..]),
        "{written}"
    );
    let Ok(set) = PolicySet::compile(&policies) else {
        return;
    };
    let mut denied: Vec<_> = policies
        .into_iter()
        .filter(|policy| policy.enabled)
        .collect();
    denied.extend(denials());
    let denied = PolicySet::compile(&denied);
    for kind in [Kind::Tool, Kind::Model, Kind::Data, Kind::Network] {
        let sample = Sample::new(&call(), kind, &[]).expect("a whole call");
        let request = sample.request();
        let decision = set.decide(&request);
        assert!(decision.default || !decision.rules.is_empty());
        assert_eq!(set.explain(&request).len(), set.len());
        if let (Ok(denied), Kind::Tool) = (&denied, kind) {
            assert_eq!(denied.decide(&request).effect, Effect::Deny);
        }
    }
}

/// Any text is a policy in Cedar or an error, and what is a policy can be asked.
pub fn policy_cedar(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let effect = [Effect::Allow, Effect::RequireApproval, Effect::Deny][usize::from(*choice) % 3];
    let Ok([mut policy]) = <[Policy; 1]>::try_from(denials()) else {
        return;
    };
    policy.effect = effect;
    policy.cedar = Some(text.to_owned());
    let Ok(set) = PolicySet::compile(&[policy]) else {
        return;
    };
    let sample = Sample::new(&call(), Kind::Tool, &[]).expect("a whole call");
    let decided = set.decide(&sample.request()).effect;
    assert!(decided == effect || decided == Effect::Deny);
}

fn denials() -> Vec<Policy> {
    from_yaml("name: deny what is called\neffect: deny").expect("a policy")
}

/// A call that names one thing of each sort.
fn call() -> SampleCall {
    let resources = Resources {
        paths: vec!["/data/a".to_owned()],
        urls: vec![Url {
            scheme: "https".to_owned(),
            host: "example.com".to_owned(),
            port: None,
            path: "/a".to_owned(),
        }],
        commands: vec!["/bin/rm".to_owned()],
        recipients: vec!["ann@example.com".to_owned()],
        ..Resources::default()
    };
    SampleCall {
        tool: "tool".to_owned(),
        model: Some("model".to_owned()),
        resources: Some(resources),
        ..SampleCall::default()
    }
}
