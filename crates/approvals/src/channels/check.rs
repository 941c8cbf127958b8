//! What a channel may look like.

use std::collections::BTreeMap;

use iron_net::egress::{AddressRules, BaseUrl, BaseUrlError};
use iron_primitives::Secret;
use lettre::Address;

use super::model::{Channel, ChannelKind, Mail, Secrecy, Settings, SlackActions};
use crate::{Error, Topic};

const MOST_RECIPIENTS: usize = 20;
const MOST_PEOPLE: usize = 500;

fn invalid<T>(field: &'static str, problem: &'static str) -> Result<T, Error> {
    Err(Error::Invalid { field, problem })
}

pub(super) fn name(name: String) -> Result<String, Error> {
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        let problem = "expected 1 to 100 characters, none of them a control character";
        return invalid("name", problem);
    }
    Ok(name)
}

pub(super) fn topics(topics: Option<Vec<Topic>>) -> Result<Vec<Topic>, Error> {
    let mut topics = topics.unwrap_or_else(|| Topic::choosable().collect());
    topics.sort_unstable();
    topics.dedup();
    if topics.is_empty() || !topics.iter().all(|topic| topic.is_choosable()) {
        return invalid("events", "expected at least one, and no test among them");
    }
    Ok(topics)
}

/// The settings of a channel of this kind, made of what was sent.
pub(super) fn settings(
    rules: AddressRules,
    kind: ChannelKind,
    url: Option<&Secret>,
    mail: Option<Mail>,
) -> Result<Settings, Error> {
    match (kind, url, mail) {
        (ChannelKind::Email, None, Some(mail)) => checked_mail(rules, mail).map(Settings::Email),
        (ChannelKind::Email, Some(_), _) => invalid("url", "mail has none; send `email`"),
        (ChannelKind::Email, None, None) => invalid("email", "required for this kind"),
        (_, _, Some(_)) => invalid("email", "only for channels of the kind `email`"),
        (_, None, None) => invalid("url", "required for this kind"),
        (ChannelKind::Slack, Some(url), None) => {
            let shown = shown(rules, url.expose())?;
            // All that follows the host is the secret.
            let host = shown.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            Ok(Settings::Slack {
                shown: format!("{host}/***"),
                interactive: false,
                people: BTreeMap::new(),
            })
        }
        (ChannelKind::Webhook, Some(url), None) => {
            let shown = shown(rules, url.expose())?;
            Ok(Settings::Webhook { shown })
        }
    }
}

/// Lets people decide in Slack; gives the secret that is new.
pub(super) fn actions(
    settings: &mut Settings,
    actions: Option<SlackActions>,
) -> Result<Option<Secret>, Error> {
    let Some(actions) = actions else {
        return Ok(None);
    };
    let Settings::Slack {
        interactive,
        people,
        ..
    } = settings
    else {
        return invalid("slack", "only for channels of the kind `slack`");
    };
    let secret = actions.signing_secret;
    if secret.is_none() && !*interactive {
        return invalid(
            "slack.signing_secret",
            "required; Slack shows it with the app",
        );
    }
    let is_short = |secret: &Secret| !(16..=200).contains(&secret.expose().len());
    if secret.as_ref().is_some_and(is_short) {
        return invalid("slack.signing_secret", "expected 16 to 200 characters");
    }
    let is_id = |id: &str| {
        (1..=30).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let fits = |(id, address): (&String, &String)| is_id(id) && address.parse::<Address>().is_ok();
    if actions.people.len() > MOST_PEOPLE || !actions.people.iter().all(fits) {
        let problem = "expected at most 500 ids of Slack such as `U2CERLKJA`, each with an address";
        return invalid("slack.people", problem);
    }
    *interactive = true;
    *people = actions.people;
    Ok(secret)
}

/// Another address of a channel leaves alone who decides there.
pub(super) fn keep_actions(before: &Settings, after: &mut Settings) {
    if let (
        Settings::Slack {
            interactive,
            people,
            ..
        },
        Settings::Slack {
            interactive: still,
            people: these,
            ..
        },
    ) = (before, after)
    {
        *still = *interactive;
        these.clone_from(people);
    }
}

/// Checks an address and gives it without its query.
fn shown(rules: AddressRules, url: &str) -> Result<String, Error> {
    address(rules, url).map_err(Error::Url)?;
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    Ok(match query {
        "" => before.to_owned(),
        _ => format!("{before}?***"),
    })
}

/// The address of a webhook under the rules; unlike the base URL of a provider it may have a query.
pub(crate) fn address(rules: AddressRules, url: &str) -> Result<http::Uri, BaseUrlError> {
    if url.len() > 2_000 || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BaseUrlError::NotAUrl);
    }
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    if query.contains('#') {
        return Err(BaseUrlError::Extras);
    }
    let base = BaseUrl::parse(before, rules)?;
    let path = if base.path().is_empty() { "/" } else { "" };
    match query {
        "" => base.join(path),
        query => base.join(&format!("{path}?{query}")),
    }
}

fn checked_mail(rules: AddressRules, mail: Mail) -> Result<Mail, Error> {
    let host = &mail.host;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte);
    if !(1..=253).contains(&host.len()) || !host.bytes().all(fits) {
        return invalid(
            "email.host",
            "expected the name or the address of a mail server",
        );
    }
    let secrecy: Secrecy = match mail.security.parse() {
        Ok(secrecy) => secrecy,
        Err(_) => return invalid("email.security", "expected `tls`, `starttls` or `none`"),
    };
    let here = AddressRules::is_this_machine(host);
    if secrecy == Secrecy::None && !here && !rules.plain_http {
        let problem = "`none` is for this machine only; use `tls` or `starttls`";
        return invalid("email.security", problem);
    }
    if mail.from.parse::<Address>().is_err() {
        return invalid(
            "email.from",
            "expected an address such as `iron@example.com`",
        );
    }
    if mail.to.is_empty() || mail.to.len() > MOST_RECIPIENTS {
        return invalid("email.to", "expected 1 to 20 addresses");
    }
    if mail.to.iter().any(|to| to.parse::<Address>().is_err()) {
        return invalid("email.to", "expected addresses such as `ada@example.com`");
    }
    Ok(mail)
}

/// Whoever signs in has a password, and nobody else has.
pub(super) fn password(settings: &Settings, given: bool) -> Result<(), Error> {
    match settings {
        Settings::Email(mail) => match (&mail.username, given) {
            (Some(_), false) => invalid("email.password", "required with a user name"),
            _ => Ok(()),
        },
        _ if given => invalid("email.password", "only for channels of the kind `email`"),
        _ => Ok(()),
    }
}

/// A stored password goes to no other server: else the right to change an address would be the
/// right to read a password.
pub(super) fn moved(
    before: &Channel,
    after: &Channel,
    has_password: bool,
    sends_password: bool,
) -> Result<(), Error> {
    let (Settings::Email(before), Settings::Email(after)) = (&before.settings, &after.settings)
    else {
        return Ok(());
    };
    let same = (
        &before.host,
        before.port,
        &before.security,
        &before.username,
    ) == (&after.host, after.port, &after.security, &after.username);
    if same || !has_password || sends_password || after.username.is_none() {
        return Ok(());
    }
    let problem = "send the password along when the server or the user name changes";
    invalid("email.password", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: AddressRules = AddressRules {
        plain_http: false,
        private_networks: false,
    };

    #[test]
    fn webhooks_reach_nothing_inside() {
        for url in [
            "http://example.com/hook",
            "https://10.0.0.1/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00::1]/",
            "https://user:password@example.com/",
            "ftp://example.com/",
            "https://2130706433/",
            "https://example.com/hook#part",
            "https://example.com/ho\r\nok",
            "example.com",
        ] {
            assert!(address(STRICT, url).is_err(), "{url}");
        }
        let uri = address(STRICT, "https://example.com/hook?key=1&b=2").expect("is fine");
        assert_eq!(uri.to_string(), "https://example.com/hook?key=1&b=2");
        let uri = address(STRICT, "https://example.com?key=1").expect("is fine");
        assert_eq!(uri.to_string(), "https://example.com/?key=1");
    }

    #[test]
    fn what_is_shown_of_an_address_opens_nothing() {
        let url = |text: &str| Some(Secret::new(text.to_owned()));
        let slack = url("https://hooks.slack.com/services/T0/B0/secret");
        let settings = settings(STRICT, ChannelKind::Slack, slack.as_ref(), None).expect("fine");
        let Settings::Slack { shown, .. } = settings else {
            panic!("{settings:?}");
        };
        assert_eq!(shown, "https://hooks.slack.com/***");
        let hook = url("https://example.com/hook?token=secret");
        let settings = super::settings(STRICT, ChannelKind::Webhook, hook.as_ref(), None);
        let shown = "https://example.com/hook?***".to_owned();
        assert_eq!(settings.expect("fine"), Settings::Webhook { shown });
    }

    #[test]
    fn mail_leaves_the_machine_encrypted_only() {
        let mail = |host: &str, secrecy: &str| Mail {
            host: host.to_owned(),
            port: 25,
            security: secrecy.to_owned(),
            username: None,
            from: "iron@example.com".to_owned(),
            to: vec!["ada@example.com".to_owned()],
        };
        assert!(checked_mail(STRICT, mail("localhost", "none")).is_ok());
        assert!(checked_mail(STRICT, mail("mail.example.com", "starttls")).is_ok());
        assert!(checked_mail(STRICT, mail("mail.example.com", "none")).is_err());
        assert!(checked_mail(STRICT, mail("mail.example.com", "ssl")).is_err());
        assert!(checked_mail(STRICT, mail("mail example", "tls")).is_err());
        let strange = Mail {
            to: vec!["a@b\r\nBcc: c@d".to_owned()],
            ..mail("localhost", "none")
        };
        assert!(checked_mail(STRICT, strange).is_err());
    }
}
