//! The security token service: who signs for it gets credentials of a role, for an hour.

use iron_primitives::Timestamp;

use super::signature::unsigned;
use crate::fake::SeenRequest;
use crate::fake::pieces::Reply;

/// The role that may be taken on, and what it wants to hear.
const ROLE: &str = "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Ffake";
const EXTERNAL_ID: &str = "fake-external-id";
const LIFE_SECONDS: i64 = 3600;

/// The credentials that were given out, numbered, with the moment of their end.
#[derive(Default)]
pub(in crate::fake) struct Sts {
    ends: Vec<i64>,
    /// How many of them are worth nothing.
    revoked: usize,
}

impl Sts {
    /// Makes the credentials worthless that were given out.
    pub(in crate::fake) fn revoke(&mut self) {
        self.revoked = self.ends.len();
    }

    fn key(number: usize) -> String {
        format!("ASIAFAKE{number:012}:role/secret+{number}:FwoGZXIv:{number}==")
    }

    /// The key that a request must be signed with: that of a role if it shows one.
    pub(in crate::fake) fn key_of(&self, seen: &SeenRequest, own: &str, now: i64) -> String {
        let shown = seen.header("authorization").unwrap_or_default();
        let good = self.ends.iter().enumerate().skip(self.revoked);
        let good = good.filter(|(_, ends)| now < **ends);
        let mut keys = good.map(|(number, _)| Sts::key(number));
        let signs = |key: &String| {
            let id = key.split(':').next().unwrap_or_default();
            shown.contains(&format!("Credential={id}/"))
        };
        keys.find(signs).unwrap_or_else(|| own.to_owned())
    }

    /// Gives credentials of the role.
    pub(in crate::fake) fn assume(&mut self, seen: &SeenRequest, key: &str, now: i64) -> Reply {
        let refuse = |code: &str, why: &str| {
            let body = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{why}</Message></Error></ErrorResponse>"
            );
            Reply::xml(403, body)
        };
        if let Some((kind, why)) = unsigned(seen, key, now, "sts") {
            return refuse(kind, &why);
        }
        let form = String::from_utf8_lossy(&seen.body);
        let says = |pair: &str| form.split('&').any(|own| own == pair);
        if !says("Action=AssumeRole") || !says("Version=2011-06-15") {
            return refuse("InvalidAction", "Could not find operation");
        }
        let known = says(&format!("RoleArn={ROLE}"));
        if !known || !says(&format!("ExternalId={EXTERNAL_ID}")) {
            return refuse(
                "AccessDenied",
                "is not authorized to perform: sts:AssumeRole",
            );
        }
        let key = Sts::key(self.ends.len());
        let ends = now.saturating_add(LIFE_SECONDS);
        self.ends.push(ends);
        let mut parts = key.splitn(3, ':').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        let body = format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\n\
             <AccessKeyId>{}</AccessKeyId>\n<SecretAccessKey>{}</SecretAccessKey>\n<SessionToken>{}</SessionToken>\n\
             <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            part(),
            part(),
            part(),
            Timestamp::from_seconds(ends)
        );
        Reply::xml(200, body)
    }
}
