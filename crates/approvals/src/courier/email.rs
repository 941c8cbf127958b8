//! Mail over SMTP.

use std::time::{Duration, UNIX_EPOCH};

use iron_net::egress::AddressRules;
use iron_primitives::Secret;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::outcome::Failed;
use super::{ATTEMPT, Parcel, chain};
use crate::{Mail, Secrecy};

const FOOTER: &str =
    "\n-- \nIron Cage tells you this because a notification channel of your tenant says so.\n";

const CONFIDED: &str =
    "\n-- \nNobody else was sent this letter. If you do not expect it, do nothing.\n";

pub(super) async fn send(
    rules: AddressRules,
    mail: &Mail,
    password: Option<Secret>,
    (parcel, enclosed): (&Parcel, Option<Secret>),
) -> Result<(), Failed> {
    let message = message(mail, parcel, enclosed)?;
    let secrecy = mail.security.parse().unwrap_or(Secrecy::Tls);
    let found = rules.resolve(&mail.host, mail.port).await;
    let addresses = found.map_err(|error| Failed::again(error.to_string()))?;
    let mut last = Failed::again("no address answers");
    for address in addresses {
        // Connected to the address that was looked at, whatever the name resolves to by now; the
        // certificate is held against the name.
        let parameters = || {
            let made = TlsParameters::new(mail.host.clone());
            made.map_err(|error| Failed::again(chain(&error)))
        };
        let tls = match secrecy {
            Secrecy::Tls => Tls::Wrapper(parameters()?),
            Secrecy::Starttls => Tls::Required(parameters()?),
            Secrecy::None => Tls::None,
        };
        let host = address.ip().to_string();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(address.port())
            .timeout(Some(ATTEMPT))
            .tls(tls);
        if let (Some(username), Some(password)) = (&mail.username, &password) {
            let password = password.expose().to_owned();
            builder = builder.credentials(Credentials::new(username.clone(), password));
        }
        last = match builder
            .build::<Tokio1Executor>()
            .send(message.clone())
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) if error.is_permanent() => return Err(Failed::finally(chain(&error))),
            // The server has spoken: another address of it would say the same.
            Err(error) if error.is_transient() => return Err(Failed::again(chain(&error))),
            Err(error) => Failed::again(chain(&error)),
        };
    }
    Err(last)
}

fn message(mail: &Mail, parcel: &Parcel, enclosed: Option<Secret>) -> Result<Message, Failed> {
    let mailbox = |text: &str| {
        let address = text.parse::<Address>();
        let address = address.map_err(|_| Failed::finally("an address of the channel is none"))?;
        Ok::<_, Failed>(Mailbox::new(None, address))
    };
    let micros = u64::try_from(parcel.created_at.micros()).unwrap_or(0);
    let mut builder = Message::builder()
        .from(mailbox(&mail.from)?)
        .subject(format!("[Iron Cage] {}", parcel.said.title))
        // The same at each attempt, so that repetitions can be told.
        .message_id(Some(format!("<{}@iron-cage.invalid>", parcel.id)))
        .date(UNIX_EPOCH + Duration::from_micros(micros))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ))
        .header(ContentType::TEXT_PLAIN);
    let to = match &parcel.recipient {
        Some(one) => std::slice::from_ref(one),
        None => mail.to.as_slice(),
    };
    for one in to {
        builder = builder.to(mailbox(one)?);
    }
    let said = parcel.said.as_text();
    let text = match enclosed {
        Some(enclosed) => format!("{said}\n{}\n{CONFIDED}", enclosed.expose()),
        None => format!("{said}{FOOTER}"),
    };
    builder
        .body(text)
        .map_err(|error| Failed::finally(chain(&error)))
}
