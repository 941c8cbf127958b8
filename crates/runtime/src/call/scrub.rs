//! Words of others without the secrets that they were shown.

use bytes::Bytes;
use iron_llm::aws::Key;
use iron_primitives::Secret;

/// A provider's words without its key, should it repeat it, or a part of the key that it was shown.
pub(super) fn scrubbed(body: Bytes, secret: Option<&Secret>) -> Bytes {
    let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) else {
        return body;
    };
    let mut body = without(body, secret);
    for spelled in spellings(secret.expose()) {
        body = without(body, &spelled);
    }
    if let Ok(Key::Signs(parts)) = Key::parse(secret.expose()) {
        body = without(body, &parts.secret);
        if let Some(token) = &parts.token {
            body = without(body, token);
        }
    }
    body
}

/// A secret as writers of JSON may spell it, where that is not how it stands.
fn spellings(secret: &str) -> Vec<Secret> {
    let quoted = serde_json::Value::from(secret).to_string();
    let quoted = quoted.get(1..quoted.len().saturating_sub(1));
    let quoted = quoted.unwrap_or_default().to_owned();
    let slashes = quoted.replace('/', "\\/");
    let for_pages = ["&", "<", ">"].into_iter().zip(["26", "3c", "3e"]);
    let for_pages = for_pages.fold(quoted.clone(), |text, (sign, code)| {
        text.replace(sign, &format!("\\u00{code}"))
    });
    let mut all = vec![quoted, slashes, for_pages];
    all.retain(|spelled| spelled != secret);
    all.dedup();
    all.into_iter().map(Secret::from).collect()
}

fn without(body: Bytes, secret: &Secret) -> Bytes {
    let secret = secret.expose();
    let found = |body: &[u8]| {
        let mut windows = body.windows(secret.len());
        windows.position(|window| window == secret.as_bytes())
    };
    if found(&body).is_none() {
        return body;
    }
    let (mut clean, mut rest) = (Vec::with_capacity(body.len()), body.as_ref());
    while let Some(at) = found(rest) {
        clean.extend_from_slice(rest.get(..at).unwrap_or_default());
        clean.extend_from_slice(b"***");
        rest = rest
            .get(at.saturating_add(secret.len())..)
            .unwrap_or_default();
    }
    clean.extend_from_slice(rest);
    clean.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_however_json_spells_it() {
        let secret = Secret::from("a/b&c\"d".to_owned());
        for spelled in [
            r#"a/b&c"d"#,
            r#"a/b&c\"d"#,
            r#"a\/b&c\"d"#,
            r#"a/b\u0026c\"d"#,
        ] {
            let body = Bytes::from(format!("<{spelled}>"));
            assert_eq!(scrubbed(body, Some(&secret)), "<***>", "{spelled}");
        }
        assert_eq!(spellings("sk-plain_7").len(), 0);
    }
}
